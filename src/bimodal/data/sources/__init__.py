"""Readers of the kinds of sources that `bimodal prepare` takes; each returns a `Source`."""

from bimodal.data.sources.entry import Entry, Problem, Source
from bimodal.data.sources.read import read_source

__all__ = ["Entry", "Problem", "Source", "read_source"]
