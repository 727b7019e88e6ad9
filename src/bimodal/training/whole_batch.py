"""Batch norm and dropout of a share of a batch, as if one process computed the whole batch."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, distributed
from torch.autograd.function import once_differentiable
from torch.nn.functional import batch_norm, dropout
from torch.overrides import TorchFunctionMode

from bimodal.training.batch_share import BatchShare


def as_whole_batch(share: BatchShare) -> AbstractContextManager[Any]:
    """Return a context in which a network computes its share of a batch as one process would; nothing with one process.

    Within it, `torch.nn.functional.batch_norm` takes its statistics, and passes gradients, over the shares of all processes.
    `dropout` and `Tensor.bernoulli_` (stochastic depth) draw random numbers for the whole batch, if the first dimension
    is that of the examples, and use those of the share; the generators of the processes must be in the same state. So any
    network can be used as it is, on any device. (`torch.nn.SyncBatchNorm` does not run on a CPU.)
    """
    return _WholeBatch(share) if share.processes > 1 else nullcontext()


def sum_over_processes(values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes; with one process, the tensor."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return values
    total = values.clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(total)
    return total


def gather_batch(part: Tensor, share: BatchShare) -> Tensor:
    """Return a tensor of the whole batch, without gradients, from the parts (size, ...) of the processes."""
    if share.processes == 1:
        return part
    whole = torch.zeros(share.count, *part.shape[1:], device=part.device)
    whole[share.start : share.stop] = part * share.weight
    whole = sum_over_processes(whole)
    return (whole if part.is_floating_point() else whole.round()).to(part.dtype)


class _WholeBatch(TorchFunctionMode):
    def __init__(self, share: BatchShare) -> None:
        super().__init__()
        self._share = share
        self._replaced: dict[Any, Callable[..., Tensor]] = {
            batch_norm: self._batch_norm,
            dropout: self._dropout,
            Tensor.bernoulli_: self._bernoulli,
        }

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._replaced.get(func, func)(*args, **(kwargs or {}))

    def _batch_norm(
        self,
        images: Tensor,  # (size, C, ...)
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training:
            return batch_norm(images, running_mean, running_var, weight, bias, False, momentum, eps)
        result: Tensor
        result, mean, variance = _BatchNorm.apply(images, weight, bias, eps, self._share)
        if running_mean is not None and running_var is not None:
            values = self._share.count * images[0, 0].numel()
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            running_var.lerp_((variance * (values / max(values - 1, 1))).to(running_var.dtype), momentum)
        return result

    def _dropout(self, values: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not training or not p:
            return values
        noise = dropout(torch.ones_like(self._empty_whole(values)), p)[self._share.rows(len(values))]
        return values.mul_(noise) if inplace else values * noise

    def _bernoulli(self, values: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not values.dim() or len(values) % self._share.size:  # no dimension of the examples
            return values.bernoulli_(*args, **kwargs)
        return values.copy_(self._empty_whole(values).bernoulli_(*args, **kwargs)[self._share.rows(len(values))])

    def _empty_whole(self, values: Tensor) -> Tensor:
        """Return an empty tensor for the whole batch, in the layout of the share: random numbers follow the memory."""
        shape = (self._share.whole_length(len(values)), *values.shape[1:])
        is_channels_last = values.dim() == 4 and values.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if is_channels_last else torch.contiguous_format
        return torch.empty(shape, dtype=values.dtype, device=values.device, memory_format=layout)


class _BatchNorm(torch.autograd.Function):
    """Batch norm over all processes (Ioffe & Szegedy 2015): result, mean (C,) and biased variance (C,)."""

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, share: BatchShare
    ) -> tuple[Tensor, Tensor, Tensor]:
        dims = [d for d in range(images.dim()) if d != 1]
        precise = torch.promote_types(images.dtype, torch.float32)
        variance, mean = (part.double() for part in torch.var_mean(images.to(precise), dims, correction=0))
        # Means of squares are added in double precision, in which taking the squared mean off again loses nothing.
        parts = torch.stack([mean, variance + mean**2]) * (share.weight * share.size / share.count)
        mean, squares = sum_over_processes(parts)
        variance = (squares - mean**2).clamp(min=0)
        mean, variance = mean.to(precise), variance.to(precise)
        ctx.save_for_backward(images, weight, mean, (variance + eps).rsqrt())
        ctx.share = share
        result = batch_norm(images, mean, variance, weight, bias, False, 0.0, eps)
        ctx.mark_non_differentiable(mean, variance)
        return result, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        images, weight, mean, inverse = ctx.saved_tensors
        share: BatchShare = ctx.share
        dims = [d for d in range(images.dim()) if d != 1]
        shape = [1, -1] + [1] * (images.dim() - 2)
        gradient = gradient.to(mean.dtype)
        normalised = (images.to(mean.dtype) - mean.view(shape)) * inverse.view(shape)
        own = torch.stack([gradient.sum(dims), (gradient * normalised).sum(dims)])  # (2, C)
        values = share.count * images[0, 0].numel()
        shift, slope = sum_over_processes(own) * (share.weight / values)
        factor = inverse if weight is None else inverse * weight
        change = gradient - shift.view(shape) - normalised * slope.view(shape)
        result = (change * factor.view(shape)).to(images.dtype)
        return (
            result,
            own[1] if ctx.needs_input_grad[1] else None,
            own[0] if ctx.needs_input_grad[2] else None,
            None,
            None,
        )
