"""Convolution whose weight each image scales: StyleGAN2, section 2.2, equations 1 to 3.

Scaling the weight's input channels by s is scaling the image's channels by s; the norm that
demodulates is exact without the per-picture weight [N, O, I, k, k]. The plain form
that does build that weight stands beside it and the tests compare the two.
"""

import torch
from torch import Tensor

from limbeck.ops.fir import Plan, resample
from limbeck.ops.strided import conv2d_up
from limbeck.ops.winograd import conv2d_same

EPSILON = 1e-8
_UP_PLAN = Plan(1, 1, (1, 1, 1, 1), False, 4.0)


def squared_norms(weight: Tensor) -> Tensor:
    """sum_kk w^2: [O, I, k, k] -> [O, I]."""
    return weight.square().sum((2, 3))


def demodulation(norms: Tensor, styles: Tensor) -> Tensor:
    """Equation 3 in closed form: d = rsqrt(s^2 (sum_kk w^2)^T + eps).

    Args:
        norms: `squared_norms` of the weight, [O, I].
        styles: [N, I].

    Returns:
        [N, O].
    """
    return (styles.square() @ norms.t() + EPSILON).rsqrt()


def up_conv(x: Tensor, weight: Tensor, f: Tensor) -> Tensor:
    """Zeros between pixels, weight [O, I, 3, 3], low-pass: [N, I, H, W] -> [N, O, 2H, 2W]."""
    return resample(conv2d_up(x, weight), f, _UP_PLAN)


def scaled_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    up: int = 1,
    f: Tensor | None = None,
    overwrite: bool = False,
) -> Tensor:
    """Convolution by a weight whose input channels are scaled: equation 1, same padding.

    Args:
        x: [N, I, H, W].
        weight: [O, I, k, k] in x's dtype, k odd (3 when up is 2).
        styles: [N, I].
        up: 1, or 2 for a result of twice the size.
        f: resampling filter, needed when up is 2.
        overwrite: x may be destroyed, which saves memory where no gradient is asked for.

    Returns:
        [N, O, H up, W up], x's dtype, not demodulated; nobody else's tensor.
    """
    s = styles.to(x.dtype)[:, :, None, None]
    x = x.mul_(s) if overwrite and not torch.is_grad_enabled() else x * s
    if up == 1:
        return conv2d_same(x, weight)
    if f is None:
        raise ValueError("up=2 needs the resampling filter f")
    return up_conv(x, weight, f)


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    demodulate: bool = True,
    up: int = 1,
    f: Tensor | None = None,
) -> Tensor:
    """Equations 1 and 3 together.

    Args:
        x, styles, up, f: as for `scaled_conv2d`.
        weight: [O, I, k, k] float32.
        demodulate: bring each output map to unit variance for unit-variance input.

    Returns:
        [N, O, H up, W up], x's dtype.
    """
    w = weight.to(x.dtype, memory_format=torch.channels_last)
    y = scaled_conv2d(x, w, styles, up=up, f=f)
    if not demodulate:
        return y
    return y * demodulation(squared_norms(weight), styles).to(x.dtype)[:, :, None, None]


def modulated_1x1(x: Tensor, weight: Tensor, styles: Tensor) -> Tensor:
    """Modulated 1x1 convolution without demodulation, as one small matrix for each image.

    For few output maps (RGB) the per-picture weight [N, O, I] is smaller than the image.

    Args:
        x: [N, I, H, W]; weight: [O, I, 1, 1]; styles: [N, I].

    Returns:
        [N, O, H, W], x's dtype, channels_last.
    """
    n, _, height, width = x.shape
    w = (styles[:, :, None] * weight[:, :, 0, 0].t()).to(x.dtype)
    y = torch.bmm(x.permute(0, 2, 3, 1).reshape(n, height * width, -1), w)
    return y.reshape(n, height, width, -1).permute(0, 3, 1, 2)
