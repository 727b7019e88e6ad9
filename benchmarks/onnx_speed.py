"""Claim: on a CPU, one face at a time, the packaged network is at least 1.5 times as fast in ONNX Runtime as in PyTorch with fp32."""

import os
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from statistics import median
from typing import Any

from measure import alternate, options, ratios, show, spread, verdict

BAR = 1.5
BATCHES = (1, 64)


def seconds_each(call: Callable[[], object], faces: int, least: float) -> float:
    """Return the seconds per face, measured for at least `least` seconds."""
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < least:
        call()
        done += faces
    return (time.perf_counter() - start) / done


def classify(model: Any, images: Any) -> None:
    """Run a PyTorch network on pictures."""
    import torch

    with torch.inference_mode():
        model(images)


def main() -> None:
    arguments = options(__doc__ or "", rounds=7, threads=True).parse_args()
    import numpy as np
    import torch

    from bimodal.experiments.pretrain.two_heads import VotesNetwork, read_two_heads
    from bimodal.model_files.onnx_network import load_onnx
    from bimodal.model_files.packaged import FOLDER, ONNX, WEIGHTS

    threads = arguments.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    model = VotesNetwork(read_two_heads(FOLDER / WEIGHTS)).eval()
    channels_last = deepcopy(model).to(memory_format=torch.channels_last)
    network = load_onnx(FOLDER / ONNX, threads)
    size = network.info.image_size
    faces = np.random.default_rng(0).integers(0, 256, (max(BATCHES), size, size, 3), dtype=np.uint8)
    with torch.inference_mode():
        images = network.normalise(faces)
        difference = np.abs(model(torch.from_numpy(images)).numpy() - network.forward(images)).max()
    rows, first = [], 0.0
    for batch in BATCHES:
        inputs = network.normalise(faces[:batch])
        tensor = torch.from_numpy(inputs)

        calls: dict[str, Callable[[], object]] = {
            "PyTorch": partial(classify, model, tensor),
            "PyTorch, channels last": partial(classify, channels_last, tensor.to(memory_format=torch.channels_last)),
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
        f"Classification of faces of {size} pixels; logits differ by at most {difference:.0e}",
        ["method", "faces per second", "times the faster PyTorch"],
        rows,
    )
    verdict(f"one face at a time at least {BAR} times the speed of PyTorch (here {first:.2f})", first >= BAR)


if __name__ == "__main__":
    main()
