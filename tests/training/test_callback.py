"""The callback in other LightningModules: what it requires, what it removes, and that two processes agree with one."""

import json
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, DistributedSampler, Subset, WeightedRandomSampler

from bimodal.errors import InputError
from bimodal.removal import RemovalSettings, wang
from bimodal.training.callback import BimodalDistributionRemoval
from tests import forked
from tests.training import two_processes
from tests.training.two_processes import SIZE, KnownLosses, Numbers


def train_on_two_processes(rule: str, workers: int) -> dict[str, Any]:
    code = forked.script(Path(__file__).with_name("two_processes.py"))
    results = forked.launched(2, code, 2, workers, rule)
    lines = [line for line in results[0].stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, [result.stdout + result.stderr for result in results]
    return json.loads(lines[0].removeprefix("RESULT "))


@pytest.mark.slow
def test_two_processes_remove_the_same_examples_as_one() -> None:
    one, two = two_processes.train(1, 0, "wang"), train_on_two_processes("wang", workers=1)
    assert one is not None
    assert [step[0] for step in one["steps"]] == [2, 4, 6]
    assert one["steps"] == two["steps"]
    removed: set[int] = set()
    for epoch in range(1, 8):
        kept = set(range(SIZE)) - removed
        assert sorted(one["epochs"][epoch - 1]) == sorted(kept)
        batches = two["epochs"][epoch - 1]
        assert set(batches) == kept
        assert len(batches) - len(kept) == len(kept) % 2, "more repeats than the padding to two equal halves"
        removed |= {row for step in one["steps"] if step[0] == epoch for row in step[2]}


@pytest.mark.slow
def test_two_processes_average_the_same_predicted_probabilities_as_one() -> None:
    one, two = two_processes.train(1, 0, "two-modes"), train_on_two_processes("two-modes", workers=0)
    assert one is not None
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


ONE_STEP = {"epoch": 1, "min_per_class": 1}


def expected(indices: range) -> list[int]:
    losses = torch.tensor([(i * 37) % SIZE / 20.0 for i in indices]) ** 2
    return [indices[i] for i in wang(losses.numpy()).remove.nonzero()[0]]


@pytest.mark.parametrize("workers", [0, 2])
def test_removed_examples_do_not_come_again(workers: int) -> None:
    removal = BimodalDistributionRemoval(**ONE_STEP)
    loader = DataLoader(Numbers(), 16, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    module = train(loader, removal)
    removed = expected(range(SIZE))
    assert sorted(removal.remover.steps[0].rows.tolist()) == removed
    assert sorted(module.seen[0]) == list(range(SIZE))
    for epoch in module.seen[1:]:
        assert sorted(epoch) == sorted(set(range(SIZE)) - set(removed))
    assert module.seen[1] != sorted(module.seen[1]), "no longer shuffled"
    assert module.seen[1] != module.seen[2]


def test_a_dataloader_of_the_module_and_subsets_work() -> None:
    rows = range(10, 90)

    class WithLoader(KnownLosses):
        def train_dataloader(self) -> DataLoader:
            subset = Subset(Numbers(), list(rows))
            return DataLoader(subset, 16, sampler=DistributedSampler(subset, 1, 0, shuffle=True, seed=3))

    removal = BimodalDistributionRemoval(**ONE_STEP)
    module = train(None, removal, module=WithLoader())
    assert sorted(module.seen[1]) == sorted(set(rows) - set(expected(rows)))
    assert not removal.remover.kept[:10].any(), "examples outside the subset are not in training"


def test_without_removal_the_loader_stays_the_same() -> None:
    removal = BimodalDistributionRemoval("none")
    loader = DataLoader(Numbers(), 16, shuffle=False)
    module = train(loader, removal)
    assert removal.without_removed(loader) is loader
    assert module.seen == [list(range(SIZE))] * 3


def test_the_checkpoint_holds_the_state_and_is_read_without_pickle(tmp_path: Path) -> None:
    first = BimodalDistributionRemoval(**ONE_STEP)
    checkpoint = pl.callbacks.ModelCheckpoint(tmp_path, save_last=True)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=2, callbacks=[first, checkpoint], logger=False, enable_progress_bar=False
    )
    trainer.fit(KnownLosses(), DataLoader(Numbers(), 16, shuffle=True))
    state = tmp_path / "last.ckpt"
    torch.load(state, weights_only=True)
    second = BimodalDistributionRemoval(**ONE_STEP)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=3, callbacks=[second], logger=False, enable_progress_bar=False,
        enable_checkpointing=False,
    )  # fmt: skip
    module = KnownLosses()
    trainer.fit(module, DataLoader(Numbers(), 16, shuffle=True), ckpt_path=state, weights_only=True)
    assert second.remover.steps[0].rows.tolist() == first.remover.steps[0].rows.tolist()
    assert [sorted(epoch) for epoch in module.seen] == [sorted(set(range(SIZE)) - set(expected(range(SIZE))))]


def test_an_error_names_what_is_missing() -> None:
    class WithoutSampleLoss(KnownLosses):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return {"loss": super().training_step(batch, batch_idx)["loss"]}

    with pytest.raises(InputError, match=r"needs batches.*'sample_loss'"):
        train(DataLoader(Numbers(), 16), BimodalDistributionRemoval(), module=WithoutSampleLoss())
    sampler = WeightedRandomSampler([1.0] * SIZE, SIZE)
    with pytest.raises(InputError, match="instead of another sampler; got DataLoader with WeightedRandomSampler"):
        train(DataLoader(Numbers(), 16, sampler=sampler), BimodalDistributionRemoval())


def test_keywords_change_the_defaults_of_a_rule() -> None:
    assert BimodalDistributionRemoval().settings == RemovalSettings()
    removal = BimodalDistributionRemoval(rule="slade-gedeon", epoch=3, k=0.25)
    assert removal.settings == RemovalSettings.preset("slade-gedeon", epoch=3, k=0.25)
    assert not removal.pred_probs
    settings = RemovalSettings.preset("two-modes", epoch=4)
    assert BimodalDistributionRemoval(settings=settings).settings is settings
    assert BimodalDistributionRemoval(settings=settings).pred_probs, "the rule needs them"


def test_wrong_keywords_are_an_error() -> None:
    with pytest.raises(InputError, match="--removal must be one of wang"):
        BimodalDistributionRemoval("wong")
    with pytest.raises(InputError, match="unknown removal setting epochs"):
        BimodalDistributionRemoval(epochs=6)
    with pytest.raises(InputError, match="expected either settings or single values, got settings and epoch"):
        BimodalDistributionRemoval(settings=RemovalSettings(), epoch=6)


def test_measured_losses_replace_those_of_the_training_pass() -> None:
    asked: list[list[int]] = []

    def measure(rows: np.ndarray) -> dict[str, np.ndarray]:
        asked.append(rows.tolist())
        return {"index": rows, "label": rows % 7, "loss": np.where(rows == 5, 9.0, np.where(rows < 20, 2.0, 0.1))}

    removal = BimodalDistributionRemoval(measure=measure, **ONE_STEP)
    train(DataLoader(Numbers(), 16), removal, epochs=2)
    assert removal.remover.steps[0].rows.tolist() == [5]
    assert asked == [list(range(SIZE)), [i for i in range(SIZE) if i != 5]]
