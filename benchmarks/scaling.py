"""The points of docs/scaling.md: what two training processes exchange, in bytes and seconds, and what a face takes on disk."""

import argparse
import os
import pickle
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")


def main() -> None:
    """Print a table of bytes, and of seconds on two processes of this machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that it runs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    faces = [1_000, 10_000] if given.quick else [10_000, 100_000, 1_000_000]
    megabytes = [1] if given.quick else [1, 10, 100]
    if given.rank is not None:
        exchange(given.rank, given.port, faces, megabytes, given.rounds)
        return
    print("| network | weights | bytes of gradients a step |\n|---|---|---|")
    for name, count in weights().items():
        print(f"| {name} | {count:,} | {4 * count:,} |")
    each = losses_of(10_000)
    size = sum(values.nbytes for values in each.values()) / 10_000
    print(f"\nledger: {size:.0f} bytes a face and epoch in arrays, {len(pickle.dumps(each)) / 10_000:.1f} as sent")
    print(f"ledger in memory: {ledger_bytes(100_000):.0f} bytes a face", flush=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [sys.executable, *sys.argv, "--port", str(port), "--rank"]
    other = subprocess.Popen([*command, "1"])
    subprocess.run([*command, "0"], check=True)
    other.wait()


def weights() -> dict[str, int]:
    """Return the number of trained weights by network."""
    from bimodal.models import EmotionClassifier
    from bimodal.training.settings import TrainSettings

    counts = {}
    for preset in ("paper", "small", "face"):
        settings = TrainSettings.preset(preset)
        shape = settings.backbone, settings.hidden, 0.5, 0.5, settings.image_size
        model = EmotionClassifier(*shape)
        counts[f"`--preset {preset}`: {settings.backbone}"] = sum(
            p.numel() for p in model.parameters() if p.requires_grad
        )
    return counts


def losses_of(count: int) -> dict[str, np.ndarray]:
    """Return what a process gives to the others after an epoch, for some faces."""
    rng = np.random.default_rng(0)
    index = rng.permutation(count).astype(np.int64)
    return {
        "index": index,
        "label": index % 7,
        "loss": rng.random(count, np.float32),
        "confidence": rng.random(count, np.float32),
        "predicted": index % 7,
        "logits": rng.random((count, 7), np.float32),
    }


def ledger_bytes(count: int) -> float:
    """Return the bytes of a ledger's arrays for each face, after an epoch."""
    from bimodal.removal.ledger import LossLedger

    ledger, losses = LossLedger(count), losses_of(count)
    ledger.update(losses["index"], losses["loss"], losses["logits"])
    return sum(values.nbytes for values in vars(ledger).values() if isinstance(values, np.ndarray)) / count


def exchange(rank: int, port: int, faces: list[int], megabytes: list[int], rounds: int) -> None:
    """Measure the gradients' sum and the ledger's exchange between two processes."""
    import torch
    from torch import distributed

    from bimodal.training.callback import _gather

    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    rows = []
    for size in megabytes:
        add = partial(distributed.all_reduce, torch.zeros(size * 250_000))
        rows.append((f"gradients, {size} MB", [_seconds(add) for _ in range(rounds)]))
    for count in faces:
        join = partial(_gather, {name: values[rank::2] for name, values in losses_of(count).items()})
        rows.append((f"ledger, {count:,} faces", [_seconds(join) for _ in range(rounds)]))
    if rank == 0:
        print("\n| exchanged by two processes | seconds, median | least | most |\n|---|---|---|---|")
        for name, seconds in rows:
            print(f"| {name} | {statistics.median(seconds):.4f} | {min(seconds):.4f} | {max(seconds):.4f} |")
    distributed.destroy_process_group()


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
