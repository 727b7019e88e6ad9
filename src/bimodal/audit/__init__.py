"""From faces whose labels are half trusted to a list of those that are probably wrong, and to cleaned labels."""
