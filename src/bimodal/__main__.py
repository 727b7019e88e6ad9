"""`python -m bimodal` is `bimodal`."""

from bimodal.cli.main import run

run()
