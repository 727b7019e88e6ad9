"""The examples in docstrings run, and every link inside the documents leads somewhere."""

import doctest
import importlib
import pkgutil
import re

import pytest

import bimodal
from tests.conftest import ROOT

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(bimodal.__path__, "bimodal.") if module.name != "bimodal.__main__"
)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip() or name.endswith("__init__"), f"{name} does not say what it is for"
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
        assert (document.parent / target).exists(), target
