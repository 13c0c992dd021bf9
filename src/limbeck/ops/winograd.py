"""3x3 convolution with fewer multiplications, for CPUs: Winograd's F(2x2, 3x3).

Lavin and Gray 2016 (arXiv 1509.09308, section 4.1): a tile of 2 x 2 results comes from 4 x 4 pixels
by 16 multiplications instead of 36, y = A^T [(G w G^T) * (B^T x B)] A, and the sums over channels
become 16 matrix products. Exact but for rounding. The gradient to x is the same convolution with
the weight turned round; the gradient to w is G^T [(B^T x B)^T (A g A^T)] G, from the same parts.
As each of the two functions here is a derivative of the other, any order of derivative is at hand.

Images are worked through in pieces that stay in the cache, which also bounds the memory. What the
products save must pay for the way to tiles and back, so narrow layers take the plain convolution.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_G = torch.tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
_FILTER = torch.kron(_G, _G)  # [16, 9]: a 3x3 filter in the 4x4 domain
_DIRECT: ContextVar[bool] = ContextVar("direct", default=False)
PIECE = 2**21  # elements of one piece in the 4x4 domain: 8 MB


def _pieces(n: int, rows: int, columns: int, channels: int) -> Iterator[tuple[slice, slice]]:
    """Whole images, or rows of tiles of one image, that make up a piece each."""
    row = 16 * columns * channels
    count = max(PIECE // (row * rows), 1)
    height = rows if count > 1 else min(max(PIECE // row, 1), rows)
    for first in range(0, n, count):
        for top in range(0, rows, height):
            yield slice(first, min(first + count, n)), slice(top, min(top + height, rows))


def _tiles(x: Tensor) -> Tensor:
    """B^T x B of each 4x4 tile: [n, 2 rows + 2, 2 columns + 2, C] -> [16, tiles, C]."""
    n, height, width, c = x.shape
    h, w = height - 2, width - 2
    r = x.new_empty(4, n, h // 2, width, c)
    a, b, d, e = x[:, 0:h:2], x[:, 1:-1:2], x[:, 2::2], x[:, 3::2]
    torch.sub(a, d, out=r[0])
    torch.add(b, d, out=r[1])
    torch.sub(d, b, out=r[2])
    torch.sub(b, e, out=r[3])
    v = x.new_empty(4, 4, n, h // 2, w // 2, c)
    a, b, d, e = r[..., 0:w:2, :], r[..., 1:-1:2, :], r[..., 2::2, :], r[..., 3::2, :]
    for i in range(4):
        torch.sub(a[i], d[i], out=v[i, 0])
        torch.add(b[i], d[i], out=v[i, 1])
        torch.sub(d[i], b[i], out=v[i, 2])
        torch.sub(b[i], e[i], out=v[i, 3])
    return v.view(16, -1, c)


def _results(m: Tensor, y: Tensor) -> None:
    """A^T m A: [16, tiles, O] -> y [n, 2 rows, 2 columns, O]."""
    n, height, width, c = y.shape
    m = m.view(4, 4, n, height // 2, width // 2, c)
    a = m.new_empty(2, 4, n, height // 2, width // 2, c)
    torch.add(m[0], m[1], out=a[0]).add_(m[2])
    torch.sub(m[1], m[2], out=a[1]).sub_(m[3])
    for i in range(2):
        torch.add(a[i, 0].add_(a[i, 1]), a[i, 2], out=y[:, i::2, 0::2])
        torch.sub(a[i, 1].sub_(a[i, 2]), a[i, 3], out=y[:, i::2, 1::2])


def _spread(g: Tensor) -> Tensor:
    """A g A^T, the transpose of `_results`: [n, 2 rows, 2 columns, O] -> [16, tiles, O]."""
    n, height, width, c = g.shape
    a = g.new_empty(4, n, height // 2, width, c)
    _four(g[:, 0::2], g[:, 1::2], a)
    m = g.new_empty(4, 4, n, height // 2, width // 2, c)
    for i in range(4):
        _four(a[i, :, :, 0::2], a[i, :, :, 1::2], m[i])
    return m.view(16, -1, c)


def _four(even: Tensor, odd: Tensor, out: Tensor) -> None:
    out[0] = even
    torch.add(even, odd, out=out[1])
    torch.sub(even, odd, out=out[2])
    torch.neg(odd, out=out[3])


def _padded(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, H + 2, W + 2, C] with zeros around."""
    n, c, h, w = x.shape
    y = x.new_zeros(n, h + 2, w + 2, c)
    y[:, 1:-1, 1:-1] = x.permute(0, 2, 3, 1)
    return y


def _rows(tiles: slice) -> slice:
    return slice(2 * tiles.start, 2 * tiles.stop)


def _read(tiles: slice) -> slice:
    return slice(2 * tiles.start, 2 * tiles.stop + 2)


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        n, _, h, w = x.shape
        o, i, _, _ = weight.shape
        u = (_FILTER.to(x.dtype) @ weight.permute(2, 3, 1, 0).reshape(9, -1)).view(16, i, o)
        padded = _padded(x)
        y = torch.empty(n, o, h, w, dtype=x.dtype, memory_format=torch.channels_last)
        pixels = y.permute(0, 2, 3, 1)
        for some, tiles in _pieces(n, h // 2, w // 2, max(i, o)):
            m = torch.bmm(_tiles(padded[some, _read(tiles)]), u)
            if bias is not None:
                m[5].add_(bias)  # the one product that enters all four results as it is
            _results(m, pixels[some, _rows(tiles)])
        return y

    @staticmethod
    def backward(
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        g = gradients[0]
        x, weight = ctx.saved_tensors
        gx = _conv(g, _turned(weight), None) if ctx.needs_input_grad[0] else None
        gw = _weight(g, x) if ctx.needs_input_grad[1] else None
        return gx, gw, g.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None


class _Weight(torch.autograd.Function):
    """The gradient to the weight as a function of the results' gradient g and the images x."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(g, x)
        n, i, h, w = x.shape
        o = g.shape[1]
        padded, g = _padded(x), g.permute(0, 2, 3, 1)
        u = x.new_zeros(16, i, o)
        for some, tiles in _pieces(n, h // 2, w // 2, max(i, o)):
            v = _tiles(padded[some, _read(tiles)])
            u.baddbmm_(v.transpose(1, 2), _spread(g[some, _rows(tiles)]))
        gradient = _FILTER.to(x.dtype).t() @ u.view(16, -1)
        return gradient.view(3, 3, i, o).permute(3, 2, 0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        weight = gradients[0]
        g, x = ctx.saved_tensors
        gg = _conv(x, weight, None) if ctx.needs_input_grad[0] else None
        return gg, _conv(g, _turned(weight), None) if ctx.needs_input_grad[1] else None


_conv: Callable[[Tensor, Tensor, Tensor | None], Tensor] = _Conv.apply
_weight: Callable[[Tensor, Tensor], Tensor] = _Weight.apply


def _turned(weight: Tensor) -> Tensor:
    return weight.flip(2, 3).transpose(0, 1)


@contextmanager
def direct_convolutions() -> Iterator[None]:
    """Only PyTorch's own convolutions inside, e.g. to count what a network has to compute."""
    token = _DIRECT.set(True)
    try:
        yield
    finally:
        _DIRECT.reset(token)


def detours_allowed() -> bool:
    """Whether convolutions may take another way than PyTorch's; never in a program for export."""
    return not torch.compiler.is_compiling() and not _DIRECT.get()


@cache
def least_channels() -> int | None:
    """From how many channels on `winograd3x3` is the faster one on this CPU; None = never.

    With AVX-512 oneDNN's own float32 convolutions are at the machine's peak in all three
    directions (docs/log.md, 2026-11-24); with less, their gradients to the weight are at a third.
    """
    return None if torch.backends.cpu.get_cpu_capability() == "AVX512" else 128


def conv2d_same(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolution to the same size, the faster way; weight [O, I, k, k] with k odd."""
    height, width = x.shape[2:]
    if (
        detours_allowed()
        and (least := least_channels()) is not None
        and x.is_cpu
        and x.dtype == torch.float32
        and weight.shape[2] == 3
        and min(weight.shape[:2]) >= least
        and min(height, width) >= 8
        and height % 2 == width % 2 == 0
    ):
        return winograd3x3(x, weight, bias)
    return F.conv2d(x, weight, bias, padding=weight.shape[2] // 2)


def winograd3x3(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.conv2d(x, weight, bias, padding=1)`, up to rounding; differentiable to any order.

    Args:
        x: [N, I, H, W] on the CPU, H and W even.
        weight: [O, I, 3, 3].
        bias: [O] or None.

    Returns:
        [N, O, H, W], channels_last.
    """
    return _conv(x, weight, bias)
