"""Latents at random and by seed, and what their images look like."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from limbeck.kit.images import resize_area
from limbeck.kit.rng import generator
from limbeck.latents.class_shares import draw_classes
from limbeck.nets import AnyGenerator, AnyNet, Mapping
from limbeck.percept import LPIPS, at_least

_DRAWN = 4096  # z at once; a multiple of 16
SPACE_SIZE = 64
"""Images are compared by LPIPS at this side in pixels; larger and smaller ones are resized."""


def seeds_to_z(seeds: Sequence[int], z_dim: int) -> Tensor:
    """Standard normal float32 [N, z_dim] on the CPU; a row depends on its own seed alone."""
    rows = [torch.randn(z_dim, generator=generator("z", seed)) for seed in seeds]
    return torch.stack(rows) if rows else torch.empty(0, z_dim)


@torch.no_grad()
def draw_latents(
    mapping: Mapping, net: AnyNet, count: int, seed: int, batch: int = 4096
) -> tuple[Tensor, Tensor | None]:
    """Latents at random, not truncated, and their classes by natural frequency.

    Returns:
        w = M(z) float32 [count, w_dim] on the mapping's device; int64 [count] on the CPU or None.
    """
    device = mapping.w_avg.device
    c = None
    if net.num_classes:  # they are drawn after all z
        random = generator(seed, "draw_w")
        for _ in _normal(count, net.z_dim, random):
            pass
        c = draw_classes(net, count, random)
    w = torch.empty(count, len(mapping.w_avg), device=device)
    start = 0
    for part in _normal(count, net.z_dim, generator(seed, "draw_w")):
        for z in torch.split(part, batch):
            rows = slice(start, start + len(z))
            classes = None if c is None else c[rows].to(device)
            w[rows] = mapping.w(z.to(device), classes).float()
            start += len(z)
    return w, c


def _normal(count: int, width: int, random: torch.Generator) -> Iterator[Tensor]:
    """`torch.randn(count, width)` a part at a time, the same numbers.

    torch draws 16 numbers together, and fewer than 16 in another way.
    """
    left = count
    while left:
        rows = min(left, _DRAWN)
        rows = left if (left - rows) * width < 16 else rows
        yield torch.randn(rows, width, generator=random)
        left -= rows


def draw_w(mapping: Mapping, net: AnyNet, count: int, seed: int, batch: int = 4096) -> Tensor:
    """w of `draw_latents`."""
    return draw_latents(mapping, net, count, seed, batch)[0]


def layered(G: AnyGenerator, w: Tensor) -> Tensor:
    """[N, w_dim] or [N, num_ws, w_dim] -> [N, num_ws, w_dim]."""
    return w if w.ndim == 3 else G.broadcast(w)


@torch.no_grad()
def embed_w(G: AnyGenerator, embedder: LPIPS, w: Tensor) -> Tensor:
    """float [N, w_dim] or [N, num_ws, w_dim] -> float32 [N, D]: LPIPS embedding of G(w) at 64 px,
    const noise."""
    picture = G.synthesis(layered(G, w), noise="const").float()
    return embedder.embed(resize_area(picture, SPACE_SIZE))


@torch.no_grad()
def pooled_w(G: AnyGenerator, embedder: LPIPS, w: Tensor) -> Tensor:
    """float [N, w_dim] -> spatial means of the trunk's activations for G(w), const noise, images
    of the generator's size but at least 64 px: float32 [N, 1152] (AlexNet)."""
    return embedder.pooled(at_least(G.synthesis(layered(G, w), noise="const").float()))
