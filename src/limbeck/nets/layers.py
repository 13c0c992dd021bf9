"""Layers with equalised learning rate (Karras et al. 2018, section 4.1) in the public layout.

Parameters are stored at unit scale; every gain (fan-in, learning rate, sqrt 2 of the leaky ReLU)
is folded into weight and bias at run time. Parameters stay float32; `compute_dtype` of
the networks decides in which dtype images are convolved. Constructors leave parameters empty;
`initialise` fills them from one explicit generator.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limbeck.kit.rng import generator
from limbeck.ops import (
    Plan,
    conv2d_down,
    conv2d_same,
    epilogue,
    lrelu,
    make_filter,
    resample,
    squared_norms,
)

LRELU_GAIN = 2**0.5
_BEFORE_3X3 = Plan(1, 1, (2, 2, 2, 2))
_BEFORE_1X1 = Plan(1, 2, (1, 1, 1, 1))


class _Ready(torch.autograd.Function):
    """A weight's copy for convolutions in place of the weight; the gradient goes to the weight."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, ready: Tensor, gain: float) -> Tensor:
        ctx.gain = gain
        return ready.detach()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        gradient = gradients[0].float()
        return gradient if ctx.gain == 1 else gradient * ctx.gain, None, None


_ready: Callable[[Tensor, Tensor, float], Tensor] = _Ready.apply


class _Norms(torch.autograd.Function):
    """Kept squared norms in place of computing them; the gradient goes to the weight."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, norms: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return norms.detach()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (weight,) = ctx.saved_tensors
        return weight * (2 * gradients[0])[:, :, None, None], None


_norms: Callable[[Tensor, Tensor], Tensor] = _Norms.apply


class Layer(nn.Module, ABC):
    """A module that owns parameters and knows how they begin.

    `ready` is the weight as convolutions use it, scaled by `ready_gain` and in their dtype;
    training keeps it in step with the weight, so that one pass over all weights serves every phase.
    Without it the weight is brought there at each use.
    """

    ready: Tensor | None = None
    ready_gain: float = 1.0
    ready_transposed: bool = False  # in memory input channels first
    norms: Tensor | None = None  # of a modulated weight, kept in step like `ready`
    modulated: bool = False
    keeps_ready: bool = True  # whether `prepare` keeps its weight ready
    fused: bool = False  # compiled epilogues, where `fused_epilogue` says so

    def ready_weight(self, weight: Tensor, dtype: torch.dtype) -> Tensor:
        """`weight` [O, I, k, k] scaled by `ready_gain`, in `dtype`, channels_last."""
        ready = self.ready
        if ready is not None and ready.dtype == dtype and ready.device == weight.device:
            return _ready(weight, ready, self.ready_gain)
        scaled = weight if self.ready_gain == 1 else weight * self.ready_gain
        return scaled.to(dtype, memory_format=torch.channels_last)

    def ready_norms(self, weight: Tensor) -> Tensor:
        """`squared_norms(weight)` [O, I]; from what training keeps, where it does."""
        norms = self.norms
        if norms is None or norms.device != weight.device:
            return squared_norms(weight)
        return _norms(weight, norms)

    @abstractmethod
    def reset(self, rng: torch.Generator) -> None:
        """Fill this layer's own parameters and random buffers (not those of its children)."""


@torch.no_grad()
def prepare(module: nn.Module, dtype: torch.dtype) -> None:
    """Keep what convolutions in `dtype` need of each weight, for a module that changes no more."""
    for layer in module.modules():
        weight = getattr(layer, "weight", None)
        if not isinstance(layer, Layer) or not layer.keeps_ready:
            continue
        if isinstance(weight, Tensor) and weight.ndim == 4:
            layer.ready = None
            ready = layer.ready_weight(weight, dtype)
            if layer.ready_transposed:
                ready = ready.transpose(0, 1).contiguous(memory_format=torch.channels_last)
                ready = ready.transpose(0, 1)
            layer.ready = ready.detach()
            layer.norms = squared_norms(weight) if layer.modulated else None


def empty(*shape: int) -> nn.Parameter:
    """A parameter to be filled by `Layer.reset`."""
    return nn.Parameter(torch.empty(shape))


def initialise(module: nn.Module, *keys: int | str) -> None:
    """Reset every layer of `module`, in order, from the generator named by `keys`.

    Parameters on the meta device have shape only and are left alone.
    """
    if any(p.is_meta for p in module.parameters()):
        return
    rng = generator(*keys)
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, Layer):
                layer.reset(rng)


class FullyConnected(Layer):
    """x [N, I] float32 -> act(W x + b) [N, O] with equalised learning rate.

    Args:
        inputs, outputs: I and O.
        activate: leaky ReLU with gain sqrt 2, else linear.
        lr_multiplier: 0.01 in mapping networks (StyleGAN, section 4).
        bias_init: first value of the bias.
        zero: start with a weight of zeros.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        activate: bool = False,
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
        zero: bool = False,
    ) -> None:
        super().__init__()
        self.weight = empty(outputs, inputs)
        self.bias = empty(outputs)
        self.activate = activate
        self.bias_init = bias_init / lr_multiplier
        self.weight_std = 0.0 if zero else 1 / lr_multiplier
        act_gain = LRELU_GAIN if activate else 1.0
        self.weight_gain = lr_multiplier / math.sqrt(inputs) * act_gain
        self.bias_gain = lr_multiplier * act_gain

    def reset(self, rng: torch.Generator) -> None:
        """Normal weight, constant bias."""
        self.weight.normal_(generator=rng).mul_(self.weight_std)
        self.bias.fill_(self.bias_init)

    def forward(self, x: Tensor) -> Tensor:
        """[N, I] -> [N, O], in x's dtype."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        y = torch.addmm(bias, x, weight.t(), beta=self.bias_gain, alpha=self.weight_gain)
        return lrelu(y, overwrite=True) if self.activate else y


class Conv(Layer):
    """Convolution of the discriminator and encoder, to the same size or to half of it.

    Args:
        inputs, outputs, kernel: channels and side (1 or 3).
        bias: whether it has one.
        activate: leaky ReLU with gain sqrt 2, else linear.
        down: 1, or 2 with the low-pass filter in front (StyleGAN2, section 4).
        gain: further gain of the result, e.g. sqrt 1/2 of a residual branch.
        clamp: largest absolute result before that gain; None = no limit.
    """

    resample_filter: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        bias: bool = True,
        activate: bool = True,
        down: int = 1,
        gain: float = 1.0,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.limit = None if clamp is None else clamp * gain
        self.weight = empty(outputs, inputs, kernel, kernel)
        self.bias = empty(outputs) if bias else None
        self.register_buffer("resample_filter", make_filter())
        self.activate, self.down = activate, down
        self.bias_gain = gain * (LRELU_GAIN if activate else 1.0)
        self.ready_gain = self.bias_gain / math.sqrt(inputs * kernel * kernel)

    def reset(self, rng: torch.Generator) -> None:
        """Normal weight, zero bias."""
        self.weight.normal_(generator=rng)
        if self.bias is not None:
            self.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """[N, I, H, W] -> [N, O, H / down, W / down], in x's dtype."""
        weight = self.ready_weight(self.weight, x.dtype)
        bias = None if self.bias is None else (self.bias * self.bias_gain).to(x.dtype)
        if self.fused and self.activate and bias is not None:
            y = self._convolve(x, weight, None)
            y = epilogue(y, None, bias[None, :, None, None], None, fused=True)
            return within(y, self.limit)
        y = self._convolve(x, weight, bias)
        return within(lrelu(y, overwrite=True) if self.activate else y, self.limit)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.down == 1:
            return conv2d_same(x, weight, bias)
        if weight.shape[2] == 1:
            return F.conv2d(resample(x, self.resample_filter, _BEFORE_1X1), weight, bias)
        return conv2d_down(resample(x, self.resample_filter, _BEFORE_3X3), weight, bias)


def within(x: Tensor, limit: float | None) -> Tensor:
    """x with values beyond +-`limit` brought there; as it is where there is no limit.

    Without gradients x is overwritten.
    """
    if limit is None:
        return x
    return x.clamp(-limit, limit) if torch.is_grad_enabled() else x.clamp_(-limit, limit)


def unit_second_moment(x: Tensor) -> Tensor:
    """x [N, D] scaled so that each row has mean square 1."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()
