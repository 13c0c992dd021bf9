"""The generator's own images as the norm: what it has learnt to draw is what is typical.

The paper's premise (section 3.1) taken literally. The same Gaussian and the same residual of
probabilistic PCA as in `densities` are fitted to features of generated images instead of photos, so
no odd photo bends them. Photos are looked at as small as the images are. With an encoder there is a
third space, what a reconstruction leaves: features of x minus those of G(E(x)), against the same of
generated images.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from limbeck.curation.densities import (
    GAUSS_COMPONENTS,
    PPCA_COMPONENTS,
    Features,
    fit_components,
    gaussian_distance,
    hellinger,
    residual_distance,
)
from limbeck.kit.images import to_float, to_uint8
from limbeck.kit.rng import derive_seed
from limbeck.kit.tables import Column
from limbeck.latents import draw_latents
from limbeck.nets import Networks
from limbeck.percept import LPIPS, at_least
from limbeck.percept import Features as Trunk

LITE0_SIDE = 96
RESIDUAL = "gen_residual"
"""The space of what reconstructions leave."""

Spaces = dict[str, Features]


@dataclass(frozen=True)
class Looks:
    """Networks and trunks that give an image's features.

    Attributes:
        networks: G_ema and, for the residual, E_ema.
        lpips: AlexNet.
        lite0: EfficientNet-Lite0 at `LITE0_SIDE`.
    """

    networks: Networks
    lpips: LPIPS
    lite0: Trunk

    @classmethod
    def of(cls, networks: Networks, lpips: LPIPS) -> "Looks":
        """Trunks on the networks' device."""
        device = networks.G_ema.mapping.w_avg.device
        return cls(networks, lpips, Trunk("efficientnet-lite0", device, LITE0_SIDE))

    @torch.no_grad()
    def spaces(self, pictures: Tensor) -> Spaces:
        """uint8 [N, 3, S, S] at the networks' size -> float32 [N, D] a space."""
        x = to_float(pictures)
        seen = self.lpips.pooled(at_least(x))
        found = {
            "gen_feature": seen.float().cpu().numpy(),
            "gen_lite0": hellinger(self.lite0(pictures).cpu().numpy()),
        }
        if (encoder := self.networks.E_ema) is not None:
            g = self.networks.G_ema
            again = g.synthesis(g.broadcast(encoder(x).float()), noise="const").float()
            left = seen - self.lpips.pooled(at_least(to_float(to_uint8(again))))
            found[RESIDUAL] = left.float().cpu().numpy()
        return found


def spaces_of(looks: Looks, batches: Iterable[Tensor]) -> Spaces:
    """Features of images that come in batches, see `Looks.spaces`: float32 [N, D] a space."""
    parts: dict[str, list[Features]] = {}
    for pictures in batches:
        for name, found in looks.spaces(pictures).items():
            parts.setdefault(name, []).append(found)
    return {name: np.concatenate(found) for name, found in parts.items()}


@torch.no_grad()
def generated_spaces(looks: Looks, count: int, *, seed: int, batch: int) -> Spaces:
    """Features of `count` images of G_ema at psi 1, classes by natural frequency."""
    g = looks.networks.G_ema
    w, _ = draw_latents(g.mapping, looks.networks.config, count, derive_seed(seed, "norm"))
    images = (g.synthesis(g.broadcast(part), noise="const") for part in torch.split(w, batch))
    return spaces_of(looks, (to_uint8(x) for x in images))


def norm_distances(
    photos: Mapping[str, Features], images: Mapping[str, Features]
) -> dict[str, Column]:
    """Distances of photos from what the generator draws, `NAME_gauss` and `NAME_ppca` a space.

    Args:
        photos, images: features of each by the same names, float32 [N, D] and [M, D].

    Returns:
        Columns [N] >= 0, as `typical_distances`.
    """
    made: dict[str, Column] = {}
    for name, features in photos.items():
        fitted = fit_components(images[name], GAUSS_COMPONENTS)
        made[f"{name}_gauss"] = gaussian_distance(features, fitted)
        made[f"{name}_ppca"] = residual_distance(features, fitted.first(PPCA_COMPONENTS))
    return made


def nearness(photos: Mapping[str, Features], images: Mapping[str, Features]) -> float:
    """How near the generator is to the photos: a two-sample check that needs no label, in [0, 1].

    The share of generated images that lie at least as far from a PPCA fitted to other generated
    images as the median photo does; the mean of both spaces of images, each half of the images
    measured by a fit to the other. Images like the photos give about 1/2; 0 says that every second
    photo is further from what the generator draws than any of its images.
    """
    shares = []
    for name, features in photos.items():
        if name == RESIDUAL:
            continue
        for first in (0, 1):
            fitted = fit_components(images[name][first::2], PPCA_COMPONENTS)
            theirs = residual_distance(images[name][1 - first :: 2], fitted)
            shares.append((theirs >= np.median(residual_distance(features, fitted))).mean())
    return float(np.mean(shares))
