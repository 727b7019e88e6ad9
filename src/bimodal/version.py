"""The version of bimodal, as it is installed."""

from importlib.metadata import version

__version__ = version("bimodal")
