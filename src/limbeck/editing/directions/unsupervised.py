"""Directions that nobody asked for by name: PCA of w, SeFa, single channels of styles."""

from collections.abc import Sequence

import torch
from torch import Tensor

from limbeck.editing.directions.candidates import (
    Candidate,
    along,
    is_rgb,
    layers_read,
    name_of,
    signed,
)
from limbeck.editing.directions.ground import Ground
from limbeck.editing.layers import layers_named
from limbeck.editing.steering import Channel, Direction, affines
from limbeck.errors import UsageError
from limbeck.nets import AnyGenerator


@torch.no_grad()
def pca_candidates(
    G: AnyGenerator, ground: Ground, ranges: Sequence[str], most: int
) -> list[Candidate]:
    """Principal components of w, each put into each range of layers (GANSpace, section 2).

    Härkönen et al. 2020, arXiv 2004.02546. Strength 1 is one standard deviation. RGB layers follow
    the w that they read.

    Args:
        G: the generator.
        ground: whose w are decomposed.
        ranges: names of layers.
        most: components.
    """
    _, vectors = torch.linalg.eigh(ground.covariance.cpu())
    leading = vectors.flip(1).T[: min(most, len(ground.w) - 1)]
    return [
        along(G, ground, "pca", name, f"{number:02d}", signed(v))
        for number, v in enumerate(leading)
        for name in ranges
    ]


@torch.no_grad()
def sefa_candidates(
    G: AnyGenerator, ground: Ground, ranges: Sequence[str], most: int
) -> list[Candidate]:
    """Unit vectors of w that change the styles of a range most (SeFa, equations 6 to 9).

    Shen and Zhou 2021, arXiv 2007.06600: eigenvectors of A^T A, the largest values first, where A
    are the weights of the affine layers of the range, one above the other; those of RGB layers are
    left out. Strength 1 is the standard deviation of w along the vector, so that strengths mean
    the same for all methods.

    Args:
        G: the generator.
        ground: whose w give the standard deviation; the vectors do not depend on it.
        ranges: names of layers.
        most: eigenvectors of each range.

    Raises:
        UsageError: no such layer reads the w of a range.
    """
    read = layers_read(G)
    found = []
    for name in ranges:
        layers = layers_named(name, G.num_ws)
        weights = [_weight(G, layer) for layer in _shaping(G) if read[layer] in layers]
        if not weights:
            raise UsageError(
                f"sefa: no layer but RGB reads the w of layers {name}", "choose other layers"
            )
        A = torch.cat(weights)
        _, vectors = torch.linalg.eigh((A.T @ A).cpu())
        found += [
            along(G, ground, "sefa", name, f"{number:02d}", signed(v))
            for number, v in enumerate(vectors.flip(1).T[:most])
        ]
    return found


def _shaping(G: AnyGenerator) -> list[str]:
    """Names of the layers with a style that shape feature maps: all but RGB."""
    return [name for name in affines(G) if not is_rgb(G.get_submodule(name))]


def _weight(G: AnyGenerator, layer: str) -> Tensor:
    """What a layer's affine multiplies w by, float64 [C, w_dim]."""
    affine = affines(G)[layer]
    weight, gain = affine.weight, affine.weight_gain
    assert isinstance(weight, Tensor)
    assert isinstance(gain, float)
    return weight.detach().double() * gain


@torch.no_grad()
def channel_candidates(
    G: AnyGenerator, ground: Ground, ranges: Sequence[str], most: int
) -> list[Candidate]:
    """Single channels of styles (StyleSpace, sections 3 and 4), those that may matter most first.

    Wu, Lischinski and Shechtman 2021, arXiv 2011.12799. Strength 1 is one standard deviation of the
    channel over images. Among thousands of channels candidates are chosen by the share of their
    layer's output that one standard deviation moves: std_i sqrt(mean_o W_oi / sum_j W_oj s_j^2),
    W_oi the squared norm of a kernel, s_j^2 the mean square of a style, for input maps of unit
    size, which demodulation sees to. Channels of RGB layers, which colour and shape nothing, are
    left out; the four numbers of StyleGAN3's pose are candidates whatever their share.

    Args:
        G: the generator.
        ground: whose w give means and deviations.
        ranges: names of layers; a channel of several is listed once, under the first.
        most: channels.

    Raises:
        UsageError: no such layer reads the w of these ranges.
    """
    read = layers_read(G)
    rated: dict[tuple[str, int], tuple[float, Candidate]] = {}
    for name in ranges:
        layers = layers_named(name, G.num_ws)
        for layer in _shaping(G):
            if read[layer] not in layers:
                continue
            styles = affines(G)[layer](ground.w).double()
            deviations = styles.std(0)
            shares = _shares(G, layer, styles, deviations)
            for index in shares.topk(min(most, len(shares))).indices.tolist():
                channel = Channel(layer, index, float(deviations[index]))
                if (layer, index) in rated or channel.unit <= 0:
                    continue
                short = layer.removeprefix("synthesis.")
                made = Direction(
                    name_of("stylespace", ground.mode, short, str(index)), channel=channel
                )
                candidate = Candidate(made, "stylespace", name, (read[layer],), ground.mode)
                rated[layer, index] = (float(shares[index]), candidate)
    if not rated:
        raise UsageError(
            f"stylespace: no layer but RGB reads the w of layers {', '.join(ranges)}",
            "choose other layers",
        )
    ordered = sorted(rated.values(), key=lambda one: -one[0])
    return [candidate for _, candidate in ordered[:most]]


def _shares(G: AnyGenerator, layer: str, styles: Tensor, deviations: Tensor) -> Tensor:
    """float64 [C]: see `channel_candidates`."""
    weight = getattr(G.get_submodule(layer), "weight", None)
    if not isinstance(weight, Tensor) or weight.shape[1] != styles.shape[1]:
        return torch.full_like(deviations, torch.inf)  # the pose
    energy = weight.detach().double().flatten(2).square().sum(2)
    whole = (energy * styles.square().mean(0)).sum(1, keepdim=True).clamp_min(1e-30)
    return deviations * (energy / whole).mean(0).sqrt()
