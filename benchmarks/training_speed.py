"""Claims about the speed of `bimodal train` on a CPU, with equal losses: at least 3 times the pictures per second of a plain
loop, more than that loop with accelerate, and 95 % of the same network on faces in memory."""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from measure import alternate, options, ratios, show, spread, verdict

BAR, BAR_ACCELERATE, BAR_LIMIT = 3.0, 1.0, 0.95
WAYS = {
    "plain": "plain loop",
    "lightning": "plain Lightning",
    "accelerate": "plain loop with accelerate",
    "kept": "plain loop, freed memory reused",
    "last": "plain loop, freed memory reused, channels last",
    "bimodal": "bimodal train",
    "limit": "limit: faces in memory, no augmentation",
}
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["lightning.pytorch", "timm", "torchmetrics.classification", "albumentations"])
EPOCHS = 2
"""The first epoch warms up, the last is measured."""
STEPS = {"paper": 2, "face": 28}
"""Steps of an epoch; 28 batches of 32 are the paper's number of faces."""


def main() -> None:
    parser = options(__doc__ or "", rounds=3, threads=True)
    parser.add_argument(
        "--recipe", choices=STEPS, default="paper", help="the paper's recipe or `--preset face` [paper]"
    )
    parser.add_argument("--steps", type=int, help="steps in an epoch [paper: 2, face: 28]")
    parser.add_argument("--side", type=int, default=160, help="side of the stored pictures in pixels [160]")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="methods to measure [all]")
    arguments = parser.parse_args()
    if arguments.threads:
        os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), arguments)


def compare(folder: Path, arguments: argparse.Namespace) -> None:
    """Measure speed, then losses."""
    from faces import draw

    recipe: dict[str, Any] = {"backbone": "resnet50", "image_size": 224, "batch_size": 64}
    if arguments.recipe == "face":
        recipe = {
            "preset": "face",
            "head_start": "random",
            "backbone": "bimodal/face-s",
            "image_size": 44,
            "batch_size": 32,
        }
    if arguments.quick:
        recipe |= {"backbone": "test_resnet", "image_size": 64, "batch_size": 8}
    recipe["epochs"] = EPOCHS
    faces = recipe["batch_size"] * (arguments.steps or (2 if arguments.quick else STEPS[arguments.recipe]))
    data = draw(folder, faces, side=arguments.side)
    efficiency: dict[str, list[float]] = {way: [] for way in arguments.ways}

    def speed(way: str) -> float:
        result = run(way, data, recipe)
        efficiency[way].append(faces / result["computing"])
        return float(faces / result["seconds"])

    rounds = 1 if arguments.quick else arguments.rounds
    speeds = alternate({way: partial(speed, way) for way in arguments.ways}, rounds)
    first = arguments.ways[0]
    show(
        f"Training {recipe['backbone']}, {recipe['image_size']} px, batches of {recipe['batch_size']}; "
        f"pictures of {arguments.side} px on disk",
        [
            "method",
            "pictures per second, median (min to max)",
            f"times {WAYS[first]}",
            "pictures per second of processor time",
            f"times {WAYS[first]}",
        ],
        [
            [
                WAYS[way],
                *(spread(speeds[way]), spread(ratios(speeds[way], speeds[first]))),
                *(spread(efficiency[way]), spread(ratios(efficiency[way], efficiency[first]))),
            ]
            for way in speeds
        ],
    )
    if {"plain", "bimodal"} <= speeds.keys() and arguments.recipe == "paper":
        compare_losses(data, recipe, seeds=0 if arguments.quick else 3)
    for other, bar, claim in (
        ("plain", BAR, f"at least {BAR:g} times the pictures per second of a plain loop"),
        ("accelerate", BAR_ACCELERATE, "more pictures per second than the plain loop with accelerate"),
        ("limit", BAR_LIMIT, f"at least {BAR_LIMIT:g} of the pictures per second of the limit"),
    ):
        if {other, "bimodal"} <= speeds.keys():
            factors = ratios(speeds["bimodal"], speeds[other])
            verdict(f"training, recipe {arguments.recipe}: {claim}", median(factors) >= bar, factors)


def compare_losses(data: Path, recipe: dict[str, Any], seeds: int) -> None:
    """Print how much the loss curves differ: without randomness, and compared with two plain loops of other random numbers."""
    deterministic = recipe | {"augment": "none", "dropout_features": 0.0, "dropout_hidden": 0.0, "batch_size": 8}
    small = recipe | {"image_size": 64, "batch_size": 8, "epochs": 2 * EPOCHS}  # many steps in little time
    exact = [run("plain", data, deterministic)["losses"], run("bimodal", data, deterministic)["losses"]]
    bimodal_pairs: list[list[list[float]]] = []
    plain_pairs: list[list[list[float]]] = []
    for seed in range(seeds):
        plain = run("plain", data, small | {"seed": seed})["losses"]
        bimodal_pairs.append([plain, run("bimodal", data, small | {"seed": seed})["losses"]])
        plain_pairs.append([plain, run("plain", data, small | {"seed": seed}, seed_offset=1)["losses"]])
    pairs = {
        "plain loop, bimodal train; no augmentation, no dropout": [exact],
        "plain loop, bimodal train; the recipe at 64 px, batches of 8": bimodal_pairs,
        "plain loop, plain loop with other random numbers; the same": plain_pairs,
    }
    show(
        "Loss curves of two trainings with the same first weights and order of faces",
        ["two trainings", "seeds", "steps", "largest difference of a step", "difference of the mean loss"],
        [[name, *differences(each)] for name, each in pairs.items() if each],
    )


def differences(pairs: Sequence[Sequence[list[float]]]) -> list[str]:
    """Return seeds, steps, the largest difference of a step, and the spread of the differences of the means."""
    largest = max(abs(a - b) for one, other in pairs for a, b in zip(one, other, strict=True))
    means = [(sum(other) - sum(one)) / len(one) for one, other in pairs]
    return [str(len(pairs)), str(len(pairs[0][0])), f"{largest:.4f}", spread(means, 4)]


def run(way: str, data: Path, recipe: dict[str, Any], seed_offset: int = 0) -> Any:
    """Measure one method in a separate process, because settings of the C library apply to the whole process.

    The processes are forked from one that has only imported the libraries.
    """
    with ProcessPoolExecutor(1, mp_context=SERVER) as pool:
        return pool.submit(work, way, str(data), recipe, seed_offset).result()


def work(way: str, data: str, recipe: dict[str, Any], seed_offset: int) -> dict[str, Any]:
    """Train; return the seconds and the processor seconds of the last epoch, and the loss of each step."""
    stamps: list[tuple[float, float]] = []

    def stamp() -> None:
        stamps.append((time.perf_counter(), time.process_time()))

    losses = (
        train_bimodal(data, recipe, stamp) if way == "bimodal" else train_plain(way, data, recipe, seed_offset, stamp)
    )
    seconds, computing = (end - begin for begin, end in zip(*stamps[-2:], strict=True))
    return {"seconds": seconds, "computing": computing, "losses": losses}


def train_bimodal(data: str, recipe: dict[str, Any], stamp: Any) -> list[float]:
    """Train as `bimodal train` does, including removal, logs and all callbacks."""
    import pandas as pd

    from bimodal.training.module import EmotionModule
    from bimodal.training.train import train

    # Lightning calls these before and after the training batches of an epoch; EmotionModule does not define them.
    EmotionModule.on_train_epoch_start = lambda self: stamp()  # type: ignore[method-assign]
    EmotionModule.on_validation_start = lambda self: stamp()  # type: ignore[method-assign]
    settings = settings_of(recipe)
    with tempfile.TemporaryDirectory() as out:
        train(Path(data), Path(out) / "run", settings)
        return [float(loss) for loss in pd.read_csv(Path(out) / "run" / "steps.csv")["train_loss"]]


def train_plain(way: str, data: str, recipe: dict[str, Any], seed_offset: int, stamp: Any) -> list[float]:
    """Train as a plain script does, from the initial weights of `bimodal train`."""
    import lightning.pytorch as pl
    import torch

    from bimodal.memory import keep_freed_memory
    from bimodal.training.hardware import Hardware
    from bimodal.training.precision import precision_of
    from bimodal.training.predict import build_classifier
    from plain_loop import Pictures, in_seeds_order, train, train_in_memory, train_with_accelerate, train_with_lightning

    settings = settings_of(recipe)
    pl.seed_everything(settings.seed, verbose=False)
    model: torch.nn.Module = build_classifier(settings)
    uses_bf16 = precision_of(model, settings, Hardware(), {})[0] == "bf16-mixed"
    pl.seed_everything(settings.seed + seed_offset, verbose=False)
    augment = settings.augment != "none" and way != "limit"
    loader = in_seeds_order(Pictures(Path(data), settings.image_size, augment), settings.batch_size, settings.seed)
    if way in ("kept", "last", "limit"):
        keep_freed_memory()
    if way in ("last", "limit"):
        model = model.to(memory_format=torch.channels_last)
    with_precision = {"accelerate": train_with_accelerate, "limit": train_in_memory}
    if way in with_precision:
        return with_precision[way](model, loader, settings.epochs, settings.lr, stamp, stamp, uses_bf16)
    loop = train_with_lightning if way == "lightning" else train
    return loop(model, loader, settings.epochs, settings.lr, stamp, stamp)


def settings_of(recipe: dict[str, Any]) -> Any:
    """Return the settings of `bimodal train` for a recipe, from random weights."""
    from bimodal.training.settings import TrainSettings

    changes = {name: value for name, value in recipe.items() if name != "preset"}
    return TrainSettings.preset(recipe.get("preset", "paper"), changes | {"pretrained": False})


if __name__ == "__main__":
    main()
