"""What follows a convolution (scale, bias, noise, leaky ReLU) as one pass over the image.

From 512 px on a GPU is bound by memory, and each of these operations reads and writes the whole
image. The twin compiled by TorchInductor makes one kernel of them, and few of
their gradients; derivatives of higher order take the plain operations. It is an option: without a
device, a compiler or the same numbers as the plain form, the plain form stays (`fused_epilogue`).
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.ops.act import SLOPE

FUSED_FROM = 512  # px; below, recorded graphs hide what the passes cost


def epilogue(
    y: Tensor, scale: Tensor | None, bias: Tensor, noise: Tensor | None, *, fused: bool = False
) -> Tensor:
    """leaky_relu(y * scale + bias + noise), slope 0.2, without gain.

    Args:
        y: [N, O, H, W], the caller's alone: without gradients it is overwritten.
        scale: [N, O, 1, 1] (demodulation) or None.
        bias: [1, O, 1, 1].
        noise: [N or 1, 1, H, W] or None.
        fused: take the compiled twin; ask `fused_epilogue` first.

    Returns:
        Like y.
    """
    if fused:
        return _fused(y, scale, bias, noise)
    if scale is None:
        z = y + bias
    elif torch.is_grad_enabled() or torch.compiler.is_compiling():
        z = torch.addcmul(bias, y, scale)
    else:
        z = torch.addcmul(bias, y, scale, out=y)
    if noise is not None:
        z.add_(noise)
    return F.leaky_relu_(z, SLOPE)


def _forward(y: Tensor, scale: Tensor | None, bias: Tensor, noise: Tensor | None) -> Tensor:
    z = y if scale is None else y * scale
    z = z + bias
    return F.leaky_relu(z if noise is None else z + noise, SLOPE)


def _backward(
    g: Tensor, out: Tensor, y: Tensor | None, scale: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """Gradients to y, scale, bias and noise [N, 1, H, W]."""
    g = torch.where(out > 0, g, g * SLOPE)
    to_bias = g.sum((0, 2, 3), keepdim=True)
    to_noise = g.sum(1, keepdim=True)
    if y is None or scale is None:
        return g, None, to_bias, to_noise
    return g * scale, (g * y).sum((2, 3), keepdim=True), to_bias, to_noise


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    # One program for each way that arguments are absent or laid out; past the limit it is plain.
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 64)
    return torch.compile(function, dynamic=True)


class _Epilogue(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, y: Tensor, scale: Tensor | None, bias: Tensor, noise: Tensor | None
    ) -> Tensor:
        given = [None if t is None else t.detach() for t in (y, scale, bias, noise)]
        out: Tensor = _compiled(_forward)(*given)  # one program, whoever needs gradients
        ctx.save_for_backward(None if scale is None else y, scale, out)
        ctx.noise_rows = 0 if noise is None else len(noise)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        y, scale, out = ctx.saved_tensors
        backward = _backward if torch.is_grad_enabled() else _compiled(_backward)
        to_y, to_scale, to_bias, to_noise = backward(gradients[0], out.detach(), y, scale)
        if ctx.noise_rows == 1:
            to_noise = to_noise.sum(0, keepdim=True)
        return to_y, to_scale, to_bias, to_noise if ctx.noise_rows else None


_fused: Callable[[Tensor, Tensor | None, Tensor, Tensor | None], Tensor] = _Epilogue.apply


def fused_epilogue(device: torch.device, size: int) -> tuple[bool, str]:
    """Whether a training at `size` px on `device` takes the compiled twin, and why (or why not).

    LIMBECK_FUSED=0 turns it off, LIMBECK_FUSED=1 on wherever it works, a CPU included.
    """
    asked = os.environ.get("LIMBECK_FUSED")
    if asked == "0":
        return False, "LIMBECK_FUSED=0"
    if asked != "1" and device.type != "cuda":
        return False, "fused epilogues need a CUDA device"
    if asked != "1" and size < FUSED_FROM:
        return False, f"fused epilogues pay from {FUSED_FROM} px"
    trouble = _trouble(device)
    return (False, trouble) if trouble else (True, "compiled by TorchInductor, equal to the plain")


@cache
def _trouble(device: torch.device) -> str:
    """Why the twin cannot be taken: it does not compile, or gives other numbers; "" if it can."""
    rng = torch.Generator().manual_seed(0)
    shapes = ((2, 8, 16, 16), (2, 8, 1, 1), (1, 8, 1, 1), (2, 1, 16, 16))
    inputs = [
        torch.randn(shape, generator=rng).to(device, memory_format=torch.channels_last)
        for shape in shapes
    ]
    found = []
    for fused in (False, True):
        leaves = [t.clone().requires_grad_(True) for t in inputs]
        try:
            out = epilogue(*leaves, fused=fused)
            found.append([out, *torch.autograd.grad(out.square().sum(), leaves)])
        except Exception as error:  # whatever a compiler may raise; the plain form needs none
            reason = " ".join(str(error).split("\n")[:2])
            return f"TorchInductor does not work here: {reason}"
    for a, b in zip(*found, strict=True):
        if not torch.allclose(a, b, rtol=1e-4, atol=1e-4):
            return "TorchInductor's numbers differ from the plain ones here"
    return ""
