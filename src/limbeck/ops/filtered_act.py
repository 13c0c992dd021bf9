"""A nonlinearity without aliasing: finer grid, leaky ReLU, low-pass (arXiv 2106.12423, section 3).

Filters on a line go through the image twice, along its width and along its height, as depthwise
(transposed) convolutions; in channels_last these are the fastest form on a CPU. The plain form
with zeros between the pixels stands in the tests.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.ops.act import SLOPE


@dataclass(frozen=True)
class Resizing:
    """Factors around the nonlinearity, and the padding of the finer grid, the same both ways.

    Attributes:
        up: zeros go between, up - 1 each, and behind the last pixel too.
        down: of what the second filter gives, each down-th is kept.
        before, after: zeros around the finer grid; negative = so many samples fall off.
    """

    up: int
    down: int
    before: int
    after: int


def _along(f: Tensor, axis: int, channels: int) -> Tensor:
    """[n] -> depthwise weight [C, 1, 1, n] (axis 3) or [C, 1, n, 1] (axis 2)."""
    shape = (1, 1, 1, len(f)) if axis == 3 else (1, 1, len(f), 1)
    return f.view(shape).expand(channels, *shape[1:])


def _raised(x: Tensor, f: Tensor, axis: int, to: Resizing) -> Tensor:
    """Along one axis: zeros between, padding, `f`; length L up + before + after - n + 1."""
    length, taps = x.shape[axis], len(f)
    wanted = length * to.up + to.before + to.after - taps + 1
    first = taps - 1 - to.before  # of what a transposed convolution without padding gives
    whole = (length - 1) * to.up + taps
    stride = (1, to.up) if axis == 3 else (to.up, 1)
    channels = x.shape[1]
    y = F.conv_transpose2d(x, _along(f, axis, channels), None, stride, groups=channels)
    left, right = max(-first, 0), max(first + wanted - whole, 0)
    if left or right:
        y = F.pad(y, (left, right) if axis == 3 else (0, 0, left, right))
    return y.narrow(axis, max(first, 0), wanted)


def _lowered(x: Tensor, f: Tensor, down: int) -> Tensor:
    """`f` [n] along both axes, or [n, n], then each down-th sample."""
    channels = x.shape[1]
    if f.ndim == 2:
        weight = f.expand(channels, 1, *f.shape)
        return F.conv2d(x, weight, None, down, groups=channels)
    x = F.conv2d(x, _along(f, 3, channels), None, (1, down), groups=channels)
    return F.conv2d(x, _along(f, 2, channels), None, (down, 1), groups=channels)


def filtered_lrelu(
    x: Tensor,
    up_filter: Tensor,
    down_filter: Tensor,
    to: Resizing,
    gain: float,
    clamp: float | None,
) -> Tensor:
    """Up, gain * leaky_relu of slope 0.2 within +-clamp, down; padding once, in front.

    The filters must be symmetric: convolution and correlation are one here.

    Args:
        x: [N, C, H, W].
        up_filter: [n] of unit gain; its interpolation keeps a constant image that constant.
        down_filter: [m] or [m, m] of unit gain.
        to: factors and padding.
        gain: of the nonlinearity.
        clamp: largest absolute value behind it, or None.

    Returns:
        [N, C, H', W'] in x's dtype, H' = (H up + before + after - n - m + 1 + down) // down.
    """
    taps = (up_filter * (to.up * math.sqrt(gain))).to(x.dtype)  # leaky_relu(g x) = g leaky_relu(x)
    x = _raised(_raised(x, taps, 3, to), taps, 2, to)
    x = F.leaky_relu(x, SLOPE, inplace=not torch.is_grad_enabled())
    if clamp is not None and torch.is_grad_enabled():
        x = x.clamp(-clamp, clamp)
    elif clamp is not None:
        x.clamp_(-clamp, clamp)
    return _lowered(x, down_filter.to(x.dtype), to.down)
