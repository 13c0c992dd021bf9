"""Perceptual path length (Karras et al. 2019, arXiv 1812.04948, section 4.1)."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from limbeck.errors import UsageError
from limbeck.kit.rng import derive_seed, generator
from limbeck.latents import HoldsGenerator, draw_w
from limbeck.nets import AnyGenerator
from limbeck.percept import LPIPS, at_least
from limbeck.records import Record

_EPSILON = 1e-4
_SIDE = 64  # px, to which LPIPS enlarges smaller images
_CUT = 0.01  # of the pairs, at either end, that do not count
Where = Literal["full", "end"]


class PathLength(Record):
    """How much images change along a straight way in W; smaller is smoother."""

    value: float = Field(description="mean over pairs without the smallest and largest 1 %")
    error: float = Field(description="its standard error over pairs")
    pairs: int
    where: str = Field(description="full = anywhere between two latents, end = at a latent")
    features: str
    epsilon: float = _EPSILON


@torch.no_grad()
def path_length(
    networks: HoldsGenerator,
    lpips: LPIPS,
    *,
    features: str,
    pairs: int = 1000,
    where: Where = "full",
    seed: int = 0,
    batch: int = 32,
) -> PathLength:
    """Mean of LPIPS(G(w_t), G(w_(t + e))) / e^2 along w_t = lerp(w_1, w_2, t), e = 0.0001.

    Noise is constant, images are whole and of the generator's size (at least 64 px); published
    figures are of LPIPS-VGG16, for faces of a crop.

    Args:
        networks: a generator; truncation is not asked for.
        lpips: on its device.
        features: what `lpips` is, e.g. "lpips-vgg16"; goes beside the figure.
        pairs: at least 100.
        where: t uniform in [0, 1], or 0.
        seed: of latents and t.
        batch: pairs at once.

    Raises:
        UsageError: fewer pairs, or another `where`.
    """
    if pairs < 100 or where not in ("full", "end"):
        raise UsageError(
            f"path length of {pairs} pairs, {where!r}", "at least 100 pairs; where: full or end"
        )
    G = networks.G_ema
    w = draw_w(G.mapping, networks.config, 2 * pairs, derive_seed(seed, "path length"))
    t = torch.rand(pairs, generator=generator(seed, "path length, t")).to(w.device)[:, None]
    t = t if where == "full" else torch.zeros_like(t)
    found = []
    for one, two, at in zip(
        *(torch.split(x, batch) for x in (w[:pairs], w[pairs:], t)), strict=True
    ):
        images = [_image(G, torch.lerp(one, two, step)) for step in (at, at + _EPSILON)]
        found.append(lpips.distance(*images).double().cpu() / _EPSILON**2)
    lengths = torch.cat(found).sort().values
    cut = int(_CUT * pairs)
    lengths = lengths[cut : pairs - cut]
    return PathLength(
        value=float(lengths.mean()), error=float(lengths.std()) / len(lengths) ** 0.5,
        pairs=pairs, where=where, features=features,
    )  # fmt: skip


def _image(G: AnyGenerator, w: Tensor) -> Tensor:
    return at_least(G.synthesis(G.broadcast(w), noise="const").float(), _SIDE)
