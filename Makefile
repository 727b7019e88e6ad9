# `make demo` and `make test` need Python 3.11 or newer with venv, and make; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# How pip marks that everything is installed; made anew when what is asked for changes.
INSTALLED := $(VENV)/installed
INSTALLED_DEV := $(VENV)/installed-dev

.PHONY: demo test check torture bench clean

demo: $(INSTALLED)
	$(BIN)/bimodal demo

test: $(INSTALLED_DEV)
	$(BIN)/python -m pytest -n auto --dist worksteal

check: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Hours: kills, limits, two calls at once and damaged files; TORTURE='--kills 10 --fuzzed 100 --limits 5' takes minutes.
# Cases are kept in torture/, so that the same command continues; TORTURE=--out FILE writes the page.
torture: $(INSTALLED_DEV)
	$(BIN)/python -m tests.robustness.torture $(TORTURE)

# An hour: every claim about speed, measured on this machine; BENCH='--only startup removal' measures some.
bench: $(INSTALLED_DEV)
	$(BIN)/python benchmarks/bench.py $(BENCH)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("bimodal needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(INSTALLED_DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(INSTALLED) $@
