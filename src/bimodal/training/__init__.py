"""Training: from a data folder to a run folder, and the callback that adds removal to any Lightning training."""
