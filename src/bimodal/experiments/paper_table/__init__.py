"""The paper's table: many methods on the same faces, with several seeds, and what may be concluded from them."""
