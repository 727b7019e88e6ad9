"""What a training step takes and sends with 1, 2 and 4 processes of one machine, beside the model of docs/scaling.md."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from measure import alternate, options, ratios, show, spread, verdict

os.environ["OMP_NUM_THREADS"] = "1"
BATCH, WARM_UP, EPOCHS = 64, 1, 3
TOLERANCE = 0.05
CLAIM = f"a step sends the bytes that the model says, within {TOLERANCE:.0%}"


def main() -> None:
    """Train a network for some steps on each number of processes in turn, and print seconds and bytes a step."""
    parser = options(__doc__ or "", rounds=3)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument(
        "--train", nargs=2, help="processes and data folder of a training: for the processes themselves"
    )
    given = parser.parse_args()
    if given.quick:
        given.backbone, given.image_size, given.rounds, given.processes = "test_resnet", 32, 1, [1, 2]
    if given.train:
        train(int(given.train[0]), Path(given.train[1]), given.backbone, given.image_size)
        return
    from faces import draw

    with tempfile.TemporaryDirectory() as folder:
        data = draw(Path(folder), (1 if given.quick else 5) * BATCH, side=given.image_size)
        network = ["--backbone", given.backbone, "--image-size", str(given.image_size)]
        found: dict[int, list[dict[str, Any]]] = {count: [] for count in given.processes}
        ways = {str(count): partial(measured, count, data, network, found[count]) for count in given.processes}
        seconds = alternate(ways, given.rounds)
    first = str(given.processes[0])
    rows, off = [], []
    for count, values in zip(given.processes, seconds.values(), strict=True):
        expected = modelled(count, found[count][0])
        sent = [one["bytes"] for one in found[count] if one["bytes"] is not None]
        off += [abs(value / expected - 1) for value in sent if expected]
        rows.append(
            [
                str(count),
                spread(values, 3, " s"),
                spread(ratios(values, seconds[first])),
                f"{median(sent) / count / 1e6:.2f}" if sent else "not measured",
                f"{expected / count / 1e6:.2f}",
            ]
        )
    columns = ["processes", "seconds a step", f"times those of {first}", "MB sent by each", "by the model"]
    title = f"{given.backbone}, {given.image_size} pixels, batches of {BATCH} faces in all, one thread a process, gloo"
    show(title, columns, rows)
    verdict(CLAIM, max(off) <= TOLERANCE if off else None, off, "of the bytes")


def measured(count: int, data: Path, network: list[str], found: list[dict[str, Any]]) -> float:
    """Train on some processes; return the median seconds of a step, and append what else was measured."""
    command = [sys.executable, str(Path(__file__).absolute()), *network, "--train", str(count), str(data)]
    if os.geteuid() == 0 and shutil.which("unshare"):  # a network of its own, in which only these processes send
        command = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found.append(json.loads(shown.splitlines()[-1]))
    return float(found[-1]["seconds"])


def train(count: int, data: Path, backbone: str, image_size: int) -> None:
    """Train on some processes, of which this is one; the first prints the seconds and bytes of a step."""
    import lightning.pytorch as pl
    from torch import nn

    from bimodal.training.hardware import Hardware
    from bimodal.training.settings import TrainSettings
    from bimodal.training.train import train as train_run

    class Steps(pl.Callback):
        def __init__(self) -> None:
            self.seconds: list[float] = []
            self.sent = 0
            self.size: dict[str, int] = {}

        def on_train_batch_start(
            self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, number: int
        ) -> None:
            if number == 0:
                self._sent = bytes_sent()
            self._start = time.perf_counter()

        def on_train_batch_end(
            self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, number: int
        ) -> None:
            if trainer.current_epoch >= WARM_UP:
                self.seconds.append(time.perf_counter() - self._start)
                if number + 1 == trainer.num_training_batches:
                    self.sent += bytes_sent() - self._sent
            if not self.size:
                norms = [layer.num_features for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
                weights = sum(p.numel() for p in module.parameters() if p.requires_grad)
                self.size = {"weights": weights, "channels": sum(norms), "norms": len(norms)}

    steps = Steps()
    settings = TrainSettings.preset(
        "small",
        {"backbone": backbone, "image_size": image_size, "batch_size": BATCH, "epochs": EPOCHS, "precision": "32"},
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(
            os.environ.setdefault("BENCHMARK_RUN", f"{folder}/run")
        )  # the processes that this one starts get it, too
        train_run(data, out, settings, hardware=Hardware("cpu", devices=count), callbacks=[steps], loggers=["none"])
    sent = steps.sent / len(steps.seconds) if os.geteuid() == 0 else None
    print(json.dumps({"seconds": median(steps.seconds), "bytes": sent, **steps.size}))


def bytes_sent() -> int:
    """Return the bytes that were sent on the loopback interface of this network."""
    lines = Path("/proc/net/dev").read_text().splitlines()
    return next(int(line.split()[9]) for line in lines if line.strip().startswith("lo:"))


def modelled(count: int, size: dict[str, Any]) -> float:
    """Return the bytes that all processes together send in a step by the model: rings for gradients and batch norm."""
    batch_norm = size["channels"] * (2 * 8 + 2 * 4)  # forwards in 64 bits, backwards in 32
    return 2 * (count - 1) * (4 * size["weights"] + batch_norm)


if __name__ == "__main__":
    main()
