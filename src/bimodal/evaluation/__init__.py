"""Metrics and statistics from arrays: how good a model is, and how sure we are. Pure: no files, no engine."""
