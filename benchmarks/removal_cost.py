"""Claim: removal with losses from the training pass costs at most 1 % of a training epoch."""

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from measure import alternate, options, ratios, show, spread, verdict

BAR = 1.0
"""Percent."""


def main() -> None:
    parser = options(__doc__ or "", rounds=3, threads=True)
    parser.add_argument("--steps", type=int, default=3, help="steps in an epoch [3; the paper's has 14]")
    parser.add_argument("--pairs", type=int, default=6, help="pairs of single steps, with and without removal [6]")
    arguments = parser.parse_args()
    if arguments.threads:
        os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments)


def measure(folder: Path, arguments: argparse.Namespace) -> None:
    """Measure whole epochs of `train`, then single steps."""
    from faces import draw

    recipe: dict[str, Any] = {"backbone": "resnet50", "image_size": 224, "batch_size": 64}
    if arguments.quick:
        recipe = {"backbone": "test_resnet", "image_size": 64, "batch_size": 8}
    data = draw(folder, recipe["batch_size"] * arguments.steps)
    rounds = 1 if arguments.quick else arguments.rounds
    parts: dict[str, list[dict[str, float]]] = {"training": [], "clean": []}

    def share(losses: str) -> float:
        parts[losses].append(epoch(data, folder / "run", recipe | {"losses": losses}))
        return percent(parts[losses][-1])

    alternate({"first": lambda: share("training")}, 1)  # warms up
    parts["training"].clear()
    shares = alternate({losses: partial(share, losses) for losses in parts}, rounds)
    about = f"{recipe['backbone']}, {recipe['image_size']} px, batches of {recipe['batch_size']}"
    show(
        f"Time of removal as a share of a training epoch ({about}; steps in an epoch: {arguments.steps})",
        ["source of the losses", "% of the epoch without removal, median (min to max)", *NAMES.values()],
        [
            [
                {"training": "the training pass", "clean": "a clean pass after each epoch"}[losses],
                spread(shares[losses], 3),
                *(spread([100 * part[name] / base(part) for part in parts[losses]], 3) for name in NAMES),
            ]
            for losses in parts
        ],
    )
    steps = single_steps(recipe, 1 if arguments.quick else arguments.pairs)
    extra = [100 * (r - 1) for r in ratios(steps["with"], steps["without"])]
    show(
        "Check: single training steps, with and without the second pass of the head and the callback's bookkeeping",
        ["method", "seconds per step, median (min to max)", "% more than without"],
        [["without", spread(steps["without"]), "0"], ["with", spread(steps["with"]), spread(extra, 1)]],
    )
    verdict(
        f"removal costs at most {BAR:g} % of a training epoch",
        median(shares["training"]) <= BAR,
        shares["training"],
        "%",
    )


NAMES = {
    "head": "second pass of the head",
    "loss": "loss of each example",
    "batch": "after each batch",
    "end": "end of the epoch",
    "loader": "new loader",
}
"""The parts of the removal in an epoch."""


def base(part: dict[str, float]) -> float:
    """Return the seconds of the epoch without removal."""
    return part["epoch"] - sum(part[name] for name in NAMES)


def percent(part: dict[str, float]) -> float:
    """Return the time of the removal as a share of the epoch without removal, in percent."""
    return 100 * sum(part[name] for name in NAMES) / base(part)


def epoch(data: Path, out: Path, recipe: dict[str, Any]) -> dict[str, float]:
    """Train for one epoch that ends with a removal; return the seconds of the epoch and of each part of the removal.

    The time of the epoch excludes validation and writing; with them, the share of the removal would be smaller.
    """
    from torch.nn.functional import cross_entropy

    from bimodal.training import module
    from bimodal.training.callback import BimodalDistributionRemoval as Removal
    from bimodal.training.settings import TrainSettings
    from bimodal.training.train import train

    spent: dict[str, float] = defaultdict(float)
    plain_loss = cross_entropy

    def loss(*inputs: Any, **options: Any) -> Any:
        return (timed_loss if options.get("reduction") == "none" else plain_loss)(*inputs, **options)

    timed_loss = timed(plain_loss, "loss", spent)
    stamps: list[float] = []
    patches = [
        (module, "cross_entropy", loss),
        (module.EmotionModule, "_logits_without_dropout", "head"),
        (Removal, "on_train_batch_end", "batch"),
        (Removal, "on_train_epoch_end", "end"),
        (Removal, "without_removed", "loader"),
        # Lightning calls these two before and after the training batches of an epoch; EmotionModule does not define them.
        (module.EmotionModule, "on_train_epoch_start", lambda self: stamps.append(time.perf_counter())),
        (module.EmotionModule, "on_validation_start", lambda self: stamps.append(time.perf_counter())),
    ]
    removal = {"rule": "wang", "epoch": 1}
    settings = TrainSettings.preset("paper", recipe | {"pretrained": False, "epochs": 1, "removal": removal})
    with ExitStack() as stack:
        for owner, name, new in patches:
            call = timed(getattr(owner, name), new, spent) if isinstance(new, str) else new
            stack.enter_context(patch.object(owner, name, call))
        train(data, out, settings, overwrite=out.exists())
    batches = stamps[1] - stamps[0]
    return {**dict.fromkeys(NAMES, 0.0), **spent, "epoch": batches + spent["end"] + spent["loader"]}


def timed(call: Callable[..., Any], part: str, spent: dict[str, float]) -> Callable[..., Any]:
    """Return a function that calls `call` and adds its time to `spent[part]`."""

    def wrapped(*inputs: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return call(*inputs, **options)
        finally:
            spent[part] += time.perf_counter() - start

    return wrapped


def single_steps(recipe: dict[str, Any], pairs: int) -> dict[str, list[float]]:
    """Return the seconds of single steps of one warm model with and without removal, measured alternately."""
    import torch
    from torch.nn.functional import cross_entropy

    from bimodal.models import EmotionClassifier
    from bimodal.training.callback import BimodalDistributionRemoval
    from bimodal.training.module import EmotionModule

    size, batch_size = recipe["image_size"], recipe["batch_size"]
    module = EmotionModule(EmotionClassifier(recipe["backbone"], image_size=size)).train()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-4, fused=True)
    images = torch.randn(batch_size, 3, size, size).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch_size) % 7
    batch = {"image": images, "label": labels, "index": torch.arange(batch_size)}
    removal = BimodalDistributionRemoval()

    def step(with_removal: bool) -> float:
        start = time.perf_counter()
        features = module.model.backbone(images)
        loss = cross_entropy(module.model.head(features), labels)
        if with_removal:
            logits = module._logits_without_dropout(features.detach())
            outputs = {"sample_loss": cross_entropy(logits, labels, reduction="none"), "logits": logits}
            removal.on_train_batch_end(None, module, outputs, batch, 0)  # type: ignore[arg-type]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return time.perf_counter() - start

    step(True)
    return alternate({"without": lambda: step(False), "with": lambda: step(True)}, pairs)


if __name__ == "__main__":
    main()
