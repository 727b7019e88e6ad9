"""Claim: from picture to emotion on a CPU, `bimodal predict` processes at least four times as many faces per second as the package
fer with 8 bits, twice as many without, and is more accurate. It is no slower than a plain pipeline of YuNet and ONNX Runtime. Its
network with 8 bits, alone, has at least a third of the speed of fer's."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from measure import alternate, options, ratios, show, spread, verdict

BARS = {"bimodal predict": 2.0, "bimodal predict, 8 bits": 4.0}
PLAIN = "YuNet + ONNX Runtime"
LEAST_PACE = 1 / 3
PEER = ("fer==25.10.3", "opencv-contrib-python<5", "setuptools<81")
"""The default detector of fer fails with OpenCV 5; fer also needs pkg_resources, which newer setuptools lacks."""
HERE = Path(__file__).parent


def main() -> None:
    parser = options(__doc__ or "", rounds=5)
    parser.add_argument(
        "--pictures",
        type=Path,
        help="folder of photographs with faces; the names of its subfolders may be emotions [drawn faces, without detection]",
    )
    parser.add_argument("--limit", type=int, default=500, help="largest number of photographs to use [500]")
    parser.add_argument(
        "--fer2013",
        type=Path,
        help="data folder of FER2013, prepared with the votes, to measure the accuracy on its test faces",
    )
    parser.add_argument("--model", default="bimodal/face-s", help="model of bimodal [bimodal/face-s]")
    parser.add_argument("--detector", type=Path, help="ONNX file of the face detector YuNet [downloaded once]")
    parser.add_argument(
        "--peer", type=Path, help="Python executable of an environment with fer [a new one in .cache/fer]"
    )
    parser.add_argument("--no-peer", action="store_true", help="measure bimodal only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, peer(arguments) as fer:
        folder = Path(temporary) / "pictures"
        folder.mkdir()
        labels: dict[str, str] = {}
        if arguments.pictures is None:
            draw(folder, 8 if arguments.quick else 200)
        else:
            labels = link(arguments.pictures, folder, 8 if arguments.quick else arguments.limit)
        faster = speed(arguments, folder, labels, Path(temporary), fer)
        better = None if arguments.fer2013 is None else accuracy(arguments, Path(temporary), fer)
        pace = None if fer is None else classifying(Path(temporary), fer, arguments)
    verdict("higher accuracy than fer on the test faces of FER2013", better)
    verdict("with 8 bits at least a third of the speed of fer's network alone", pace)
    for name, holds in faster.items():
        verdict(name, holds)


class Bimodal:
    """`bimodal predict` without the start of the process: from a folder of pictures to a CSV file."""

    def __init__(self, arguments: argparse.Namespace, table: Path, model: str) -> None:
        from bimodal.inference.config import InferenceConfig
        from bimodal.inference.load import load
        from bimodal.vision.faces import detector_file

        self.network = load(model)
        detect = arguments.pictures is not None
        self.config = InferenceConfig(detect, detector_file(arguments.detector) if detect else None)
        self.table = table

    def predict(self, folder: Path) -> dict[str, Any]:
        """Return the seconds, and for each picture the number of faces and the emotion of the largest."""
        from bimodal.inference.predict_files import Output, predict_files

        found: dict[str, list[Any]] = {}

        def note(result: Any, rows: list[dict[str, Any]]) -> None:
            found[Path(result.frame.file).name] = [len(result.faces), rows[0]["emotion"]]

        start, before = time.perf_counter(), time.process_time()
        predict_files([str(folder)], self.network, self.config, Output(self.table, overwrite=True), on_result=note)
        return timed(start, before, found)


class Plain:
    """The pipeline of plain_predict.py, with the same detector and network."""

    def __init__(self, arguments: argparse.Namespace, table: Path) -> None:
        from bimodal.model_files.packaged import FACE, packaged_onnx
        from bimodal.vision.faces import detector_file
        from plain_predict import PlainPipeline

        self.pipeline = PlainPipeline(detector_file(arguments.detector), packaged_onnx(FACE))
        self.table = table

    def predict(self, folder: Path) -> dict[str, Any]:
        """Return the seconds, and for each picture the number of faces and the emotion of the largest."""
        start, before = time.perf_counter(), time.process_time()
        found = self.pipeline.predict(folder, self.table)
        return timed(start, before, found)


def timed(start: float, before: float, found: dict[str, Any]) -> dict[str, Any]:
    """Return the seconds since `start`, the processor seconds since `before`, and what was found."""
    return {"seconds": time.perf_counter() - start, "processor": time.process_time() - before, "found": found}


class Fer:
    """The package fer, in a separate process and environment."""

    def __init__(self, python: Path) -> None:
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        self.process = subprocess.Popen(
            [python, HERE / "peer_fer.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.answer()

    def call(self, command: str, path: Path) -> Any:
        """Send a command and return its result."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command} {path}\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> Any:
        """Return the next line that is JSON."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                return json.loads(line)
            except ValueError:  # a message of a library
                continue
        raise SystemExit(f"fer ended with code {self.process.wait()}; see peer_fer.py")


@contextmanager
def peer(arguments: argparse.Namespace) -> Iterator[Fer | None]:
    """Start fer; make its environment first if there is none."""
    if arguments.no_peer:
        yield None
        return
    python = arguments.peer
    if python is None:
        home = HERE.parent / ".cache" / "fer"
        python = home / "bin" / "python"
        if not (home / "ready").is_file():
            print(f"making an environment for fer in {home}", flush=True)
            subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER], check=True)
            (home / "ready").touch()
    fer = Fer(python)
    try:
        yield fer
    finally:
        fer.process.terminate()
        fer.process.wait()


def link(pictures: Path, folder: Path, limit: int) -> dict[str, str]:
    """Link randomly chosen pictures, and return the labels of those whose folder is named after an emotion."""
    from bimodal.emotions import NAMES, code_of
    from bimodal.errors import InputError
    from bimodal.vision.formats import is_picture_name

    files = sorted(path for path in pictures.rglob("*") if is_picture_name(path))
    chosen = np.random.default_rng(0).permutation(len(files))[:limit]
    labels = {}
    for number in sorted(chosen.tolist()):
        file = files[number]
        name = f"{number:06}{file.suffix}"
        (folder / name).symlink_to(file.absolute())
        try:
            labels[name] = NAMES[code_of(file.parent.name)]
        except InputError:
            continue
    return labels


def speed(
    arguments: argparse.Namespace, folder: Path, labels: dict[str, str], temporary: Path, fer: Fer | None
) -> dict[str, bool | None]:
    """Measure all alternately on the same pictures; return which claims hold."""
    from bimodal.model_files.packaged import FACE_INT8

    table = temporary / "table.csv"
    programs: dict[str, Any] = {"bimodal predict": Bimodal(arguments, table, arguments.model)}
    programs["bimodal predict, 8 bits"] = Bimodal(arguments, table, FACE_INT8)
    if arguments.pictures is not None:
        programs[PLAIN] = Plain(arguments, table)
    found: dict[str, dict[str, list[Any]]] = {}
    processor: dict[str, list[float]] = {}

    def way(name: str, answer: dict[str, Any]) -> float:
        found[name] = answer["found"]
        processor.setdefault(name, []).append(answer["processor"])
        return float(answer["seconds"])

    ways = {
        name: partial(lambda name, one: way(name, one.predict(folder)), name, one) for name, one in programs.items()
    }
    if fer is not None:
        ways["fer"] = lambda: way("fer", fer.call("predict", folder))
    alternate(ways, 1)
    times = alternate(ways, 1 if arguments.quick else arguments.rounds)
    faces = {name: sum(count for count, _ in by_file.values()) for name, by_file in found.items()}
    rows = []
    for name, seconds in times.items():
        by_file = found[name]
        paces = [[faces[way] / value for value in times[way]] for way in (name, "fer") if way in times]
        each = [[value / faces[way] for value in processor[way][1:]] for way in ("fer", name) if way in times]
        with_a_face = sum(count > 0 for count, _ in by_file.values())
        correct = [by_file[file][1] == label for file, label in labels.items() if file in by_file]
        rows.append(
            [
                name,
                spread([len(by_file) / value for value in seconds], 0),
                spread(paces[0], 0),
                spread(ratios(*paces)) if len(paces) == 2 else "",
                spread(ratios(*each)) if len(each) == 2 else "",
                f"{with_a_face} of {len(by_file)}",
                f"{100 * np.mean(correct):.1f} of {len(correct)}" if correct else "",
            ]
        )
    how = "decode, classify" if arguments.pictures is None else "decode, detect, align, classify"
    show(
        f"Prediction from pictures: {how}",
        [
            "method",
            "pictures per second",
            "faces per second",
            "times fer",
            "by processor time",
            "pictures with a face",
            "accuracy of the largest face, %",
        ],
        rows,
    )
    holds: dict[str, bool | None] = {}
    for name, bar in BARS.items():
        claim = f"{name}: at least {bar:g} times as many faces per second as fer"
        holds[claim] = None
        if fer is not None and arguments.pictures is not None:  # bimodal runs no detection on drawn faces
            holds[claim] = median(ratios(times["fer"], times[name])) * faces[name] / max(1, faces["fer"]) >= bar
    if PLAIN in times:
        plain = ratios(times[PLAIN], times["bimodal predict"])
        holds[f"no slower than {PLAIN} ({spread(plain)} times)"] = median(plain) >= 1
    return holds


def classifying(temporary: Path, fer: Fer, arguments: argparse.Namespace) -> bool:
    """Compare the networks alone, in faces of random pixels for each second of a processor, with one thread."""
    from bimodal.model_files.onnx_network import load_onnx
    from bimodal.model_files.packaged import FACE, FACE_INT8, packaged_onnx

    faces = np.random.default_rng(0).integers(0, 256, (64, 64, 64), dtype=np.uint8)
    file = temporary / "random.npy"
    np.save(file, faces)
    ways: dict[str, Any] = {"fer": lambda: fer.call("pace", file)}
    for name in (FACE, FACE_INT8):
        network = load_onnx(packaged_onnx(name), threads=1)
        size = network.info.image_size
        inputs = network.normalise(np.repeat(faces[:, :size, :size, None], 3, axis=3))
        ways[name] = partial(pace, network, inputs)
    alternate(ways, 1)
    paces = alternate(ways, 1 if arguments.quick else arguments.rounds)
    show(
        "Classifying alone, in batches of 64, one thread",
        ["network", "faces per processor second", "times fer"],
        [[name, spread(values, 0), spread(ratios(values, paces["fer"]))] for name, values in paces.items()],
    )
    return median(ratios(paces[FACE_INT8], paces["fer"])) >= LEAST_PACE


def pace(network: Any, inputs: Any) -> float:
    """Return the faces that a network classifies in a second of a processor."""
    start, done = time.process_time(), 0
    while time.process_time() - start < 0.4:
        network.forward(inputs)
        done += len(inputs)
    return done / (time.process_time() - start)


def accuracy(arguments: argparse.Namespace, temporary: Path, fer: Fer | None) -> bool | None:
    """Compare the accuracy on the test faces of FER2013, which neither network was trained on.

    bimodal has one head for the votes and one for the labels of FER2013; fer has one head.
    """
    from bimodal.data.cache import decoded
    from bimodal.data.sources.pixel_rows import SIDE
    from bimodal.emotions import NAMES
    from bimodal.experiments.pretrain.faces import read_faces
    from bimodal.experiments.pretrain.two_heads import predict_both, read_two_heads
    from bimodal.model_files.packaged import FACE, WEIGHTS, packaged_file

    manifest, every_split = read_faces(arguments.fer2013)
    faces = every_split["test"]
    found = {FACE: predict_both(read_two_heads(packaged_file(FACE, WEIGHTS)), faces)}
    file = temporary / "faces.npy"
    np.save(file, decoded(manifest, SIDE)[..., 1][manifest.rows("test")])  # fer gets the original pictures
    if fer is not None:
        for name, answer in fer.call("classify", file).items():
            found[f"fer, {name}"] = (np.array(answer), np.array(answer))  # one head, without contempt
    shares = {
        name: (
            float((votes.argmax(axis=1) == faces.votes.argmax(axis=1))[faces.is_clear].mean()),
            float((own[:, : len(NAMES)].argmax(axis=1) == faces.labels).mean()),
        )
        for name, (votes, own) in found.items()
    }
    show(
        f"Cropped faces: {int(faces.is_clear.sum())} of {len(faces)} have an emotion with more than half of the votes",
        ["network", "accuracy by the votes, %", "accuracy by the labels of FER2013, %"],
        [[name, *(f"{100 * share:.1f}" for share in both)] for name, both in shares.items()],
    )
    if fer is None:
        return None
    return all(shares[FACE][k] > share[k] for name, share in shares.items() if name != FACE for k in (0, 1))


def draw(folder: Path, count: int) -> None:
    """Draw pictures of one face each."""
    from PIL import Image

    from bimodal.synthetic.dataset import draw_set

    for number, picture in enumerate(draw_set(count, size=128).images):
        Image.fromarray(picture).save(folder / f"{number:04}.png")


if __name__ == "__main__":
    main()
