"""A complete run folder with made-up numbers, to test the readers of run folders without training."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from bimodal.emotions import NAMES

TRAIN, VAL, TEST = 60, 28, 35
WRONG = list(range(0, TRAIN, 10))
"""Training rows whose given label is wrong."""
STAGES = [
    ("backbone.conv1", "Conv2d", "3, 64, kernel_size=(7, 7)", [64, 32, 32], 9408),
    ("backbone.layer1", "Sequential", "", [64, 16, 16], 147968),
    ("head.0", "Dropout", "p=0.6, inplace=False", [64], 0),
    ("head.1", "Linear", "in_features=64, out_features=7, bias=True", [7], 455),
]


def write_run(
    folder: Path,
    name: str,
    seed: int = 0,
    rule: str = "none",
    removed: int | None = None,
    accuracy: float = 0.6,
    test: bool = True,
    truth: bool = True,
    prefix: str = "face",
    flags: dict[int, str] | None = None,
    **config: Any,
) -> Path:
    """Write a run folder `folder/name` over the data folder `folder/data`.

    Args:
        folder: an existing folder.
        name: name of the run.
        seed: random seed of the run and of its made-up numbers.
        rule: `none`, `wang` or `slade-gedeon`.
        removed: number of removed examples, those of `WRONG` first; by default all of `WRONG` if there is a rule.
        accuracy: accuracy of the predictions.
        test: whether there are predictions on test.
        truth: whether true labels are known.
        prefix: start of the names of the images.
        flags: flag by row of the manifest.
        config: further settings.
    """
    rng = np.random.default_rng(seed)
    data, out = folder / "data", folder / name
    out.mkdir()
    table = _manifest(prefix, truth, flags or {})
    _pictures(data, list(table["image"]))
    table.to_csv(out / "manifest.csv", index=False)
    settings = {
        "bimodal": "0.1.0",
        "data": str(data),
        "preset": "paper",
        "seed": seed,
        "backbone": "resnet10t",
        "weights": None,
        "removal": {"rule": rule, "k": 1.0, "epoch": 6},
    }
    (out / "config.yaml").write_text(yaml.safe_dump(settings | config))
    environment = {"seed": seed, "gpu": None, "data_fingerprint": "f", "packages": {"numpy": "2"}}
    (out / "environment.json").write_text(json.dumps(environment))
    names = ("name", "kind", "detail", "output", "parameters")
    (out / "network.json").write_text(json.dumps([dict(zip(names, stage, strict=True)) for stage in STAGES]))
    _history(out, rng)
    count = (len(WRONG) if rule != "none" else 0) if removed is None else removed
    _losses(out, table, count, rule, rng)
    for split in ("val", "test") if test else ("val",):
        predictions = _predictions(table[table["split"] == split], accuracy, rng)
        predictions.to_csv(out / f"predictions_{split}.csv", index=False)
    return out


def _manifest(prefix: str, truth: bool, flags: dict[int, str]) -> pd.DataFrame:
    splits = ["train"] * TRAIN + ["val"] * VAL + ["test"] * TEST
    true = [NAMES[i % 7] for i in range(len(splits))]
    columns = {
        "image": [f"images/{prefix}{i:03d}.png" for i in range(len(splits))],
        "label": [NAMES[(i + 1) % 7] if i in WRONG else label for i, label in enumerate(true)],
        "split": splits,
        "group": "",
        "original_label": "",
        "true_label": true if truth else "",
        "flag": [flags.get(i, "") for i in range(len(splits))],
        "digest": "",
    }
    return pd.DataFrame(columns)


def _pictures(data: Path, images: list[str]) -> None:
    """Draw a simple face for each image."""
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    for number, image in enumerate(images):
        file = data / image
        if file.exists():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        face = np.where(x**2 + y**2 < 0.8, 190, 70)
        face[(np.abs(y + 0.3) < 0.08) & (np.abs(np.abs(x) - 0.35) < 0.1)] = 30
        mouth = y - 0.4 - (number % 7 - 3) * 0.12 * (x**2 - 0.2)
        face[(np.abs(mouth) < 0.05) & (np.abs(x) < 0.45)] = 30
        Image.fromarray(face.astype(np.uint8)).save(file)


def _history(out: Path, rng: np.random.Generator) -> None:
    epochs, per_epoch = 8, 5
    step = np.arange(1, epochs * per_epoch + 1)
    fall = np.exp(-step / 20)
    steps = pd.DataFrame({"step": step, "epoch": (step - 1) // per_epoch + 1, "train_accuracy": 0.9 - 0.7 * fall})
    steps["train_loss"] = 0.3 + 1.7 * fall + rng.normal(0, 0.1, step.size)
    steps.to_csv(out / "steps.csv", index=False)
    metrics = steps[steps["step"] % per_epoch == 0].copy()
    metrics["val_loss"] = metrics["train_loss"] + 0.4
    metrics["val_accuracy"] = metrics["train_accuracy"] - 0.2
    metrics["loss_mean"] = metrics["train_loss"]
    metrics["loss_variance"] = metrics["train_loss"] ** 2
    metrics.assign(examples=TRAIN).to_csv(out / "metrics.csv", index=False)
    pd.DataFrame({"epoch": range(1, epochs + 1), "seconds": 1.0}).to_csv(out / "seconds.csv", index=False)


def _losses(out: Path, table: pd.DataFrame, removed: int, rule: str, rng: np.random.Generator) -> None:
    rows = np.arange(TRAIN)
    before = rng.gamma(2, 0.3, TRAIN).clip(0, 2.5)
    order = [*WRONG, *(row for row in rows.tolist() if row not in WRONG)][:removed]
    before[order] = 4 + rng.random(removed)
    after = before.copy()
    after[order] = np.nan
    kept = ~np.isin(rows, order)
    count = np.ones(TRAIN, dtype=np.uint32)
    np.savez(
        out / "losses.npz", rows=rows, last=before, mean=before, count=count, kept=kept, before=before, after=after
    )
    examples = table.loc[order, ["image", "label"]].assign(row=order, loss=before[order], rank=range(1, removed + 1))
    examples = examples.assign(epoch=6, predicted="sad", confidence=0.8, probability=np.nan)
    examples.to_csv(out / "removed.csv", index=False)
    upper = before[before > before.mean()]
    step = {"epoch": 6, "rule": rule, "m1": before.mean(), "m2": upper.mean(), "std2": upper.std(), "threshold": 3.0}
    steps = pd.DataFrame([{**step, "removed": removed, "kept_by_limits": 0}])
    steps.iloc[: int(removed > 0)].to_csv(out / "removal_steps.csv", index=False)


def _predictions(table: pd.DataFrame, accuracy: float, rng: np.random.Generator) -> pd.DataFrame:
    labels = np.array([NAMES.index(label) for label in table["label"]])
    right = rng.permutation(np.arange(len(table)) < round(accuracy * len(table)))
    predicted = np.where(right, labels, (labels + 1) % 7)
    probabilities = rng.dirichlet(np.ones(7), len(table)) * 0.49
    probabilities[np.arange(len(table)), predicted] += 0.51
    frame = table[["image", "label"]].assign(row=table.index, predicted=[NAMES[code] for code in predicted])
    for code, name in enumerate(NAMES):
        frame[f"p_{name}"] = probabilities[:, code]
    return frame[["image", "row", "label", "predicted", *(f"p_{name}" for name in NAMES)]]
