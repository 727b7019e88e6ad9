"""A trained network as files: what it takes and gives, and the network that comes with bimodal."""
