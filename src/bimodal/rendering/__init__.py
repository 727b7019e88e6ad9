"""How results are shown: plots, tables, HTML."""
