"""How one face is drawn: a person, an expression, a canvas, and the photograph that is made of them."""
