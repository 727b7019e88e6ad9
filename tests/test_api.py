"""The public names of `bimodal`: complete, importable, and without an import of a large library before it is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

import bimodal

NAMES = {
    "BimodalDistributionRemoval",
    "InputError",
    "LossLedger",
    "Remover",
    "Run",
    "TrainSettings",
    "audit",
    "embed",
    "evaluate",
    "find_label_issues",
    "get_label_quality_scores",
    "load",
    "predict",
    "prepare",
    "train",
}
HEAVY = {"torch", "lightning", "timm", "pandas", "sklearn", "scipy", "cv2", "matplotlib", "PIL", "albumentations"}


def loaded_after(code: str) -> set[str]:
    """Return the names of the modules that are loaded after some code ran in a fresh process."""
    result = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


def test_dir_lists_the_public_names_and_no_others() -> None:
    assert set(dir(bimodal)) == NAMES | {"__version__"}
    assert set(bimodal.__all__) == set(dir(bimodal))


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_name_is_the_object_of_that_name_with_a_docstring(name: str) -> None:
    value = getattr(bimodal, name)
    assert value.__name__ == name
    assert value.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        bimodal.trian  # noqa: B018


def test_import_and_dir_load_no_large_library() -> None:
    assert not loaded_after("import bimodal; dir(bimodal); bimodal.__version__; bimodal.InputError") & HEAVY


def test_the_pure_functions_load_no_training_engine() -> None:
    code = "import bimodal; bimodal.find_label_issues; bimodal.LossLedger; bimodal.Remover; bimodal.Run"
    assert not loaded_after(code) & {"torch", "lightning", "timm", "cv2", "matplotlib", "albumentations"}


def test_features_and_an_audit_are_imported_without_a_training_engine() -> None:
    assert not loaded_after("import bimodal; bimodal.embed; bimodal.audit") & {
        "torch",
        "lightning",
        "timm",
        "matplotlib",
    }


def test_functions_take_paths_as_text(tmp_path: Path) -> None:
    for call in (
        lambda: bimodal.prepare(str(tmp_path / "nothing"), str(tmp_path / "DATA")),
        lambda: bimodal.train(str(tmp_path / "nothing"), str(tmp_path / "RUN")),
        lambda: bimodal.embed(str(tmp_path / "nothing")),
        lambda: bimodal.audit(str(tmp_path / "nothing"), str(tmp_path / "AUDIT")),
        lambda: bimodal.Run.open(str(tmp_path / "nothing")),
    ):
        with pytest.raises(bimodal.InputError, match="nothing"):
            call()
