"""Claim: `bimodal.embed` computes the features of 1,200 pictures of 256 pixels in under 10 s on two cores, and its memory does
not grow with the number of pictures."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from measure import alternate, options, ratios, show, spread, verdict

BAR, MEGABYTES = 10.0, 1000.0
EMBED, READ, PLAIN = "bimodal.embed", "bimodal.embed, from its cache", "one picture at a time in PyTorch"
PLAIN_SHARE = 10
"""The plain way gets a tenth of the pictures."""
SIZE = 44
"""Side of the input of the packaged network, in pixels."""


def main() -> None:
    parser = options(__doc__ or "", rounds=3)
    parser.add_argument("--pictures", type=int, default=1200, help="number of drawn pictures [1200]")
    parser.add_argument("--side", type=int, default=256, help="side of the stored pictures in pixels [256]")
    parser.add_argument(
        "--many",
        type=int,
        default=0,
        help="also embed this number of pictures of 48 pixels, once, and a tenth of it, to compare the memory [0: no]",
    )
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(work(*arguments.worker)))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), arguments)
        if arguments.many or arguments.quick:
            grow(Path(folder), 220 if arguments.quick else arguments.many)


def compare(folder: Path, arguments: argparse.Namespace) -> None:
    """Measure speed and memory of each method on the same pictures."""
    from faces import draw

    count, side = (40, 64) if arguments.quick else (arguments.pictures, arguments.side)
    data = draw(folder / "compared", count - 14, side=side)  # and seven pictures each for validation and test
    results: dict[str, list[dict[str, float]]] = {name: [] for name in (EMBED, READ, PLAIN)}

    def measure(name: str) -> float:
        if name == EMBED:
            forget(data)
            results[READ].append({})  # replaced below
        results[name].append(run(name, data))
        if name == EMBED:
            results[READ][-1] = run(READ, data)
        return results[name][-1]["pictures per second"]

    alternate({name: partial(measure, name) for name in (EMBED, PLAIN)}, 1 if arguments.quick else arguments.rounds)
    values = {name: {key: [row[key] for row in rows] for key in rows[0]} for name, rows in results.items()}
    wall, processor, memory = "pictures per second", "pictures per second of processor time", "peak MB"
    show(
        f"Features of {count} pictures of {side} px ({PLAIN}: a tenth of them)",
        ["method", f"{wall}, median (min to max)", f"times {PLAIN}", processor, f"times {PLAIN}", memory],
        [
            [
                name,
                spread(values[name][wall], 1),
                spread(ratios(values[name][wall], values[PLAIN][wall]), 1),
                spread(values[name][processor], 1),
                spread(ratios(values[name][processor], values[PLAIN][processor]), 1),
                spread(values[name][memory], 0),
            ]
            for name in (EMBED, READ, PLAIN)
        ],
    )
    seconds = [count / speed for speed in values[EMBED][wall]]
    computing = [count / speed for speed in values[EMBED][processor]]
    print(f"\nleast cosine similarity of the features by both methods: {similarity(data):.4f}")
    print(f"{EMBED}: {spread(seconds, 1)} s, {spread(computing, 1)} s of processor time")
    verdict(f"features of {count} pictures of {side} px in under {BAR:g} s", median(seconds) < BAR, seconds, "s")


def grow(folder: Path, count: int) -> None:
    """Embed many small pictures, and a tenth of them, and print the memory of both."""
    from faces import draw

    rows, peaks = [], []
    for part in (count // 10, count):
        data = draw(folder / str(part), part - 14, side=48)
        result = run(EMBED, data)
        seconds = [part / result[key] for key in ("pictures per second", "pictures per second of processor time")]
        peaks.append(result["peak MB"])
        rows.append([f"{part:,}", *(f"{value:.1f}" for value in seconds), f"{peaks[-1]:.0f}"])
        shutil.rmtree(folder / str(part))
    show(f"{EMBED} on pictures of 48 px, once", ["pictures", "seconds", "seconds of processor time", "peak MB"], rows)
    verdict(f"{count:,} pictures of 48 px in under {MEGABYTES:g} MB", max(peaks) < MEGABYTES, peaks, "MB")


def features_file(data: Path, name: str) -> Path:
    """Return the file to which a method writes its features."""
    return data / f"{'plain' if name == PLAIN else 'bimodal'}.npy"


def similarity(data: Path) -> float:
    """Return the least cosine similarity of the features of a picture by both methods, which resize pictures differently."""
    import numpy as np

    plain = np.load(features_file(data, PLAIN))
    ours = np.load(features_file(data, EMBED))[: len(plain)]
    products = (plain * ours).sum(axis=1)
    return float((products / np.linalg.norm(plain, axis=1) / np.linalg.norm(ours, axis=1)).min())


def forget(data: Path) -> None:
    """Delete the decoded pictures and the features."""
    shutil.rmtree(data / ".cache", ignore_errors=True)


def run(name: str, data: Path) -> dict[str, float]:
    """Measure one method in a separate process, for its peak memory."""
    command = [sys.executable, __file__, "--worker", name, str(data)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{name} failed:\n{result.stderr}")
    measured: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return measured


def work(name: str, data: str) -> dict[str, float]:
    """Embed the pictures of a data folder by a method; the peak memory is that of the whole process."""
    import numpy as np

    from ledger_speed import memory

    count, call = plain(Path(data)) if name == PLAIN else with_bimodal(Path(data))
    start, before = time.perf_counter(), time.process_time()
    features = call()
    seconds, computing = time.perf_counter() - start, time.process_time() - before
    np.save(features_file(Path(data), name), features)
    return {
        "pictures per second": count / seconds,
        "pictures per second of processor time": count / computing,
        "peak MB": memory("VmHWM"),
    }


def with_bimodal(data: Path) -> tuple[int, Callable[[], Any]]:
    """Return the number of pictures and the call that embeds them, which also decodes them and writes its cache."""
    import pandas as pd

    from bimodal import embed

    return len(pd.read_csv(data / "manifest.csv")), lambda: embed(data)


def plain(data: Path) -> tuple[int, Callable[[], Any]]:
    """Return a tenth of the number of pictures and a plain loop over so many, with the same network and the mirror image."""
    import numpy as np
    import pandas as pd
    import torch
    from PIL import Image

    from bimodal.model_files.info import MEAN, STD
    from bimodal.model_files.packaged import FACE, WEIGHTS, packaged_file
    from bimodal.models.classifier import build_backbone
    from bimodal.models.weights import load_into, read

    model = build_backbone(FACE, SIZE).eval()
    load_into(model, read(packaged_file(FACE, WEIGHTS)), FACE)
    images = pd.read_csv(data / "manifest.csv")["image"]
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]

    @torch.inference_mode()
    def embed(file: Path) -> Any:
        picture = Image.open(file).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX)
        scaled = (torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255 - mean) / std
        return ((model(scaled[None]) + model(scaled.flip(-1)[None])) / 2)[0].numpy()

    chosen = images[: max(1, len(images) // PLAIN_SHARE)]
    return len(chosen), lambda: np.stack([embed(data / image) for image in chosen])


if __name__ == "__main__":
    main()
