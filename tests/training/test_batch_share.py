"""Shares of a batch: every example once, in the batches of one process."""

import pytest
from torch.utils.data import DataLoader, DistributedSampler

from bimodal.training.batch_share import share_of
from bimodal.training.sampler import BatchShareSampler


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 7])
def test_each_example_counts_once_and_shares_grow_with_the_batch(processes: int) -> None:
    before = [0] * processes
    for count in range(1, 40):
        shares = [share_of(count, process, processes) for process in range(processes)]
        weights = [0.0] * count
        for share in shares:
            assert share.size >= 1, "a process without examples would not take part"
            for position in range(share.start, share.stop):
                weights[position] += share.weight
        assert weights == pytest.approx([1] * count)
        assert sum(share.scale for share in shares) / processes == pytest.approx(1)
        sizes = [share.size for share in shares]
        assert all(size >= earlier for size, earlier in zip(sizes, before, strict=True)), (
            "or a DataLoader would split it"
        )
        before = sizes


@pytest.mark.parametrize("processes", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [1, 2, 4, 9, 16, 23])
def test_the_processes_together_have_the_batches_of_one(processes: int, size: int) -> None:
    examples, batch_size = list(range(100, 100 + size)), 8
    one = DistributedSampler(examples, 1, 0, shuffle=True, seed=3)
    parts = [BatchShareSampler(examples, batch_size, processes, process, 3) for process in range(processes)]
    for epoch in (0, 1):
        one.set_epoch(epoch)
        batches = [[examples[i] for i in batch] for batch in DataLoader(list(one), batch_size)]
        shared = []
        for sampler in parts:
            sampler.set_epoch(epoch)
            loader = DataLoader(examples, sampler.loader_batch_size, sampler=sampler)
            shared.append([batch.tolist() for batch in loader])
            assert len(shared[-1]) == len(loader) == len(batches), "a process would wait for the others for ever"
        for number, batch in enumerate(batches):
            found: dict[int, int] = {}
            for sampler, own in zip(parts, shared, strict=True):
                share = sampler.share(number)
                assert share.count == len(batch)
                found |= dict(zip(range(share.start, share.stop), own[number], strict=True))
            assert [found[position] for position in range(len(batch))] == batch


def test_over_another_dataset_the_sampler_keeps_seed_epoch_and_share() -> None:
    sampler = BatchShareSampler(range(20), 6, 2, 1, seed=5)
    sampler.set_epoch(3)
    shrunk, fresh = sampler.over(range(9)), BatchShareSampler(range(9), 6, 2, 1, seed=5)
    fresh.set_epoch(3)
    assert list(shrunk) == list(fresh)
    assert len(shrunk) == 4, "three of six and one of three"
