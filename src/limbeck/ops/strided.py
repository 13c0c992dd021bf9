"""Convolution with stride 2 and its transpose, with a gradient to the weight as matrix products.

oneDNN's float32 gradient to the weight of a channels_last convolution is slow without AVX-512: 67
of 155 GFLOP/s. As one matrix product for each of the nine taps it needs no such kernel: where the
larger image's rows and columns are parted by parity, a tap is a shift by whole rows of the
flattened image. The two convolutions and the gradient are bilinear and each one's derivatives are
the other two, so any order of derivative is at hand.

A weight is [S, B, 3, 3]: channels of the smaller image first, of the larger one second.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.ops.winograd import detours_allowed

_LEAST_CHANNELS, _LEAST_SIDE = 64, 8  # below, nothing is gained


class _Down(torch.autograd.Function):
    """big [N, B, 2h+1, 2w+1] -> small [N, S, h, w]."""

    @staticmethod
    def forward(ctx: Any, big: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(big, weight)
        return F.conv2d(big, weight, stride=2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        big, weight = ctx.saved_tensors
        to_big = _up(gradients[0], weight) if ctx.needs_input_grad[0] else None
        return to_big, _weight(big, gradients[0]) if ctx.needs_input_grad[1] else None


class _Up(torch.autograd.Function):
    """small [N, S, h, w] -> big [N, B, 2h+1, 2w+1], the transpose of `_Down`."""

    @staticmethod
    def forward(ctx: Any, small: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(small, weight)
        return F.conv_transpose2d(small, weight, stride=2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        small, weight = ctx.saved_tensors
        to_small = _down(gradients[0], weight) if ctx.needs_input_grad[0] else None
        return to_small, _weight(gradients[0], small) if ctx.needs_input_grad[1] else None


class _Weight(torch.autograd.Function):
    """What both have as gradient to the weight, of a large and a small image."""

    @staticmethod
    def forward(ctx: Any, big: Tensor, small: Tensor) -> Tensor:
        ctx.save_for_backward(big, small)
        n, b, _, _ = big.shape
        _, s, h, w = small.shape
        parted = big.new_zeros(2, 2, n, h + 1, w + 1, b)  # rows and columns by parity
        for i in range(2):
            for j in range(2):
                part = big[:, :, i::2, j::2].permute(0, 2, 3, 1)
                parted[i, j, :, : part.shape[1], : part.shape[2]] = part
        framed = small.new_zeros(n, h + 1, w + 1, s)  # zeros where a shift runs over the border
        framed[:, :h, :w] = small.permute(0, 2, 3, 1)
        left, right = framed.view(-1, s).t(), parted.view(2, 2, -1, b)
        taps = big.new_empty(3, 3, s, b)
        for i in range(3):
            for j in range(3):
                shift = (i // 2) * (w + 1) + j // 2
                rows = right[i % 2, j % 2, shift:]
                torch.mm(left[:, : len(rows)], rows, out=taps[i, j])
        return taps.permute(2, 3, 0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        weight = gradients[0]
        big, small = ctx.saved_tensors
        to_big = _up(small, weight) if ctx.needs_input_grad[0] else None
        return to_big, _down(big, weight) if ctx.needs_input_grad[1] else None


_down: Callable[[Tensor, Tensor], Tensor] = _Down.apply
_up: Callable[[Tensor, Tensor], Tensor] = _Up.apply
_weight: Callable[[Tensor, Tensor], Tensor] = _Weight.apply


def weight_products() -> bool:
    """Whether this CPU computes the gradient to the weight faster by matrix products."""
    return torch.backends.cpu.get_cpu_capability() != "AVX512"


def _products_pay(x: Tensor, weight: Tensor, side: int) -> bool:
    """float32 on a CPU without AVX-512, wide and large enough."""
    return (
        detours_allowed()
        and x.is_cpu
        and x.dtype == torch.float32
        and weight_products()
        and min(weight.shape[:2]) >= _LEAST_CHANNELS
        and side >= _LEAST_SIDE
    )


def conv2d_down(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.conv2d(x, weight, bias, stride=2)` for [O, I, 3, 3], the faster way.

    [N, I, 2h+1, 2w+1] -> [N, O, h, w].
    """
    if not _products_pay(x, weight, x.shape[2] // 2):
        return F.conv2d(x, weight, bias, stride=2)
    y = _down(x, weight)
    return y if bias is None else y.add_(bias[:, None, None])


def conv2d_up(x: Tensor, weight: Tensor) -> Tensor:
    """Its transpose, for a weight [O, I, 3, 3]: [N, I, h, w] -> [N, O, 2h+1, 2w+1]."""
    weight = weight.transpose(0, 1)
    if not _products_pay(x, weight, x.shape[2]):
        return F.conv_transpose2d(x, weight, stride=2)
    return _up(x, weight)
