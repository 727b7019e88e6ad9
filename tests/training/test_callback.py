"""The callback in other people's modules: what it asks for, what it removes, and that two processes agree with one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch.utils.data import DataLoader, DistributedSampler, Subset, WeightedRandomSampler

from bimodal.errors import InputError
from bimodal.removal import RemovalSettings, wang
from bimodal.training.callback import BimodalDistributionRemoval
from tests.training.two_processes import SIZE, KnownLosses, Numbers


def run_processes(devices: int, workers: int = 0, rule: str = "wang") -> dict[str, Any]:
    script = Path(__file__).with_name("two_processes.py")
    root = str(Path(__file__).resolve().parents[2])
    result = subprocess.run(
        [sys.executable, str(script), str(devices), str(workers), rule], capture_output=True, text=True, timeout=200, check=False,
        env=os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    lines = [line for line in result.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, result.stdout + result.stderr
    return json.loads(lines[0].removeprefix("RESULT "))


def test_two_processes_remove_exactly_what_one_does() -> None:
    one, two = run_processes(1), run_processes(2, workers=1)
    assert [step[0] for step in one["steps"]] == [2, 4, 6]
    assert one["steps"] == two["steps"]
    gone: set[int] = set()
    for epoch in range(1, 8):
        left = set(range(SIZE)) - gone
        assert sorted(one["epochs"][epoch - 1]) == sorted(left)
        seen = two["epochs"][epoch - 1]
        assert set(seen) == left
        assert len(seen) - len(left) == len(left) % 2, "more repeats than the padding to two equal halves"
        gone |= {row for step in one["steps"] if step[0] == epoch for row in step[2]}


def test_two_processes_believe_what_one_does() -> None:
    one, two = run_processes(1, rule="two-modes"), run_processes(2, rule="two-modes")
    assert one["steps"]
    assert {row for step in one["steps"] for row in step[2]} <= set(range(0, SIZE, 4))
    assert [step[2] for step in one["steps"]] == [step[2] for step in two["steps"]]
    assert [step[1] for step in one["steps"]] == pytest.approx([step[1] for step in two["steps"]])


def train(loader: Any, removal: BimodalDistributionRemoval, epochs: int = 3, module: Any = None, **options: Any) -> Any:
    module = module or KnownLosses()
    options = {"logger": False, "enable_checkpointing": False} | options
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=epochs, callbacks=[removal], enable_progress_bar=False, enable_model_summary=False,
        **options,
    )  # fmt: skip
    trainer.fit(module, loader) if loader is not None else trainer.fit(module)
    return module


ONE_STEP = RemovalSettings(epoch=1, min_per_class=1)


def expected(indices: range) -> list[int]:
    losses = torch.tensor([(i * 37) % SIZE / 20.0 for i in indices]) ** 2
    return [indices[i] for i in wang(losses.numpy()).remove.nonzero()[0]]


@pytest.mark.parametrize("workers", [0, 2])
def test_removed_examples_are_not_seen_again(workers: int) -> None:
    removal = BimodalDistributionRemoval(ONE_STEP)
    loader = DataLoader(Numbers(), 16, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    module = train(loader, removal)
    gone = expected(range(SIZE))
    assert sorted(removal.remover.steps[0].rows.tolist()) == gone
    assert sorted(module.seen[0]) == list(range(SIZE))
    for epoch in module.seen[1:]:
        assert sorted(epoch) == sorted(set(range(SIZE)) - set(gone))
    assert module.seen[1] != sorted(module.seen[1]), "the shuffle is lost"
    assert module.seen[1] != module.seen[2]


def test_the_modules_own_dataloader_and_subsets_are_followed() -> None:
    rows = range(10, 90)

    class Own(KnownLosses):
        def train_dataloader(self) -> DataLoader:
            subset = Subset(Numbers(), list(rows))
            return DataLoader(subset, 16, sampler=DistributedSampler(subset, 1, 0, shuffle=True, seed=3))

    removal = BimodalDistributionRemoval(ONE_STEP)
    module = train(None, removal, module=Own())
    assert sorted(module.seen[1]) == sorted(set(rows) - set(expected(rows)))
    assert not removal.remover.kept[:10].any(), "rows outside training are not kept in training"


def test_without_removal_the_loader_is_left_alone() -> None:
    removal = BimodalDistributionRemoval(RemovalSettings(rule="none"))
    loader = DataLoader(Numbers(), 16, shuffle=False)
    module = train(loader, removal)
    assert removal.without_removed(loader) is loader
    assert module.seen == [list(range(SIZE))] * 3


def test_the_state_is_in_the_checkpoint_and_read_without_pickle(tmp_path: Path) -> None:
    first = BimodalDistributionRemoval(ONE_STEP)
    checkpoint = pl.callbacks.ModelCheckpoint(tmp_path, save_last=True)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=2, callbacks=[first, checkpoint], logger=False, enable_progress_bar=False
    )
    trainer.fit(KnownLosses(), DataLoader(Numbers(), 16, shuffle=True))
    state = tmp_path / "last.ckpt"
    torch.load(state, weights_only=True)
    second = BimodalDistributionRemoval(ONE_STEP)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=3, callbacks=[second], logger=False, enable_progress_bar=False,
        enable_checkpointing=False,
    )  # fmt: skip
    module = KnownLosses()
    trainer.fit(module, DataLoader(Numbers(), 16, shuffle=True), ckpt_path=state, weights_only=True)
    assert second.remover.steps[0].rows.tolist() == first.remover.steps[0].rows.tolist()
    assert [sorted(epoch) for epoch in module.seen] == [sorted(set(range(SIZE)) - set(expected(range(SIZE))))]


def test_what_is_missing_is_named() -> None:
    class Forgets(KnownLosses):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return {"loss": super().training_step(batch, batch_idx)["loss"]}

    with pytest.raises(InputError, match=r"needs batches.*'sample_loss'"):
        train(DataLoader(Numbers(), 16), BimodalDistributionRemoval(), module=Forgets())
    sampler = WeightedRandomSampler([1.0] * SIZE, SIZE)
    with pytest.raises(InputError, match="instead of a sampler of your own; got DataLoader with WeightedRandomSampler"):
        train(DataLoader(Numbers(), 16, sampler=sampler), BimodalDistributionRemoval())
