"""Train a classifier of facial emotion on a small, noisy set of faces, and find its wrong labels meanwhile."""

from importlib.metadata import version

__version__ = version("bimodal")
