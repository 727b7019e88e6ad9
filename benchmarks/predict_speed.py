"""Claim: from pictures to emotions on a CPU, `bimodal predict` sees at least twice as many faces a second as the package fer, and
is right more often."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from measure import alternate, options, ratios, show, spread, verdict

BAR = 2.0
PEER = ("fer==25.10.3", "opencv-contrib-python<5", "setuptools<81")
"""fer's default detector fails on OpenCV 5, and it still needs pkg_resources."""
HERE = Path(__file__).parent


def main() -> None:
    parser = options(__doc__ or "", rounds=5)
    parser.add_argument(
        "--pictures",
        type=Path,
        help="folder of photographs with faces, perhaps in folders named after emotions [drawn ones, not to be searched]",
    )
    parser.add_argument("--limit", type=int, default=500, help="of the photographs, so many [500]")
    parser.add_argument("--fer2013", type=Path, help="FER2013, prepared with the votes: accuracy on its test faces")
    parser.add_argument("--model", default="bimodal/face-s", help="what bimodal predicts with [bimodal/face-s]")
    parser.add_argument("--detector", type=Path, help="YuNet's ONNX file [fetched once]")
    parser.add_argument("--peer", type=Path, help="Python of an environment that has fer [one is made in .cache/fer]")
    parser.add_argument("--no-peer", action="store_true", help="only ours")
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
    verdict("more of FER2013's test faces right than fer", better)
    verdict(f"at least {BAR:g} times fer's pictures a second, and faces", faster)


class Ours:
    """`bimodal predict` without the start of the process: a folder to a table in a file."""

    def __init__(self, arguments: argparse.Namespace, table: Path) -> None:
        from bimodal.inference.load import load
        from bimodal.inference.pipeline import InferenceConfig
        from bimodal.vision.faces import detector_file

        self.network = load(arguments.model)
        detect = arguments.pictures is not None
        self.config = InferenceConfig(detect, detector_file(arguments.detector) if detect else None)
        self.table = table

    def look(self, folder: Path) -> dict[str, Any]:
        """Return the seconds, and for each picture how many faces and what the largest shows."""
        from bimodal.inference.predict_files import Output, predict_files

        found: dict[str, list[Any]] = {}

        def note(result: Any, rows: list[dict[str, Any]]) -> None:
            found[Path(result.frame.file).name] = [len(result.faces), rows[0]["emotion"]]

        start = time.perf_counter()
        predict_files([str(folder)], self.network, self.config, Output(self.table, overwrite=True), on_result=note)
        return {"seconds": time.perf_counter() - start, "found": found}


class Fer:
    """The peer, in a process and an environment of its own."""

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

    def ask(self, what: str, path: Path) -> Any:
        """Send a command and wait for what it gives."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what} {path}\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> Any:
        """Read the next line that is an answer."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                return json.loads(line)
            except ValueError:  # what its libraries say
                continue
        raise SystemExit(f"fer ended with code {self.process.wait()}; see peer_fer.py")


@contextmanager
def peer(arguments: argparse.Namespace) -> Iterator[Fer | None]:
    """Start fer, after making its environment if there is none."""
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
    """Link some of the pictures, chosen at random, and return the labels of those in folders named after emotions."""
    from bimodal.emotions import NAMES, code_of
    from bimodal.errors import InputError
    from bimodal.vision.pictures import SUFFIXES

    files = sorted(path for path in pictures.rglob("*") if path.suffix.casefold() in SUFFIXES)
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
) -> bool | None:
    """Time both on the same pictures, in turn."""
    ours = Ours(arguments, temporary / "table.csv")
    found: dict[str, dict[str, list[Any]]] = {}

    def way(name: str, answer: dict[str, Any]) -> float:
        found[name] = answer["found"]
        return float(answer["seconds"])

    ways = {"bimodal predict": lambda: way("bimodal predict", ours.look(folder))}
    if fer is not None:
        ways["fer"] = lambda: way("fer", fer.ask("look", folder))
    alternate(ways, 1)
    times = alternate(ways, 1 if arguments.quick else arguments.rounds)
    faces = {name: sum(count for count, _ in seen.values()) for name, seen in found.items()}
    rows = []
    for name, seconds in times.items():
        seen = found[name]
        paces = [[faces[way] / value for value in times[way]] for way in (name, "fer") if way in times]
        with_a_face = sum(count > 0 for count, _ in seen.values())
        right = [seen[file][1] == label for file, label in labels.items() if file in seen]
        rows.append(
            [
                name,
                spread([len(seen) / value for value in seconds], 0),
                spread(paces[0], 0),
                spread(ratios(*paces)) if len(paces) == 2 else "",
                f"{with_a_face} of {len(seen)}",
                f"{100 * np.mean(right):.1f} of {len(right)}" if right else "",
            ]
        )
    how = "decode, classify" if arguments.pictures is None else "decode, detect, align, classify"
    show(
        f"From pictures to emotions: {how}",
        ["way", "pictures a second", "faces a second", "times fer", "pictures with a face", "largest face right, %"],
        rows,
    )
    if fer is None or arguments.pictures is None:  # drawn faces are not searched for by ours
        return None
    pace = median(ratios([1 / value for value in times["bimodal predict"]], [1 / value for value in times["fer"]]))
    return min(pace, pace * faces["bimodal predict"] / max(1, faces["fer"])) >= BAR


def accuracy(arguments: argparse.Namespace, temporary: Path, fer: Fer | None) -> bool | None:
    """Let both classify the test faces of FER2013, which neither was trained on; ours with the head for the labels asked about."""
    from bimodal.data.cache import decoded
    from bimodal.data.sources.fer2013 import SIDE
    from bimodal.emotions import NAMES
    from bimodal.experiments.pretrain.faces import read_faces
    from bimodal.experiments.pretrain.pretrain import predict_both, read_two_heads
    from bimodal.model_files.packaged import FACE, WEIGHTS, packaged_file

    manifest, every_split = read_faces(arguments.fer2013)
    faces = every_split["test"]
    found = {FACE: predict_both(read_two_heads(packaged_file(FACE, WEIGHTS)), faces)}
    file = temporary / "faces.npy"
    np.save(file, decoded(manifest, SIDE)[..., 1][manifest.rows("test")])  # fer gets them as they are
    if fer is not None:
        for name, answer in fer.ask("classify", file).items():
            found[f"fer, {name}"] = (np.array(answer), np.array(answer))  # it has one head, and no contempt
    shares = {
        name: (
            float((votes.argmax(axis=1) == faces.votes.argmax(axis=1))[faces.clear].mean()),
            float((own[:, : len(NAMES)].argmax(axis=1) == faces.own).mean()),
        )
        for name, (votes, own) in found.items()
    }
    show(
        f"Cut-out faces: {int(faces.clear.sum())} of {len(faces)} have an emotion with more than half of the votes",
        ["network", "right by the votes, %", "right by FER2013's own labels, %"],
        [[name, *(f"{100 * share:.1f}" for share in both)] for name, both in shares.items()],
    )
    if fer is None:
        return None
    return all(shares[FACE][k] > share[k] for name, share in shares.items() if name != FACE for k in (0, 1))


def draw(folder: Path, count: int) -> None:
    """Draw faces, one a picture."""
    from PIL import Image

    from bimodal.synthetic.dataset import draw_set

    for number, picture in enumerate(draw_set(count, size=128).images):
        Image.fromarray(picture).save(folder / f"{number:04}.png")


if __name__ == "__main__":
    main()
