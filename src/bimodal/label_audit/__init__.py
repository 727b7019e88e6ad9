"""From a data folder to a ranking of labels that are probably wrong, a page to review them, and cleaned labels."""
