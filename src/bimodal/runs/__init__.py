"""Run folders: the one place that knows their files, reads them and writes them. No training engine."""
