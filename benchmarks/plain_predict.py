"""A pipeline as a user would write it with YuNet and ONNX Runtime; predict_speed.py compares `bimodal predict` with it."""

import csv
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise", "contempt")
MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


class PlainPipeline:
    """Reads each picture, detects its faces in full size, cuts their boxes, classifies them, and writes a table."""

    def __init__(self, detector: Path, network: Path) -> None:
        self.detector = cv2.FaceDetectorYN.create(str(detector), "", (320, 320), 0.6)
        self.session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
        self.size = self.session.get_inputs()[0].shape[2]

    def predict(self, folder: Path, table: Path) -> dict[str, list[object]]:
        """Return for each picture the number of faces and the emotion of the largest."""
        found: dict[str, list[object]] = {}
        with table.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["file", "x", "y", "width", "height", "emotion", *EMOTIONS])
            for path in sorted(folder.iterdir()):
                image = cv2.imread(str(path))
                self.detector.setInputSize(image.shape[1::-1])
                boxes = self.detector.detect(image)[1]
                boxes = [] if boxes is None else sorted(boxes, key=lambda box: -box[2] * box[3])
                emotions = []
                for x, y, width, height in (box[:4].astype(int) for box in boxes):
                    face = image[max(0, y) : y + height, max(0, x) : x + width, ::-1]
                    face = (cv2.resize(face, (self.size, self.size)) / np.float32(255) - MEAN) / STD
                    logits = self.session.run(["logits"], {"images": face.transpose(2, 0, 1)[None]})[0][0]
                    probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
                    emotions.append(EMOTIONS[probabilities.argmax()])
                    writer.writerow([path.name, x, y, width, height, emotions[-1], *probabilities])
                found[path.name] = [len(emotions), emotions[0] if emotions else None]
        return found
