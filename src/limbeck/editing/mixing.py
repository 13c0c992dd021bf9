"""Style mixing: the coarse of one image, the fine of another (StyleGAN, section 3.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from limbeck import logs
from limbeck.editing.layers import layers_named
from limbeck.editing.points import Point
from limbeck.errors import UsageError
from limbeck.kit.images import grid
from limbeck.latents import HoldsGenerator, NoiseKind, images_of_w, is_whole

_GAP, _APART = 2, 8  # pixels between images, and between the margins and the mixes
MOST_PIXELS = 250_000_000
"""No sheet is larger."""


@dataclass(frozen=True, eq=False)
class Mixes:
    """Images of two sets of places and of all their mixes, on the CPU.

    Attributes:
        rows: uint8 [R, 3, S, S].
        columns: uint8 [C, 3, S, S].
        mixed: uint8 [R, C, 3, S, S]; [i, j] is row i with some layers of column j.
        layers: the layers that come from the columns.
    """

    rows: Tensor
    columns: Tensor
    mixed: Tensor
    layers: tuple[int, ...]

    def sheet(self) -> Tensor:
        """One uint8 [3, H, W]: the mixes, the rows' images on the left, the columns' above."""
        count, across, _, _, side = self.mixed.shape
        body = grid(self.mixed.flatten(0, 1), across, _GAP)
        left, top = grid(self.rows, 1, _GAP), grid(self.columns, across, _GAP)
        start = side + _APART
        sheet = body.new_full((3, start + body.shape[1], start + body.shape[2]), 255)
        sheet[:, start:, start:], sheet[:, start:, :side], sheet[:, :side, start:] = body, left, top
        assert left.shape[1] == count * (side + _GAP) - _GAP
        return sheet


def sheet_size(rows: int, columns: int, side: int) -> tuple[int, int]:
    """Height and width of the sheet.

    Raises:
        UsageError: it would have more than `MOST_PIXELS`.
    """
    height, width = (side + _APART + n * (side + _GAP) - _GAP for n in (rows, columns))
    if height * width > MOST_PIXELS:
        raise UsageError(
            f"{rows} rows and {columns} columns make a sheet of {width} x {height} px",
            "name fewer rows or columns",
        )
    return height, width


def mixed_latents(a: Tensor, b: Tensor, layers: Sequence[int]) -> Tensor:
    """ws [N, num_ws, w_dim] of `a` with these layers taken from `b`."""
    ws = a.clone()
    ws[:, list(layers)] = b[:, list(layers)]
    return ws


def mix(
    networks: HoldsGenerator,
    rows: Sequence[Point],
    columns: Sequence[Point],
    layers: str | Sequence[int] = "coarse",
    *,
    noise: NoiseKind = "const",
    batch: int = 16,
    progress: bool = False,
) -> Mixes:
    """Images of each row with some layers of each column.

    Args:
        networks: `Networks`, or a `Pipeline`.
        rows: what gives the other layers; see `points_of`.
        columns: what gives `layers`.
        layers: their numbers, or as `layers_named` has them. The first ones decide pose and shape,
            the last ones colours.
        noise: as synthesis takes it.
        batch: images at once.
        progress: show how far drawing is.

    Raises:
        UsageError: no rows or columns, too many, or a layer that is not there.
    """
    G, config = networks.G_ema, networks.config
    if not rows or not columns:
        raise UsageError("a grid needs rows and columns", "name at least one place for each")
    chosen = layers_named(layers, G.num_ws) if isinstance(layers, str) else tuple(layers)
    if not chosen or not all(is_whole(layer) and 0 <= layer < G.num_ws for layer in chosen):
        raise UsageError(f"layers {list(chosen)}", f"give some from 0 to {G.num_ws - 1}")
    sheet_size(len(rows), len(columns), config.size)
    a, b = (torch.stack([point.ws for point in points]) for points in (rows, columns))
    down, across = len(a), len(b)
    mixes = mixed_latents(a.repeat_interleave(across, 0), b.repeat(down, 1, 1), chosen)
    ws = torch.cat([a, b, mixes])
    drawn = images_of_w(networks, ws, noise=noise, batch=batch)
    shown = logs.track(drawn, "mixes", len(ws), "images") if progress else drawn
    images = torch.stack(list(shown))
    body = images[down + across :].view(down, across, *images.shape[1:])
    return Mixes(images[:down], images[down : down + across], body, chosen)
