"""`bimodal predict` and `bimodal.predict` from end to end."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import bimodal as package
from bimodal.cli.predict import _summary_lines
from bimodal.errors import InputError
from bimodal.inference.config import InferenceConfig
from bimodal.inference.predict_files import Output, predict_files
from bimodal.inference.results import ImageResult, Summary
from bimodal.model_files.network import Network
from tests.conftest import SHARED, Outcome, fails_with_one_line
from tests.inference.conftest import EMOTIONS, BrightSquareDetector, scene

YUNET = SHARED / "models" / "face_detection_yunet_2023mar.onnx"
PHOTOGRAPHS = SHARED / "data" / "faces"


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    folder = tmp_path / "crops"
    folder.mkdir()
    for number in range(5):
        Image.fromarray(scene((0, 0, 40), size=(40, 40), seed=number)).save(folder / f"{number}.png")
    (folder / "broken.png").write_text("not an image")
    return folder


def test_a_folder_gives_a_table(crops: Path, onnx_file: Path, cli: Callable[..., Outcome], tmp_path: Path) -> None:
    out = tmp_path / "new/faces.csv"
    result = cli("predict", crops, "--model", onnx_file, "--no-detect", "--out", out)
    assert result.returncode == 0, result.stderr
    assert "5 faces in 5 images; 1 image could not be read" in result.stdout
    table = pd.read_csv(out)
    assert len(table) == 6
    assert table["file"].str.endswith("broken.png").tolist() == [False] * 5 + [True]
    assert table["note"].iloc[5] == "unreadable: not a picture in a known format"
    assert np.allclose(table.iloc[:5][[f"p_{name}" for name in EMOTIONS]].sum(axis=1), 1, atol=1e-5)
    fails_with_one_line(
        cli("predict", crops, "--model", onnx_file, "--no-detect", "--out", out), "exists", "--overwrite"
    )
    lines = tmp_path / "faces.jsonl"
    assert cli("predict", crops, "--model", onnx_file, "--no-detect", "--out", lines, "--batch-size", 1).returncode == 0
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    for name in EMOTIONS:
        assert [row[f"p_{name}"] for row in rows[:5]] == pytest.approx(table[f"p_{name}"][:5].tolist(), abs=1e-5)


def test_the_terminal_shows_the_table(crops: Path, onnx_file: Path, cli: Callable[..., Outcome]) -> None:
    result = cli("predict", crops, "--model", onnx_file, "--no-detect")
    assert result.returncode == 0
    assert "0.png" in result.stdout
    assert "unreadable" in result.stdout
    assert "could not be read" in result.stderr


def test_an_interrupted_table_is_resumed(
    crops: Path, onnx_file: Path, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    command = ("predict", crops, "--model", onnx_file, "--no-detect", "--out")
    assert cli(*command, tmp_path / "whole.csv").returncode == 0
    whole = (tmp_path / "whole.csv").read_bytes()
    out = tmp_path / "out.csv"
    assert cli(*command, out).returncode == 0
    lines = out.read_bytes().splitlines(keepends=True)
    out.unlink()
    network = package.load(onnx_file)

    def interrupt(result: ImageResult, rows: list[dict[str, object]]) -> None:
        if result.frame.file.endswith("3.png"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_files(
            [str(crops)], network, InferenceConfig(detect=False, batch_size=1), Output(out), on_result=interrupt
        )
    part = out.with_name("out.csv.part")
    assert 3 <= len(part.read_bytes().splitlines()) <= len(lines)
    assert not out.exists()
    out.write_text("an older table, which --overwrite was to replace")
    fails_with_one_line(cli(*command, tmp_path / "other.csv", "--resume", "--overwrite"), "exclude each other")
    result = cli(*command, out, "--resume")
    assert result.returncode == 0, result.stderr
    assert "3 files done before" in result.stdout
    assert out.read_bytes() == whole
    assert sorted(path.name for path in tmp_path.glob("*.csv*")) == ["out.csv", "whole.csv"]


def test_the_table_of_another_call_is_not_continued(
    crops: Path, onnx_file: Path, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    def interrupt(result: ImageResult, rows: list[dict[str, object]]) -> None:
        if result.frame.file.endswith("3.png"):
            raise KeyboardInterrupt

    out, network = tmp_path / "out.csv", package.load(onnx_file)
    with pytest.raises(KeyboardInterrupt):
        predict_files(
            [str(crops)], network, InferenceConfig(detect=False, batch_size=1), Output(out), on_result=interrupt
        )
    part = (tmp_path / "out.csv.part").read_bytes()
    again = ("predict", "--model", onnx_file, "--no-detect", "--out", out, "--resume")
    fails_with_one_line(cli(*again, crops, "--draw", tmp_path / "annotated"), "other settings")
    fails_with_one_line(cli(*again, "--camera", "0"), "cannot be resumed")
    assert (tmp_path / "out.csv.part").read_bytes() == part


def test_a_call_that_fails_leaves_no_files(
    crops: Path, onnx_file: Path, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    out, annotated = tmp_path / "x.csv", tmp_path / "d"
    (crops / "empty").mkdir()
    for bad in (
        ["gone.png"],
        [crops, "gone.png"],
        [crops, crops / "empty"],
        [crops / "broken.png"],
        ["--camera", "97"],
    ):
        result = cli("predict", *bad, "--model", onnx_file, "--no-detect", "--out", out, "--draw", annotated)
        fails_with_one_line(result)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["crops"]
    (tmp_path / "x.csv.part.json").write_text("precious")
    fails_with_one_line(
        cli("predict", crops, "--model", onnx_file, "--no-detect", "--out", out), "not a file of bimodal"
    )
    assert (tmp_path / "x.csv.part.json").read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["no inputs; expected images"]),
        (["gone.png"], ["no file or folder gone.png"]),
        (["{crops}", "--camera", "0"], ["--camera and input files exclude each other"]),
        (["{crops}", "--out", "faces.txt"], ["must end in .csv or .jsonl"]),
        (["{crops}", "--resume"], ["name it with --out"]),
        (["{crops}", "--out", "a.csv", "--resume", "--overwrite"], ["exclude each other"]),
        (["{crops}", "--batch-size", "0"], ["--batch-size must be a whole number from 1"]),
        (["{crops}", "--every", "0"], ["--every must be a whole number of at least 1"]),
        (["{crops}", "--detect-side", "4096"], ["--detect-side and --no-detect exclude each other"]),
        (["{crops}", "--detect-side", "100"], ["--detect-side must be a whole number from 640"]),
        (["{crops}/broken.png"], ["no input could be read"]),
        (["--camera", "97"], ["no camera 97"]),
    ],
)
def test_a_mistake_of_the_user_gives_one_line(
    crops: Path, onnx_file: Path, cli: Callable[..., Outcome], arguments: list[str], words: list[str]
) -> None:
    given = [argument.format(crops=crops) for argument in arguments]
    result = cli("predict", "--model", onnx_file, "--no-detect", *given)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    last = result.stderr.strip().splitlines()[-1]
    for word in words:
        assert word in last


def test_an_unusable_model_gives_one_line(
    crops: Path, onnx_file: Path, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    import onnx

    (tmp_path / "text.onnx").write_text("no model")
    content = onnx_file.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(content[: len(content) // 2])
    foreign = onnx.load(onnx_file)
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    newer = onnx.load(onnx_file)
    for entry in newer.metadata_props:
        if entry.key == "bimodal":
            entry.value = entry.value.replace('"format": 1', '"format": 2')
    onnx.save(newer, tmp_path / "newer.onnx")
    other = onnx.load(onnx_file)
    for entry in other.metadata_props:
        if entry.key == "bimodal":
            entry.value = entry.value.replace('"image_size": 32', '"image_size": 64')
    onnx.save(other, tmp_path / "other.onnx")
    endless = onnx.load(onnx_file)
    for weight in endless.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT:
            weight.CopyFrom(
                onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight) * np.float32("nan"), weight.name)
            )
    onnx.save(endless, tmp_path / "endless.onnx")
    silent = onnx.load(onnx_file)
    del silent.graph.output[:]
    onnx.save(silent, tmp_path / "silent.onnx")
    (tmp_path / "notes.txt").write_text("a")
    (tmp_path / "folder").mkdir()
    for name, word in (
        ("gone.onnx", "no model at"),
        ("text.onnx", "damaged or is not an ONNX model"),
        ("cut.onnx", "damaged or is not an ONNX model"),
        ("foreign.onnx", "not made by bimodal export"),
        ("newer.onnx", "newer bimodal"),
        ("other.onnx", "expected an input (N, 3, 64, 64)"),
        ("endless.onnx", "not finite floating-point numbers"),
        ("silent.onnx", "got 0 outputs"),
        ("notes.txt", "is not a model"),
        ("folder", "expected a run folder"),
        ("gone", "no model at"),
    ):
        fails_with_one_line(cli("predict", crops, "--no-detect", "--model", tmp_path / name), word)


def test_weights_outside_of_the_file_are_not_read(
    onnx_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx

    model = onnx.load(onnx_file)
    (tmp_path / "inside").mkdir()
    onnx.save(model, tmp_path / "inside/a.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    with pytest.raises(InputError, match="damaged"):
        package.load(tmp_path / "inside/a.onnx")
    monkeypatch.chdir(tmp_path / "inside")  # where the runtime looks for weights of a model that it is given as bytes
    assert Path("weights").is_file()
    with pytest.raises(InputError, match="damaged"):
        package.load("a.onnx")


def test_no_slow_library_is_loaded(crops: Path, onnx_file: Path) -> None:
    code = (
        "import sys; from bimodal.cli.main import run; sys.argv = ['bimodal', *sys.argv[1:]]\n"
        "try: run()\nexcept SystemExit as stop: assert not stop.code, stop.code\n"
        "slow = {'torch', 'albumentations', 'lightning', 'timm', 'pandas', 'matplotlib', 'sklearn', 'scipy.stats', 'onnx', 'pooch'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "predict", str(crops / "0.png"), "--model", str(onnx_file), "--no-detect"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_python_needs_no_torch_for_the_packaged_network(crops: Path) -> None:
    code = (
        "import sys, bimodal; network = bimodal.load(); table = bimodal.predict(sys.argv[1], network, detect=False)\n"
        "print(len(table), sorted({'torch', 'lightning', 'timm', 'albumentations', 'matplotlib'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(crops / "0.png")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert (result.stdout, result.stderr) == ("1 []\n", "")


@pytest.mark.parametrize("model", ["gone/model", "bimodal/face-s"])
def test_inputs_are_checked_before_the_model_and_the_detector_are_loaded(
    model: str, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Outcome]
) -> None:
    def fail(*_: object) -> None:
        pytest.fail("loaded before the inputs were checked")

    for name in ("predict_files.load", "predict_files.detector_file", "pipeline.detector_file", "predict.load"):
        monkeypatch.setattr(f"bimodal.inference.{name}", fail)
    fails_with_one_line(cli("predict", "gone.jpg", "--model", model), "no file or folder gone.jpg")
    with pytest.raises(InputError, match=r"no file or folder gone\.jpg"):
        package.predict(["gone.jpg"], model)


def test_an_unaligned_model_on_detected_faces_gives_a_warning(
    crops: Path, onnx_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    aligned = package.load(onnx_file)
    unaligned = Network(replace(aligned.info, aligned=False), aligned.forward)
    for network, detect, warned in ((unaligned, True, True), (unaligned, False, False), (aligned, True, False)):
        caplog.clear()
        config = InferenceConfig(detect, make_detector=BrightSquareDetector if detect else None)
        predict_files([crops / "0.png"], network, config)
        assert ("without face alignment" in caplog.text) == warned


def test_one_of_a_kind_is_singular(crops: Path, onnx_file: Path, cli: Callable[..., Outcome]) -> None:
    result = cli("predict", crops / "0.png", "--model", onnx_file, "--no-detect")
    assert result.stderr.splitlines()[0] == "1 face in 1 image"


def test_progress_is_logged_up_to_the_total(crops: Path, onnx_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "bimodal")
    files = [crops / f"{number}.png" for number in range(5)]
    predict_files(files, onnx_file, InferenceConfig(detect=False))
    steps = [record.progress for record in caplog.records if hasattr(record, "progress")]
    assert (steps[0].done, steps[0].total) == (0, 5)
    assert (steps[-1].done, steps[-1].total) == (5, 5)


def test_from_python(crops: Path, onnx_file: Path) -> None:
    network = package.load(onnx_file)
    table = package.predict(
        [crops, scene((0, 0, 40), size=(40, 40)), np.zeros((30, 30), np.uint8)], network, detect=False
    )
    assert len(table) == 8
    assert table["emotion"].notna().sum() == 7
    alone = package.predict(crops / "0.png", onnx_file, detect=False)
    assert alone["emotion"][0] == table["emotion"][0]
    for bad, word in (
        (3, "expected paths or arrays"),
        (np.zeros((2, 2, 4), np.uint8), "expected an image"),
        (crops / "no", "no file or folder"),
    ):
        with pytest.raises(InputError, match=word):
            package.predict([bad], network, detect=False)  # type: ignore[list-item]


@pytest.mark.skipif(not (YUNET.is_file() and PHOTOGRAPHS.is_dir()), reason=f"needs {YUNET} and {PHOTOGRAPHS}")
def test_faces_are_found_in_photographs(onnx_file: Path, cli: Callable[..., Outcome], tmp_path: Path) -> None:
    files = sorted((PHOTOGRAPHS / "happy").glob("*.jpg"))[:8]
    mosaic = np.concatenate(
        [np.asarray(Image.open(file).convert("RGB").resize((256, 256))) for file in files[:3]], axis=1
    )
    Image.fromarray(mosaic).save(tmp_path / "three.png")
    out, annotated = tmp_path / "faces.csv", tmp_path / "annotated"
    result = cli(
        "predict",
        tmp_path / "three.png",
        *files,
        "--model",
        onnx_file,
        "--detector",
        YUNET,
        "--out",
        out,
        "--draw",
        annotated,
    )
    assert result.returncode == 0, result.stderr
    table = pd.read_csv(out)
    assert (table["file"] == str(tmp_path / "three.png")).sum() == 3
    assert table["detection_score"].min() > 0.6
    assert len(list(annotated.glob("*.jpg"))) == 9
    fails_with_one_line(
        cli("predict", files[0], "--model", onnx_file, "--detector", YUNET, "--draw", annotated),
        "exists",
        "choose another",
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter").touch()
    fails_with_one_line(
        cli("predict", files[0], "--model", onnx_file, "--detector", YUNET, "--draw", tmp_path / "mine", "--overwrite"),
        "did not write",
    )


def test_many_tiny_faces_give_a_hint() -> None:
    def hint(tiny: int, faces: int, side: int | None = None) -> list[str]:
        return [line for line in _summary_lines(Summary(1, faces, tiny), side) if "--detect-side" in line]

    assert "8 faces had under 24 pixels where they were looked for" in hint(8, 20)[0]
    assert "--detect-side 4096 looks closer" in hint(8, 20)[0]
    assert "--detect-side 6000 looks closer" in hint(8, 20, 3000)[0]
    assert hint(2, 20) == hint(0, 0) == hint(8, 20, 16_384) == [], "few, none, or as close as can be"
