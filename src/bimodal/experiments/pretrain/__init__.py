"""How the network that comes with bimodal is made: FER2013's faces, FERPlus's votes, two heads on one backbone."""
