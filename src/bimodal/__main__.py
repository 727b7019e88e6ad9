"""Run the command line with `python -m bimodal`."""

from bimodal.cli.main import run

run()
