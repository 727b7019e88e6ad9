"""Runs the package `fer` for predict_speed.py, in a separate environment: reads commands line by line, writes JSON.

This file does not import bimodal.
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
"""In the order of bimodal; in fer, neutral comes last."""


def predict(network: FER, folder: Path) -> dict[str, object]:
    """Detect and classify the faces of each picture in a folder, as in the README of fer."""
    start, before, found = time.perf_counter(), time.process_time(), {}
    for file in sorted(folder.iterdir()):
        faces = network.detect_emotions(cv2.imread(str(file)))
        largest = max(faces, key=lambda face: face["box"][2] * face["box"][3], default=None)
        found[file.name] = [len(faces), max(largest["emotions"], key=largest["emotions"].get) if largest else None]
    return {"seconds": time.perf_counter() - start, "processor": time.process_time() - before, "found": found}


def classify(network: FER, file: Path) -> dict[str, object]:
    """Classify cropped faces, uint8 (n,48,48): each as a whole, and each with the margin of fer around it."""
    answers = {}
    for name, box in (("whole", (10, 10, 28, 28)), ("margin", (0, 0, 48, 48))):  # fer adds 10 pixels on each side
        rows = []
        for face in np.load(file):
            (result,) = network.detect_emotions(cv2.cvtColor(face, cv2.COLOR_GRAY2BGR), face_rectangles=[box])
            rows.append([result["emotions"][emotion] for emotion in EMOTIONS])
        answers[name] = rows
    return answers


def pace(network: FER, file: Path) -> float:
    """Return the cropped faces, uint8 (n,64,64), that the network alone classifies in a second of a processor."""
    faces = (np.load(file).astype(np.float32) / 255 - 0.5) * 2
    start, done = time.process_time(), 0
    while time.process_time() - start < 0.4:
        network._classify_emotions(faces)
        done += len(faces)
    return done / (time.process_time() - start)


def main() -> None:
    logging.disable(logging.CRITICAL)
    network = FER(mtcnn=False)  # the default: OpenCV's cascade, and a network in eight bits
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        command, path = line.rstrip("\n").split(" ", 1)
        commands = {"predict": predict, "classify": classify, "pace": pace}
        print(json.dumps(commands[command](network, Path(path))), flush=True)


if __name__ == "__main__":
    main()
