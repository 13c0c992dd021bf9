"""Image statistics (brightness, contrast, ...) that may confound scores: columns `x_...`."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.kit.photos import LUMA


def blur(pictures: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of float NCHW; `sigma` in pixels of the given images; borders reflected."""
    radius = min(max(math.ceil(3 * sigma), 1), min(pictures.shape[-2:]) - 1)
    offsets = torch.arange(-radius, radius + 1, device=pictures.device, dtype=pictures.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    channels = pictures.shape[1]
    x = F.pad(pictures, (radius, radius, radius, radius), mode="reflect")
    x = F.conv2d(x, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(x, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


def covariates(pictures: Tensor) -> dict[str, Tensor]:
    """float32 NCHW in [-1, 1] -> covariates [N] each.

    x_edge_energy: mean of dx^2 + dy^2 of the brightness; x_brightness: its mean; x_contrast: its
    standard deviation; x_saturation: mean over pixels of max(RGB) - min(RGB).
    """
    luma = (pictures * pictures.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1)
    dx, dy = luma.diff(dim=2), luma.diff(dim=1)
    return {
        "x_edge_energy": (dx**2).mean((1, 2)) + (dy**2).mean((1, 2)),
        "x_brightness": luma.mean((1, 2)),
        "x_contrast": luma.flatten(1).std(1, correction=0),
        "x_saturation": (pictures.amax(1) - pictures.amin(1)).mean((1, 2)),
    }
