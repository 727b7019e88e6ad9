"""Claim: `bimodal predict` classifies a face in under 0.5 s, counted from the start of the process, with the packaged network."""

import os
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from measure import alternate, options, ratios, show, spread, verdict
from startup import seconds

BAR = 0.5


def main() -> None:
    parser = options(__doc__ or "", rounds=10)
    parser.add_argument(
        "--picture", type=Path, help="photograph in which the face is detected [a drawn face, without detection]"
    )
    parser.add_argument("--detector", type=Path, help="ONNX file of the face detector YuNet [downloaded once]")
    parser.add_argument("--model", default="bimodal/face-s", help="model to predict with [bimodal/face-s]")
    arguments = parser.parse_args()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        environment["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
        if arguments.picture is None:
            given = [str(draw(folder / "face.png")), "--no-detect"]
        else:
            given = [str(arguments.picture), *(["--detector", str(arguments.detector)] if arguments.detector else [])]
        predict = ["-m", "bimodal", "predict", *given, "--model", arguments.model]
        lines = {"python -c pass": ["-c", "pass"], "bimodal predict": predict, "import torch": ["-c", "import torch"]}
        if arguments.quick:
            del lines["import torch"]
        computing: dict[str, list[float]] = {name: [] for name in lines}
        ways = {name: partial(seconds, words, environment, computing[name]) for name, words in lines.items()}
        alternate(ways, 1)  # compiles the modules and fills the file cache
        times = alternate(ways, 1 if arguments.quick else arguments.rounds)
    show(
        "From the start of the process to its end, for one picture",
        ["command", "seconds, median (min to max)", "times `python -c pass`", "processor seconds"],
        [
            [name, spread(values), spread(ratios(values, times["python -c pass"]), 1), spread(computing[name][1:])]
            for name, values in times.items()
        ],
    )
    first = times["bimodal predict"]
    verdict(f"predict: first result in under {BAR:g} s", median(first) < BAR, first, "s")


def draw(file: Path) -> Path:
    """Draw a face into a file."""
    from PIL import Image

    from bimodal.synthetic.dataset import draw_set

    Image.fromarray(draw_set(7, size=128).images[0]).save(file)
    return file


if __name__ == "__main__":
    main()
