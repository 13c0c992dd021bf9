"""FIR resampling as a linear map whose adjoint is a map of the same kind.

`resample` is linear in the image, and its transpose is again a `resample`: factors swapped, filter
turned round, paddings recomputed. So one autograd function, which is its own backward with the
adjoint's plan, gives derivatives of any order, each as one depthwise convolution.
Depthwise, because pooling and slice-adds are 4 to 10 times slower on a CPU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Padding = tuple[int, int, int, int]


@dataclass(frozen=True)
class Plan:
    """The shape of one resampling: factors, paddings (x0, x1, y0, y1), filter direction, gain.

    correlate: False is a true convolution, True uses the filter as it stands.
    """

    up: int = 1
    down: int = 1
    padding: Padding = (0, 0, 0, 0)
    correlate: bool = False
    gain: float = 1.0

    def output(self, height: int, width: int, fh: int, fw: int) -> tuple[int, int]:
        """Sides of the result for an image [height, width] and a filter [fh, fw]."""
        x0, x1, y0, y1 = self.padding
        return (
            (height * self.up + y0 + y1 - fh) // self.down + 1,
            (width * self.up + x0 + x1 - fw) // self.down + 1,
        )

    def adjoint(self, height: int, width: int, fh: int, fw: int) -> "Plan":
        """The transpose of this map on images [height, width]."""
        out_h, out_w = self.output(height, width, fh, fw)
        x0, _, y0, _ = self.padding
        padding = (
            fw - 1 - x0,
            width * self.up - out_w * self.down + x0 - self.up + 1,
            fh - 1 - y0,
            height * self.up - out_h * self.down + y0 - self.up + 1,
        )
        return Plan(self.down, self.up, padding, not self.correlate, self.gain)


def make_filter(filter1d: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)) -> Tensor:
    """The separable filter as a float32 matrix that sums to 1 (StyleGAN2 uses [1, 3, 3, 1])."""
    total = sum(filter1d) ** 2  # Python numbers: arithmetic on the meta device loads torch._dynamo
    return torch.tensor([[a * b / total for b in filter1d] for a in filter1d], dtype=torch.float32)


def _inflate(x: Tensor, up: int, padding: Padding) -> Tensor:
    """Zeros between the pixels and around them (paddings >= 0), written at once; channels_last."""
    n, c, h, w = x.shape
    x0, x1, y0, y1 = padding
    y = x.new_zeros(n, h * up + y0 + y1, w * up + x0 + x1, c)
    y[:, y0 : y0 + h * up : up, x0 : x0 + w * up : up] = x.permute(0, 2, 3, 1)
    return y.permute(0, 3, 1, 2)


def _transposes_well(x: Tensor) -> bool:
    """Whether depthwise transposed convolution is fast: not for bf16 on a CPU (28 ms for 0.4)."""
    return x.dtype == torch.float32 or not x.is_cpu


def _framed(x: Tensor, f: Tensor, plan: Plan) -> Tensor:
    """`_depthwise` without factors and with equal paddings, by a filter of odd sides.

    cuDNN has no fast depthwise kernel for an even side in channels_last: 4x4 at 64 px takes 697
    microseconds of an H100 where 5x5 takes 10 and memory 12 (docs/log.md, 2026-11-27). So one more
    row and column of zeros goes before the filter, and what is too much falls off.
    """
    fh, fw = f.shape
    more = (1 - fw % 2, 0, 1 - fh % 2, 0)
    kernel = F.pad(f if plan.correlate else f.flip(0, 1), more)
    weight = kernel.expand(x.shape[1], 1, *kernel.shape)
    padding = plan.padding[2] + more[2], plan.padding[0] + more[0]
    height, width = plan.output(x.shape[2], x.shape[3], fh, fw)
    return F.conv2d(x, weight, None, 1, padding, 1, x.shape[1])[:, :, :height, :width]


def _depthwise(x: Tensor, f: Tensor, plan: Plan) -> Tensor:
    """The map itself, outside autograd: one depthwise (transposed) convolution where it fits."""
    fh, fw = f.shape
    x0, x1, y0, y1 = plan.padding
    channels = x.shape[1]
    kernel = (f * plan.gain if plan.gain != 1 else f).to(x.dtype)
    equal = plan.up == plan.down == 1 and len(set(plan.padding)) == 1 and x0 >= 0
    if x.is_cuda and equal and (fh % 2 == 0 or fw % 2 == 0):
        return _framed(x, kernel, plan)
    if plan.up > 1 and plan.down == 1 and _transposes_well(x):
        crop, extra = (fh - 1 - y0, fw - 1 - x0), (y1 - y0 + plan.up - 1, x1 - x0 + plan.up - 1)
        if min(crop) >= 0 and min(extra) >= 0 and max(extra) < plan.up:
            weight = (kernel.flip(0, 1) if plan.correlate else kernel).expand(channels, 1, fh, fw)
            return F.conv_transpose2d(x, weight, None, plan.up, crop, extra, channels)
    weight = (kernel if plan.correlate else kernel.flip(0, 1)).expand(channels, 1, fh, fw)
    if plan.up > 1:
        outside: Padding = (max(x0, 0), max(x1, 0), max(y0, 0), max(y1, 0))
        x = _inflate(x, plan.up, outside)
        x0, x1, y0, y1 = min(x0, 0), min(x1, 0), min(y0, 0), min(y1, 0)
    if x0 == x1 and y0 == y1 and min(x0, y0) >= 0:
        return F.conv2d(x, weight, None, plan.down, (y0, x0), 1, channels)
    return F.conv2d(F.pad(x, (x0, x1, y0, y1)), weight, None, plan.down, 0, 1, channels)


class _Resample(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, f: Tensor, plan: Plan) -> Tensor:
        ctx.save_for_backward(f)
        ctx.adjoint = plan.adjoint(x.shape[2], x.shape[3], f.shape[0], f.shape[1])
        return _depthwise(x, f, plan)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (f,) = ctx.saved_tensors
        return _apply(gradients[0], f, ctx.adjoint), None, None


_apply: Callable[[Tensor, Tensor, Plan], Tensor] = _Resample.apply


def resample(x: Tensor, f: Tensor, plan: Plan) -> Tensor:
    """`x` [N, C, H, W] through filter `f` [fh, fw] as `plan` says; differentiable in x, any order.

    The filter is a constant: no gradient flows to it. Keeps x's dtype.
    """
    return _apply(x, f, plan)


def _upsample_plan(f: Tensor) -> Plan:
    fh, fw = f.shape
    return Plan(2, 1, ((fw + 1) // 2, (fw - 2) // 2, (fh + 1) // 2, (fh - 2) // 2), False, 4.0)


def upsample2(x: Tensor, f: Tensor) -> Tensor:
    """Twice the size, a constant image stays that constant: [N,C,H,W] -> [N,C,2H,2W]."""
    return resample(x, f, _upsample_plan(f))
