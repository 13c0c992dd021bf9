"""Operations by their definitions; slow."""

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.ops import Plan, up_conv
from limbeck.ops.modconv import EPSILON


def upfirdn_reference(x: Tensor, f: Tensor, plan: Plan) -> Tensor:
    """`resample` by the definition, tap by tap."""
    x0, x1, y0, y1 = plan.padding
    fh, fw = f.shape
    n, c, h, w = x.shape
    inflated = x.new_zeros(n, c, h * plan.up, w * plan.up)
    inflated[:, :, :: plan.up, :: plan.up] = x
    padded = F.pad(inflated, (x0, x1, y0, y1))
    taps = f if plan.correlate else f.flip(0, 1)
    rows, columns = padded.shape[2] - fh + 1, padded.shape[3] - fw + 1
    total = x.new_zeros(n, c, rows, columns)
    for i in range(fh):
        for j in range(fw):
            total = total + taps[i, j] * padded[:, :, i : i + rows, j : j + columns]
    return plan.gain * total[:, :, :: plan.down, :: plan.down]


def modulated_conv2d_reference(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    demodulate: bool = True,
    up: int = 1,
    f: Tensor | None = None,
) -> Tensor:
    """`modulated_conv2d` with the weight of each image built and used by itself."""
    w = weight[None] * styles[:, None, :, None, None]
    if demodulate:
        w = w * (w.square().sum((2, 3, 4), keepdim=True) + EPSILON).rsqrt()
    if up == 2 and f is not None:
        return torch.cat([up_conv(a[None], b, f) for a, b in zip(x, w, strict=True)])
    pad = weight.shape[2] // 2
    return torch.cat([F.conv2d(a[None], b, padding=pad) for a, b in zip(x, w, strict=True)])
