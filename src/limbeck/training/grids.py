"""Images of training: what G draws, and what E and G make of real photos."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck.config import Config
from limbeck.data import PixelView
from limbeck.kit.images import grid, resize_area, save_png, to_float, to_uint8
from limbeck.kit.rng import generator
from limbeck.kit.selection import even_rows
from limbeck.latents import draw_classes
from limbeck.training.state import TrainState


@torch.no_grad()
def draw_samples(state: TrainState, config: Config, count: int) -> Tensor:
    """uint8 [count, 3, S, S] from G_ema: the same latents at every snapshot, psi 1."""
    G = state.networks.G_ema
    device = state.device
    z = torch.randn(count, G.z_dim, generator=generator(config.seed, "grid")).to(device)
    labels = draw_classes(config.net, count, generator(config.seed, "grid classes"))
    chunks = [
        G(z[i : i + 32], None if labels is None else labels[i : i + 32].to(device))
        for i in range(0, count, 32)
    ]
    return to_uint8(torch.cat(chunks)).cpu()


@torch.no_grad()
def draw_reconstructions(state: TrainState, photos: Tensor) -> Tensor:
    """uint8 [N, 3, S, S] photos -> uint8 G_ema(E_ema(photos))."""
    G, E = state.networks.G_ema, state.networks.E_ema
    assert E is not None, "reconstructions need networks with an encoder"
    x = to_float(photos.to(state.device))
    return to_uint8(G.synthesis(G.broadcast(E(x)))).cpu()


def _side(size: int) -> int:
    return 8 if size <= 128 else 4


def pictured_rows(photos: int, size: int) -> NDArray[np.int64]:
    """The rows of a training's photos that its `rec-IMAGES.png` shows.

    Args:
        photos: how many it has.
        size: side of its images, pixels.
    """
    return even_rows(photos, min(_side(size) * 4, photos))


def write_grids(out: Path, state: TrainState, config: Config, view: PixelView) -> None:
    """grid-IMAGES.png (samples) and rec-IMAGES.png (photo above its reconstruction)."""
    side = _side(config.net.size)
    save_png(
        _visible(draw_samples(state, config, side * side), side),
        out / f"grid-{state.images:09d}.png",
    )
    if state.networks.E_ema is None:
        return
    rows = pictured_rows(len(view), config.net.size)
    count = len(rows)
    photos = view[rows]
    again = draw_reconstructions(state, photos)
    pairs = []
    for start in range(0, count, side):
        pairs += [photos[start : start + side], again[start : start + side]]
    if count % side == 0:
        save_png(_visible(torch.cat(pairs), side), out / f"rec-{state.images:09d}.png")
    else:
        save_png(_visible(torch.cat([photos, again]), count), out / f"rec-{state.images:09d}.png")


def _visible(pictures: Tensor, columns: int) -> Tensor:
    """A contact sheet; very small images are shown at 64 px."""
    if pictures.shape[-1] < 64:
        pictures = resize_area(pictures, 64)
    return grid(pictures, columns)
