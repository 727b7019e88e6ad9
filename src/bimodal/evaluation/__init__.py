"""Measures, intervals and tests from arrays; no files, no engine."""
