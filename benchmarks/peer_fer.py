"""The package `fer`, run in an environment of its own by predict_speed.py: it takes commands as lines and answers in JSON.

Nothing of bimodal is imported here.
"""

import json
import logging
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from fer.fer import FER

EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""As in bimodal's tables; fer itself has neutral last."""


def look(network: FER, folder: Path) -> dict[str, object]:
    """Detect and classify the faces of each picture in a folder, as fer's README does."""
    start, found = time.perf_counter(), {}
    for file in sorted(folder.iterdir()):
        faces = network.detect_emotions(cv2.imread(str(file)))
        largest = max(faces, key=lambda face: face["box"][2] * face["box"][3], default=None)
        found[file.name] = [len(faces), max(largest["emotions"], key=largest["emotions"].get) if largest else None]
    return {"seconds": time.perf_counter() - start, "found": found}


def classify(network: FER, file: Path) -> dict[str, object]:
    """Classify cut-out faces, uint8 (n,48,48), the whole of each, and each with fer's own margin round it."""
    answers = {}
    for name, box in (("whole", (10, 10, 28, 28)), ("margin", (0, 0, 48, 48))):  # fer adds 10 pixels on each side
        rows = []
        for face in np.load(file):
            (seen,) = network.detect_emotions(cv2.cvtColor(face, cv2.COLOR_GRAY2BGR), face_rectangles=[box])
            rows.append([seen["emotions"][emotion] for emotion in EMOTIONS])
        answers[name] = rows
    return answers


def main() -> None:
    logging.disable(logging.CRITICAL)
    network = FER(mtcnn=False)  # its default: OpenCV's cascade and its own network in eight bits
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        what, path = line.rstrip("\n").split(" ", 1)
        print(json.dumps((look if what == "look" else classify)(network, Path(path))), flush=True)


if __name__ == "__main__":
    main()
