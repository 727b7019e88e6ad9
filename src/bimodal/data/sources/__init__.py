"""Readers of the kinds of sources that `prepare` takes; each returns a `Source`."""
