"""Bias and activation in one call, with the gains of StyleGAN2's public layout."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

Activation = Literal["linear", "relu", "lrelu", "sigmoid", "swish", "tanh"]

_SQRT2 = 2**0.5
GAINS: dict[Activation, float] = {
    "linear": 1.0,
    "relu": _SQRT2,
    "lrelu": _SQRT2,
    "sigmoid": 1.0,
    "swish": _SQRT2,
    "tanh": 1.0,
}
SLOPE = 0.2


def lrelu(x: Tensor, overwrite: bool = False) -> Tensor:
    """Leaky ReLU of slope 0.2 without gain: the gain is folded into what made x.

    With `overwrite` the result takes the place of x; its sign tells the backward pass enough.
    """
    return F.leaky_relu(x, SLOPE, inplace=overwrite)


def bias_act(
    x: Tensor,
    b: Tensor | None = None,
    act: Activation = "lrelu",
    gain: float | None = None,
    clamp: float | None = None,
) -> Tensor:
    """gain * act(x + b), then clamped to [-clamp, clamp].

    Args:
        x: [N, C, ...], float.
        b: [C] or None.
        act: name of the activation; lrelu has slope 0.2.
        gain: None = the activation's default, sqrt 2 for relu, lrelu and swish, else 1.
        clamp: None = no clamp.

    Returns:
        Like x.
    """
    if b is not None:
        x = x + b.to(x.dtype).reshape(-1, *([1] * (x.ndim - 2)))
    if act == "relu":
        x = x.relu()
    elif act == "lrelu":
        x = lrelu(x)
    elif act == "sigmoid":
        x = x.sigmoid()
    elif act == "swish":
        x = F.silu(x)
    elif act == "tanh":
        x = x.tanh()
    gain = GAINS[act] if gain is None else gain
    if gain != 1:
        x = x * gain
    return x if clamp is None else x.clamp(-clamp, clamp)
