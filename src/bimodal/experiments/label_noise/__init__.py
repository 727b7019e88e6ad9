"""The label-noise study: who finds wrong labels best, at what cost, and whether removing them helps."""
