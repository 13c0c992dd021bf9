"""The generator's own images as the norm: what it has learnt to draw is what is typical.

The paper's premise taken literally. The same Gaussian and the same residual of
probabilistic PCA as in `densities` are fitted to features of generated images instead of photos, so
no odd photo bends them. Photos are looked at as small as the images are. With an encoder there is a
third space, what a reconstruction leaves: features of x minus those of G(E(x)), against the same of
generated images.
"""

from collections.abc import Mapping

import numpy as np
import torch

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
from limbeck.kit.rows import Rows
from limbeck.kit.tables import Column
from limbeck.latents import draw_latents
from limbeck.nets import Networks
from limbeck.percept import LPIPS, at_least
from limbeck.percept import Features as Trunk

LITE0_SIDE = 96
FEATURE, LITE0, RESIDUAL = "gen_feature", "gen_lite0", "gen_residual"
"""The spaces: AlexNet's pooled activations at 64 px or the networks' size, EfficientNet-Lite0's
pooled head, and what reconstructions leave of AlexNet's."""

SPACES = (FEATURE, LITE0, RESIDUAL)

Spaces = dict[str, Features]


@torch.no_grad()
def generated_spaces(
    networks: Networks, lpips: LPIPS, lite0: Trunk, count: int, *, seed: int, batch: int
) -> Spaces:
    """Features of images of G_ema at psi 1, classes by natural frequency: float32 [count, D] each.

    Args:
        networks: G_ema and, for the residual, E_ema.
        lpips, lite0: the trunks, `lite0` at `LITE0_SIDE`.
        count, seed: of the images.
        batch: images a pass.
    """
    g = networks.G_ema
    w, _ = draw_latents(g.mapping, networks.config, count, derive_seed(seed, "norm"))
    parts: dict[str, list[Features]] = {}
    for latents in torch.split(w, batch):
        pictures = to_uint8(g.synthesis(g.broadcast(latents), noise="const").float())
        x = to_float(pictures)
        found = {FEATURE: lpips.pooled(at_least(x)), LITE0: lite0(pictures)}
        if (encoder := networks.E_ema) is not None:
            again = g.synthesis(g.broadcast(encoder(x).float()), noise="const").float()
            found[RESIDUAL] = found[FEATURE] - lpips.pooled(at_least(again))
        for name, features in found.items():
            parts.setdefault(name, []).append(features.float().cpu().numpy())
    made = {name: np.concatenate(features) for name, features in parts.items()}
    return {**made, LITE0: hellinger(made[LITE0])}


def norm_distances(photos: Mapping[str, Rows], images: Mapping[str, Features]) -> dict[str, Column]:
    """Distances of photos from what the generator draws, `NAME_gauss` and `NAME_ppca` a space.

    Args:
        photos, images: features of each by the same names, float32 [N, D] (in memory or on disk)
            and [M, D].

    Returns:
        Columns [N] >= 0, as of `Typical`.
    """
    made: dict[str, Column] = {}
    for name, features in photos.items():
        fitted = fit_components(images[name], GAUSS_COMPONENTS)
        made[f"{name}_gauss"] = gaussian_distance(features, fitted)
        made[f"{name}_ppca"] = residual_distance(features, fitted.first(PPCA_COMPONENTS))
    return made


def nearness(photos: Mapping[str, Rows], images: Mapping[str, Features]) -> float:
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
