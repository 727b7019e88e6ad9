"""Reading a run folder: typed tables, and one error line for each damaged file."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bimodal.errors import InputError
from bimodal.runs.read import Column, read_csv
from bimodal.runs.run import Run
from tests.conftest import Outcome, fails_with_one_line
from tests.runs import TRAIN, WRONG, write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path, "run", rule="wang")


def test_a_complete_run_is_read_with_types(folder: Path) -> None:
    run = Run.open(folder)
    assert run.removed["row"].tolist() == WRONG
    assert run.removed["row"].dtype == np.int64
    assert run.removed["probability"].isna().all()
    assert run.removal_steps[["epoch", "rule", "removed"]].to_numpy().tolist() == [[6, "wang", len(WRONG)]]
    assert run.metrics["epoch"].tolist() == list(range(1, 9))
    assert run.seconds["seconds"].sum() == 8
    assert len(run.losses["rows"]) == TRAIN
    assert not run.is_finished


def test_optional_columns_of_the_manifest_may_be_absent(folder: Path) -> None:
    complete = Run.open(folder).manifest
    complete[["image", "label", "split", "digest"]].to_csv(folder / "manifest.csv", index=False)
    run = Run.open(folder)
    for column in ("group", "original_label", "true_label", "flag"):
        assert run.manifest[column].tolist() == [""] * len(complete)
    assert run.manifest["label"].tolist() == complete["label"].tolist()
    complete[["image", "label", "split"]].to_csv(folder / "manifest.csv", index=False)
    with pytest.raises(InputError, match=r"manifest\.csv .*digest"):
        _ = Run.open(folder).manifest


def test_a_manifest_without_training_faces_is_damaged(folder: Path) -> None:
    Run.open(folder).manifest.assign(split="test").to_csv(folder / "manifest.csv", index=False)
    with pytest.raises(InputError, match=r"manifest\.csv is damaged: expected faces in split train, found none"):
        _ = Run.open(folder).manifest


def test_a_run_without_removal_has_empty_tables(tmp_path: Path) -> None:
    run = Run.open(write_run(tmp_path, "run"))
    assert run.removed.empty
    assert run.removal_steps.empty


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("losses.npz", b"PK\x03\x04"),
        ("environment.json", b"[1, 2]"),
        ("environment.json", b"{" + b'"a":[' * 100_000),
        ("environment.json", b'{"seed": ' + b"9" * 5000 + b"}"),
        ("network.json", b"[" * 100_000),
        ("network.json", b"[1, 2]"),
        ("network.json", b'[{"name": "a", "parameters": "many"}]'),
        ("config.yaml", b"[" * 100_000),
        ("metrics.csv", b"\xff"),
        ("metrics.csv", b"epoch,step\n1,5\n"),
        ("removed.csv", b""),
    ],
)
def test_damaged_files_are_one_line(folder: Path, cli: Callable[..., Outcome], file: str, content: bytes) -> None:
    (folder / file).write_bytes(content)
    fails_with_one_line(cli("report", folder), file)


@pytest.mark.parametrize(
    ("attribute", "file", "column", "value", "message"),
    [
        ("metrics", "metrics.csv", "epoch", "first", "row 2: epoch must be a whole number of at least 1, got 'first'"),
        (
            "metrics",
            "metrics.csv",
            "val_accuracy",
            "1.5",
            "row 2: val_accuracy must be a number from 0 to 1, got '1.5'",
        ),
        ("steps", "steps.csv", "epoch", "1.5", "row 2: epoch must be a whole number"),
        ("removed", "removed.csv", "label", "bored", "row 2: label must be one of angry, disgust"),
        ("removed", "removed.csv", "loss", "", "row 2: loss must be a number, got ''"),
        ("removed", "removed.csv", "loss", "inf", "row 2: loss must be a number, got 'inf'"),
        ("removed", "removed.csv", "loss", "nan", "row 2: loss must be a number, got 'nan'"),
        (
            "manifest",
            "manifest.csv",
            "split",
            "training",
            "row 2: split must be one of train, val, test, got 'training'",
        ),
        ("manifest", "manifest.csv", "digest", "xyz", "row 2: digest must be text like"),
    ],
)
def test_a_bad_cell_is_named(folder: Path, attribute: str, file: str, column: str, value: str, message: str) -> None:
    table = pd.read_csv(folder / file, dtype=str, keep_default_na=False)
    table.loc[1, column] = value
    table.to_csv(folder / file, index=False)
    with pytest.raises(InputError, match=f"{file}, {message}"):
        getattr(Run.open(folder), attribute)


def test_a_bad_probability_is_named(folder: Path) -> None:
    file = folder / "predictions_val.csv"
    table = pd.read_csv(file, dtype=str)
    table.loc[2, "p_happy"] = "-0.1"
    table.to_csv(file, index=False)
    with pytest.raises(
        InputError, match=r"predictions_val\.csv, row 3: p_happy must be a number from 0 to 1, got '-0.1'"
    ):
        Run.open(folder).predictions("val")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"last": None}, "lacks the array last"),
        ({"rows": np.arange(3)}, r"must have the shape \(3,\)"),
        ({"kept": np.zeros(TRAIN)}, "kept must have .* a type of kind b"),
        ({"last": np.zeros(TRAIN, complex)}, "last must have .* a type of kind f, got complex128"),
        ({"pred_probs": np.zeros(TRAIN)}, rf"pred_probs must have the shape \({TRAIN}, 7\)"),
        ({"pred_probs": np.full((TRAIN, 7), 2.0)}, "pred_probs must hold numbers from 0 to"),
        ({"by_epoch": np.zeros(TRAIN)}, "by_epoch must have"),
        ({"by_epoch": np.zeros((3, TRAIN))}, rf"by_epoch must have the shape \({TRAIN}, {TRAIN}\)"),
        ({"by_epoch": np.full((TRAIN, 3), -1.0)}, "by_epoch must hold numbers from 0 to"),
        ({"mean": np.full(TRAIN, np.inf)}, "mean must hold numbers from 0 to"),
        ({"rows": np.full(TRAIN, -1)}, "rows must hold numbers"),
    ],
)
def test_bad_arrays_are_named(folder: Path, changes: dict, message: str) -> None:
    arrays = {**np.load(folder / "losses.npz"), **changes}
    np.savez(folder / "losses.npz", **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(InputError, match=message):
        _ = Run.open(folder).losses


def test_arrays_that_would_fill_the_memory_are_refused_by_their_headers(folder: Path) -> None:
    def write(description: str, shape: tuple[int, ...], megabytes: int) -> None:
        header = {"descr": description, "fortran_order": False, "shape": shape}
        with (
            zipfile.ZipFile(folder / "losses.npz", "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("rows.npy", "w") as stream,
        ):
            np.lib.format.write_array_header_1_0(stream, header)
            for _ in range(megabytes):
                stream.write(bytes(2**20))

    for description, shape, megabytes in (
        ("<i8", (2**40,), 0),
        ("|u1", (2**30,), 1024),
    ):  # 8 TiB stated; 1 GiB unfolded
        write(description, shape, megabytes)
        with pytest.raises(InputError, match="must hold at most 512 MiB of arrays"):
            _ = Run.open(folder).losses


def test_arrays_that_would_run_code_are_refused(folder: Path) -> None:
    np.savez(folder / "losses.npz", rows=np.array([print], dtype=object))
    with pytest.raises(InputError, match="is damaged"):
        _ = Run.open(folder).losses


def test_numbers_are_read_exactly_and_names_stay_text(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).random(1000)
    file = tmp_path / "table.csv"
    pd.DataFrame({"image": "NA", "number": numbers}).to_csv(file, index=False)
    table = read_csv(file, {"image": Column(), "number": Column(float)})
    assert (table["number"] == numbers).all()
    assert set(table["image"]) == {"NA"}


def test_missing_predictions_name_the_command(tmp_path: Path) -> None:
    run = Run.open(write_run(tmp_path, "a run", test=False))
    with pytest.raises(InputError, match=r"bimodal evaluate '.*a run' --split test"):
        run.predictions("test")
