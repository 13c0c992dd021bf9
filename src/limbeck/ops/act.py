"""The activation of StyleGAN2 networks."""

import torch.nn.functional as F
from torch import Tensor

SLOPE = 0.2


def lrelu(x: Tensor, overwrite: bool = False) -> Tensor:
    """Leaky ReLU of slope 0.2 without gain: the gain is folded into what made x.

    With `overwrite` the result takes the place of x; its sign tells the backward pass enough.
    """
    return F.leaky_relu(x, SLOPE, inplace=overwrite)
