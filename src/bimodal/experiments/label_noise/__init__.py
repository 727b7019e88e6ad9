"""The label-noise study: how well methods find wrong labels, at what cost, and whether removing them helps."""
