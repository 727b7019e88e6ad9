"""Every file that a command reads, with a command that reads it, in a small workspace."""

import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from bimodal.model_files.packaged import FACE, ONNX, packaged_file
from tests import data_page_formats  # noqa: F401  registers its sources
from tests.conftest import SMALL
from tests.data_page_sources import MAKERS
from tests.label_audit.conftest import draw_data
from tests.robustness.calls import call
from tests.runs import write_run
from tests.test_data_page import ROWS


@dataclass(frozen=True)
class Target:
    """A file to damage, the folders to copy, and a command in the copy that reads the file."""

    file: str
    folders: tuple[str, ...]
    command: tuple[str, ...]
    folder: str = ""


def build(folder: Path, trained: bool = True) -> list[Target]:
    """Make the workspace in an empty folder, and return the targets in it; without training, runs have made-up numbers."""
    draw_data(folder / "data", {"train": 70, "val": 21, "test": 21}, wrong=14)
    (folder / "data/source.json").write_text('{"source": "faces", "kind": "folders", "options": {"align": false}}')
    (folder / "data/problems.csv").write_text(
        "image,split,problem,detail,action\na.png,val,unreadable,truncated,left out\n"
    )
    with inside(folder):
        return [*(_runs() if trained else _written_runs()), *_audits(), *_predictions(trained), *_sources()]


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Make a folder the current one for a block."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _must(*arguments: object) -> None:
    ended = call(*arguments)
    assert ended.code == 0, (arguments, ended)


def _runs() -> list[Target]:
    removal = ("--epochs", "3", "--removal", "wang", "--removal-epoch", "1", "--keep", "last", "--workers", "0")
    _must("train", "data", "--out", "run", *SMALL, *removal)
    _must("evaluate", "run", "--split", "test")
    _must("report", "run")
    shutil.copytree("run", "other")
    Path("other/config.yaml").write_text(Path("run/config.yaml").read_text().replace("seed: 0", "seed: 1"))
    shutil.copytree("run", "begun")  # as it is before the last step of a training
    Path("begun/model.safetensors").rename("begun/best.safetensors")
    Path("config.yaml").write_text("backbone: test_resnet\nepochs: 1\nremoval: {rule: none}\nbackbone_options: {}\n")
    read_by_report = (
        *("config.yaml", "manifest.csv", "metrics.csv", "steps.csv", "losses.npz", "removed.csv", "removal_steps.csv"),
        *(
            "network.json",
            "environment.json",
            "model.json",
            "predictions_val.csv",
            "predictions_test.csv",
            "seconds.csv",
        ),
    )
    targets = [Target(f"run/{name}", ("run",), ("report", "run", "--overwrite")) for name in read_by_report]
    compare = ("compare", "run", "other", "--split", "val")
    targets += [
        Target(f"run/{name}", ("run", "other"), compare)
        for name in ("config.yaml", "predictions_val.csv", "environment.json")
    ]
    evaluate = ("evaluate", "run", "--split", "val", "--data", "data")
    targets += [
        Target(file, ("run", "data"), evaluate)
        for file in (
            "run/config.yaml",
            "run/model.json",
            "run/model.safetensors",
            "run/manifest.csv",
            "data/manifest.csv",
            "data/problems.csv",
        )
    ]
    resume = ("train", "data", "--out", "begun", "--resume", "--workers", "0")
    targets += [
        Target(f"begun/{name}", ("begun", "data"), resume)
        for name in ("last.ckpt", "config.yaml", "best.safetensors", "environment.json", "manifest.csv")
    ]
    train = (
        "train",
        "data",
        "--out",
        "new",
        "--config",
        "config.yaml",
        "--no-pretrained",
        "--image-size",
        "32",
        "--workers",
        "0",
    )
    return [*targets, Target("config.yaml", ("data", "config.yaml"), train)]


def _written_runs() -> list[Target]:
    Path("written").mkdir()
    for seed, name in enumerate(("a", "b")):
        write_run(Path("written"), name, seed, "wang" if seed else "none")
    compare = ("compare", "written/a", "written/b", "--out", "table.csv")
    names = ("config.yaml", "environment.json", "predictions_test.csv", "removed.csv", "manifest.csv", "metrics.csv")
    return [Target(f"written/a/{name}", ("written",), compare) for name in names]


def _audits() -> list[Target]:
    _must("audit", "data", "--out", "audit")
    shutil.copy("audit/proposals.csv", "decisions.csv")
    repeat = ("audit", "data", "--out", "audit", "--decisions", "decisions.csv")
    _must(*repeat)
    shutil.copytree("audit/cleaned", "cleaned")
    _must("audit", "cleaned", "--out", "second")
    kept = next(line for line in Path("cleaned/manifest.csv").read_text().splitlines() if ",train," in line)
    Path("second.csv").write_text(f"image,decision\n{kept.partition(',')[0]},remove\n")
    folders = ("data", "audit", "decisions.csv")
    _must("import-into-review", "audit", "decisions.csv")
    targets = [Target("decisions.csv", folders, ("import-into-review", "audit", "decisions.csv"))] * 4
    read = (
        "review.sqlite",
        "review.sqlite",
        "review.sqlite",
        "review.sqlite",
        "suspects.csv",
        "judgement.npz",
        "audit.json",
    )
    targets += [Target(f"audit/{name}", folders, ("read-review", "audit")) for name in read]
    targets += [Target("decisions.csv", folders, repeat), Target("data/source.json", folders, repeat)]
    targets += [
        Target(f"audit/{name}", folders, repeat)
        for name in (
            "audit.json",
            "judgement.npz",
            "decisions.csv",
            "cleaned.sha256",
            "cleaned/manifest.csv",
            "proposals.sha256",
        )
    ]
    targets += [Target(f"data/{name}", folders, repeat) for name in ("manifest.csv", "images/train-0003.png")]
    second = ("audit", "cleaned", "--out", "second", "--decisions", "second.csv")
    both = ("data", "audit", "cleaned", "second", "second.csv")
    targets += [Target(f"cleaned/{name}", both, second) for name in ("changes.csv", "decisions.csv", "manifest.csv")]
    fresh = ("audit", "data", "--out", "fresh")
    caches = sorted(str(file) for file in Path("data/.cache").iterdir() if file.is_file())
    return [*targets, *(Target(file, ("data",), fresh) for file in caches)]


def _predictions(trained: bool) -> list[Target]:
    if trained:
        _must("export", "run", "--out", "model.onnx")
    else:
        shutil.copy(packaged_file(FACE, ONNX), "model.onnx")
    predict = ("predict", "pictures", "--model", "model.onnx", "--no-detect", "--out", "table.csv", "--overwrite")
    shutil.copytree("data/images", "pictures", ignore=lambda _, names: sorted(names)[6:])
    targets = [Target(f"pictures/{name}", ("pictures", "model.onnx"), predict) for name in os.listdir("pictures")[:1]]
    targets.append(Target("model.onnx", ("pictures", "model.onnx"), predict))
    with Image.open("pictures/" + sorted(os.listdir("pictures"))[0]) as image:
        for suffix in ("jpg", "webp", "gif", "tiff", "bmp", "avif", "ppm"):
            image.convert("RGB").save(f"pictures/a.{suffix}")
            targets.append(Target(f"pictures/a.{suffix}", ("pictures", "model.onnx"), predict))
        frame = np.asarray(image.convert("RGB"))
    for name, codec in (("a.mp4", "mp4v"), ("a.avi", "MJPG")):
        writer = cv2.VideoWriter(name, cv2.VideoWriter.fourcc(*codec), 10.0, (48, 48))
        for brightness in range(12):
            writer.write(np.ascontiguousarray(frame // (1 + brightness)))
        writer.release()
        video = ("predict", name, "--model", "model.onnx", "--no-detect", "--out", "table.csv", "--overwrite")
        targets += [Target(name, (name, "model.onnx"), video)] * 3
    return targets


def _sources() -> list[Target]:
    """Return the tables, lists and one picture of each layout that docs/data.md lists."""
    targets = []
    for number, (name, make) in enumerate(MAKERS.items()):
        command = tuple(shlex.split(ROWS[name])[1:])
        if "--align" in command:  # needs the face detector
            continue
        folder = Path(f"source-{number}")
        folder.mkdir()
        with inside(folder):
            make()
        files = sorted(str(file) for file in folder.rglob("*") if file.is_file())
        pictures = [file for file in files if Path(file).suffix.casefold() in (".png", ".jpg", ".gif", ".tiff", ".bmp")]
        chosen = [file for file in files if file not in pictures][:4] + pictures[:1]
        targets += [Target(file, (str(folder),), command, str(folder)) for file in chosen]
    return targets


def copied(workspace: Path, target: Target, place: Path, damage: Callable[[Path], bytes]) -> Path:
    """Copy what a target needs to a new folder, with its file damaged; return the folder to call the command in."""
    place.mkdir(parents=True)
    for name in target.folders:
        if (workspace / name).is_dir():
            shutil.copytree(workspace / name, place / name, symlinks=True)
        else:
            shutil.copy2(workspace / name, place / name)
    file = place / target.file
    content = damage(workspace / target.file)
    if file.is_symlink():
        file.unlink()
    file.write_bytes(content)
    return place / target.folder
