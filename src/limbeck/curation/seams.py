"""Straight edges from one side of an image to the other: cameras rarely make them, people do."""

import torch
from torch import Tensor


def strongest_seam(pictures: Tensor) -> Tensor:
    """float NCHW in [-1, 1] -> [N] >= 0: how strong the strongest seam is.

    A seam is a line between two neighbouring columns or rows of pixels; its strength is the median
    along the line of max over RGB |step across it|, so that most of its length has to be an edge.
    Collages, frames, bars and bands of text have one at any place; horizons and fences seldom
    follow one row of pixels. Our own (docs/log.md, 2026-11-24): densities of features see what
    is in an image and not that it is two.
    """
    across = pictures.diff(dim=3).abs().amax(1)  # [N, H, W - 1]
    down = pictures.diff(dim=2).abs().amax(1)  # [N, H - 1, W]
    lines = torch.cat([across.median(1).values, down.median(2).values], dim=1)
    return lines.amax(1)
