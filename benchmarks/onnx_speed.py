"""Claim: on a CPU, one face at a time, the packaged network in ONNX Runtime passes at least 1.5 times the faces of PyTorch in fp32."""

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from measure import alternate, options, ratios, show, spread, verdict

BAR = 1.5
BATCHES = (1, 64)


def seconds_each(call: Callable[[], object], faces: int, least: float) -> float:
    """Return the seconds that a face takes, measured for at least `least` seconds."""
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < least:
        call()
        done += faces
    return (time.perf_counter() - start) / done


def ask(model: Any, images: Any) -> None:
    """Let a PyTorch network look at pictures."""
    import torch

    with torch.inference_mode():
        model(images)


def main() -> None:
    arguments = options(__doc__ or "", rounds=7, threads=True).parse_args()
    import numpy as np
    import torch

    from bimodal.export.onnx import write_onnx
    from bimodal.inference.onnx_network import load_onnx
    from bimodal.model_info import ModelInfo
    from bimodal.models import EmotionClassifier
    from bimodal.packaged import FACE

    threads = arguments.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = EmotionClassifier(FACE, hidden=128, image_size=48).eval()  # the weights do not change the pace
    channels_last = EmotionClassifier(FACE, hidden=128, image_size=48).eval().to(memory_format=torch.channels_last)
    faces = np.random.default_rng(0).integers(0, 256, (max(BATCHES), 48, 48, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "face.onnx"
        parity = write_onnx(model, ModelInfo("face", image_size=48), file, faces)
        network = load_onnx(file, threads)
    rows, first = [], 0.0
    for batch in BATCHES:
        inputs = network.normalise(faces[:batch])
        tensor = torch.from_numpy(inputs)

        calls: dict[str, Callable[[], object]] = {
            "PyTorch": partial(ask, model, tensor),
            "PyTorch, channels last": partial(ask, channels_last, tensor.to(memory_format=torch.channels_last)),
            "ONNX Runtime": partial(network.forward, inputs),
        }
        least = 0.05 if arguments.quick else 1.0
        ways = {name: partial(seconds_each, call, batch, least) for name, call in calls.items()}
        alternate(ways, 1)
        times = alternate(ways, 1 if arguments.quick else arguments.rounds)
        fastest = min(("PyTorch", "PyTorch, channels last"), key=lambda name, times=times: median(times[name]))
        for name, values in times.items():
            paces = [1 / value for value in values]
            rows.append([f"{name}, batch {batch}", spread(paces, 0), spread(ratios(times[fastest], values))])
        if batch == 1:
            first = median(ratios(times[fastest], times["ONNX Runtime"]))
    show(
        f"Classification of faces of 48 pixels; logits differ by {parity.logits:.0e} at most",
        ["way", "faces a second", "times the faster PyTorch"],
        rows,
    )
    verdict(f"one at a time at least {BAR} times PyTorch's pace (here {first:.2f})", first >= BAR)


if __name__ == "__main__":
    main()
