"""The precision of a run on a CPU with bf16: the one in which a few training steps of this network are faster."""

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor
from torch.nn.functional import cross_entropy

from bimodal.errors import InputError
from bimodal.files import user_cache_folder, write_text
from bimodal.memory import keep_freed_memory
from bimodal.models import EmotionClassifier
from bimodal.training.environment import processor
from bimodal.training.hardware import Hardware, choose_precision
from bimodal.training.settings import TrainSettings
from bimodal.untrusted import read_small_json

BF16, FULL = "bf16-mixed", "32-true"
"""Lightning's names of the two precisions of `--precision auto`."""
_CLEARLY_FASTER = 0.95  # share of the time; above it, full precision is worth more than the time
_FEWEST_STEPS, _MOST_STEPS, _SECONDS, _MOST_FACES = 2, 10, 1.0, 16


def precision_of(
    model: EmotionClassifier, settings: TrainSettings, hardware: Hardware, recorded: Mapping[str, Any]
) -> tuple[str, float | None]:
    """Return the precision of a run, and the measured time of bf16 as a share of that of full precision.

    `auto` measures on a CPU that computes bf16 natively; the share is None elsewhere. A network is measured once on a machine: the
    share is kept in the user's cache folder, so that runs to be compared, and the processes of a run, have the same precision.

    Args:
        model: the classifier; it is not changed.
        settings: of the run.
        hardware: where to train.
        recorded: `environment.json` of the run to resume, whose precision is taken; empty for a new run.
    """
    chosen = choose_precision(settings.precision, hardware.uses_cuda)
    if settings.precision != "auto" or settings.fit == "probe" or chosen != BF16 or hardware.uses_cuda:
        return chosen, None
    if recorded.get("precision") in (BF16, FULL):
        return recorded["precision"], recorded.get("bf16_time_ratio")
    ratio = _remembered_ratio(model, settings)
    return (BF16 if ratio < _CLEARLY_FASTER else FULL), ratio


def bf16_time_ratio(model: EmotionClassifier, image_size: int, batch_size: int) -> float:
    """Return the time of a training step in bf16 as a share of that in full precision, on the CPU.

    A copy of the network trains on random pictures, so neither its weights nor the state of the random numbers change. The time
    is the processor time of one thread, which other programs hardly disturb, for the fastest of several steps.
    """
    keep_freed_memory()
    copy, count = deepcopy(model).to(memory_format=torch.channels_last).train(), min(batch_size, _MOST_FACES)
    images = torch.rand(count, 3, image_size, image_size, generator=torch.Generator())
    images, labels = images.contiguous(memory_format=torch.channels_last), torch.zeros(count, dtype=torch.long)
    times: dict[bool, list[float]] = {False: [], True: []}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            for step in range(_MOST_STEPS):
                if step >= _FEWEST_STEPS and sum(times[False] + times[True]) > _SECONDS:
                    break
                for uses_bf16 in times:
                    times[uses_bf16].append(_time_of_a_step(copy, images, labels, uses_bf16))
    finally:
        torch.set_num_threads(threads)
    return round(min(times[True][1:]) / min(times[False][1:]), 3)  # the first step of each also allocates memory


def _time_of_a_step(model: EmotionClassifier, images: Tensor, labels: Tensor, uses_bf16: bool) -> float:
    start = time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=uses_bf16):
        loss = cross_entropy(model(images), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    model.zero_grad(set_to_none=True)
    return time.process_time() - start


def _remembered_ratio(model: EmotionClassifier, settings: TrainSettings) -> float:
    network = (settings.backbone, dict(settings.backbone_options), settings.hidden)
    size = (settings.image_size, min(settings.batch_size, _MOST_FACES))
    key = repr((processor(), torch.__version__, network, size))
    with suppress(OSError, InputError):  # without a folder that can be written, it is measured each time
        file = user_cache_folder() / f"bf16-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
        with FileLock(file.with_suffix(".lock"), timeout=60):  # the processes of torchrun start at the same time
            if (ratio := _read(file)) is None:
                ratio = bf16_time_ratio(model, settings.image_size, settings.batch_size)
                with suppress(OSError):
                    write_text(file, json.dumps({"measured": key, "bf16_time_ratio": ratio}))
        return ratio
    return bf16_time_ratio(model, settings.image_size, settings.batch_size)


def _read(file: Path) -> float | None:
    try:
        ratio = read_small_json(file)["bf16_time_ratio"]
    except (OSError, ValueError, LookupError):
        return None
    return ratio if isinstance(ratio, float) and ratio > 0 else None
