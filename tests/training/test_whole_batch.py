"""Batch norm and dropout of shares equal those of the whole batch; threads stand for processes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from bimodal.training import whole_batch
from bimodal.training.batch_augmentation import augment_batch
from bimodal.training.batch_share import BatchShare, share_of
from bimodal.training.whole_batch import as_whole_batch, gather_batch


class ThreadSum:
    """Sums the tensors of several threads, as `sum_over_processes` does those of processes."""

    def __init__(self, count: int) -> None:
        self._barrier, self._parts, self._own = threading.Barrier(count, timeout=60), {}, threading.local()

    def start(self, number: int) -> None:
        self._own.number = number

    def __call__(self, values: Tensor) -> Tensor:
        self._parts[self._own.number] = values
        self._barrier.wait()
        total = sum(self._parts[number] for number in sorted(self._parts))
        self._barrier.wait()
        return total


def in_threads(processes: int, work: object, monkeypatch: pytest.MonkeyPatch) -> list:
    total = ThreadSum(processes)
    monkeypatch.setattr(whole_batch, "sum_over_processes", total)

    def one(number: int) -> object:
        total.start(number)
        return work(number)

    with ThreadPoolExecutor(processes) as pool:
        return list(pool.map(one, range(processes)))


def network(norm: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    torch.manual_seed(1)
    first = nn.Conv2d(3, 4, 3) if len(shape) == 3 else nn.Linear(shape[0], 4)
    return nn.Sequential(first, norm(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)).double()


@pytest.mark.parametrize(("count", "processes"), [(6, 2), (7, 2), (8, 3), (2, 3), (3, 4)])
@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (nn.BatchNorm2d, (3, 6, 6)),
        (nn.BatchNorm1d, (5,)),
        (partial(nn.BatchNorm2d, affine=False), (3, 6, 6)),
        (partial(nn.BatchNorm2d, momentum=None), (3, 6, 6)),
        (partial(nn.BatchNorm2d, track_running_stats=False), (3, 6, 6)),
        (timm.layers.BatchNormAct2d, (3, 6, 6)),
    ],
    ids=["2d", "1d", "no weights", "cumulative", "no statistics", "timm"],
)
def test_batch_norm_over_shares(
    count: int, processes: int, norm: nn.Module, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = torch.randn(count, *shape, dtype=torch.float64) * 5 + 100
    target = torch.randn(count, 2, dtype=torch.float64)
    whole = network(norm, shape)
    expected = whole(images)
    ((expected - target) ** 2).mean().backward()

    def work(number: int) -> tuple[nn.Module, BatchShare, Tensor]:
        share = share_of(count, number, processes)
        own = slice(share.start, share.stop)
        with as_whole_batch(share):
            result = models[number](images[own])
        (((result - target[own]) ** 2).mean() * share.scale).backward()
        return models[number], share, result

    models = [network(norm, shape) for _ in range(processes)]
    for model in models:
        model[-1].initialize_parameters(torch.zeros(1, whole[-1].in_features, dtype=torch.float64))
        model.load_state_dict(network_state(norm, shape, images))
    for model, share, result in in_threads(processes, work, monkeypatch):
        torch.testing.assert_close(result, expected[share.start : share.stop])
        for name, value in whole.named_buffers():
            torch.testing.assert_close(dict(model.named_buffers())[name], value, msg=name)
    for name, weights in whole.named_parameters():
        mean = sum(dict(model.named_parameters())[name].grad for model in models) / processes
        torch.testing.assert_close(mean, weights.grad, msg=name)


def network_state(norm: nn.Module, shape: tuple[int, ...], images: Tensor) -> dict[str, Tensor]:
    """The state of `network` before any training step, once its last layer knows its width."""
    model = network(norm, shape)
    model.eval()
    with torch.no_grad():
        model(images)
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_the_variance_of_distant_values_is_not_lost(kind: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    images = (torch.randn(8, 3, 5, 5) + 1000).to(kind)
    expected = nn.BatchNorm2d(3)(images)

    def work(number: int) -> Tensor:
        share = share_of(8, number, 2)
        with as_whole_batch(share):
            return nn.BatchNorm2d(3)(images[share.start : share.stop])

    torch.testing.assert_close(torch.cat(in_threads(2, work, monkeypatch)), expected, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_random_numbers_are_those_of_the_whole_batch(memory: torch.memory_format) -> None:
    drop_path = timm.layers.DropPath(0.5)

    def work(images: Tensor) -> Tensor:
        windows = drop_path(images).flatten(0, 1)[:, None]  # as in networks that put windows into the first dimension
        images = dropout(windows, 0.3, training=True).view(images.shape)
        return dropout(dropout(images, 0.2, True, inplace=False), 0.4, training=False)

    images = torch.rand(7, 4, 3, 3).contiguous(memory_format=memory)
    torch.manual_seed(0)
    expected = work(images)
    assert 0.1 < (expected == 0).float().mean() < 0.9
    for processes in (2, 3):
        for number in range(processes):
            share = share_of(7, number, processes)
            torch.manual_seed(0)
            with as_whole_batch(share):
                found = work(images[share.start : share.stop])
            torch.testing.assert_close(found, expected[share.start : share.stop])


def test_augmentation_of_a_share_is_that_of_the_whole_batch() -> None:
    images = torch.rand(7, 3, 16, 16)
    torch.manual_seed(3)
    expected = augment_batch(images)
    for number in range(3):
        share = share_of(7, number, 3)
        torch.manual_seed(3)
        torch.testing.assert_close(
            augment_batch(images[share.start : share.stop], share), expected[share.start : share.stop]
        )


def test_parts_are_gathered_to_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    for count, processes in ((7, 3), (2, 5)):
        images, labels = torch.rand(count, 3, 2), torch.arange(count) + 5

        def work(number: int, count: int = count, processes: int = processes, images: Tensor = images) -> tuple:
            share = share_of(count, number, processes)
            own = slice(share.start, share.stop)
            return gather_batch(images[own], share), gather_batch(torch.arange(count)[own] + 5, share)

        for found_images, found_labels in in_threads(processes, work, monkeypatch):
            torch.testing.assert_close(found_images, images)
            assert found_labels.tolist() == labels.tolist()


def test_one_process_computes_without_any_of_this() -> None:
    share = share_of(8, 0, 1)
    with as_whole_batch(share) as mode:
        assert mode is None
        assert not torch._C._len_torch_function_stack()
    assert gather_batch(images := torch.rand(8, 3), share) is images
