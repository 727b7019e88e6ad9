"""The installed version of bimodal."""

from importlib.metadata import version

__version__ = version("bimodal")
