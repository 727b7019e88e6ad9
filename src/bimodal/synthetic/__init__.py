"""Faces drawn from facial action units, with labels that are known to be right or wrong."""
