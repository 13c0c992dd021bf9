"""How far a photo lies from what is typical, in pretrained feature spaces.

Instance selection (DeVries et al. 2020, arXiv 2007.15255) scores by a Gaussian fitted to pretrained
features; its relative, the residual of probabilistic PCA, by what the main components cannot
express. A fit to all photos is bent towards the odd ones among them, which then look less odd;
`typical` finds what is typical by itself, and in several spaces at once. No fit sees a label.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

from limbeck import logs
from limbeck.curation.mixture import fit_mixture
from limbeck.curation.neighbours import Neighbours, are_alike, are_many
from limbeck.kit.rng import derive_seed
from limbeck.kit.rows import Rows, blocks
from limbeck.kit.tables import Column
from limbeck.metrics import standardised, weighted_mean

GAUSS_COMPONENTS = 128
PPCA_COMPONENTS = 64
ROUNDS = 5
CORE, AGREED = 0.4, 0.33
"""Share of all photos that fits are of where most may be outliers; and by how much the spaces agree
on the others then (rank correlation). On the tail of ordinary photos they hardly do (0.2)."""
MANY, DOUBT = 0.25, 3.0
"""That there are so many outliers is believed where a mixture of the core's distances with at least
as many is at most this much worse in log likelihood than the best."""
HALF_WEIGHT, SOFTNESS = 0.75, 0.3
"""A photo so many standard deviations above the median counts half in the next fit."""
LONELY = 1.5
"""Standard deviations by which a photo is lonelier than all where it may lose half of its weight
once a mode was taken for outliers."""
_FEWEST = 40  # photos below which there are no rounds and no halves
_FIT_AT_MOST = 10_000
_PHOTOS_PER_AXIS = 4
_SMALL = 1e-6
_ROWS = 8192

Features = NDArray[np.float32]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Components:
    """Principal components of standardised features.

    Attributes:
        mean, std: float64 [D], of the features; directions that do not vary have std 1.
        axes: float64 [D, K], orthonormal columns, largest variance first.
        variance: float64 [K], of the projections, all > 0.
    """

    mean: Tensor
    std: Tensor
    axes: Tensor
    variance: Tensor

    def first(self, count: int) -> "Components":
        """Only the `count` largest components."""
        return Components(self.mean, self.std, self.axes[:, :count], self.variance[:count])


def fit_components(
    features: Features, components: int, weights: Column | None = None
) -> Components:
    """Fit to float32 [N, D]; at most `components` axes, the rank, and a quarter of the photos.

    With as many axes as photos, every photo would be equally far: it takes several a direction.

    Args:
        features: of the photos.
        components: the most axes.
        weights: [N] >= 0, how much each photo counts; default: all alike. A quarter of the photos
            is then that of (sum w)^2 / sum w^2 (Kish 1965).
    """
    x = torch.from_numpy(features).double()
    counted = torch.ones(len(x)) if weights is None else torch.from_numpy(weights)
    w = counted.double() / counted.sum()
    mean = w @ x
    std = (w @ (x - mean).square()).sqrt()
    floor = _SMALL * max(float(std.max()), _SMALL)
    std = torch.where(std > floor, std, torch.ones_like(std))
    z = (x - mean) / std * w.sqrt()[:, None]
    few = len(z) < z.shape[1]  # then the photos' Gram matrix has the same variances, and is smaller
    variance, axes = torch.linalg.eigh(z @ z.T if few else z.T @ z)
    variance, axes = variance.flip(0), axes.flip(1)
    rank = int((variance > _SMALL * max(float(variance[0]), _SMALL)).sum())
    photos = round(1 / float(w.square().sum()))
    kept = min(components, rank, photos // _PHOTOS_PER_AXIS)
    variance, axes = variance[:kept], axes[:, :kept]
    if few:
        axes = z.T @ axes / variance.sqrt()
    return Components(mean, std, axes, variance)


def _project(features: Rows, fitted: Components) -> Iterator[tuple[Tensor, Tensor]]:
    """Block by block, squares of the projections [n, K], and squared lengths [n]."""
    for block in blocks(features, _ROWS):
        z = torch.from_numpy(block).double().sub(fitted.mean)
        z /= fitted.std
        yield (z @ fitted.axes).square(), z.square().sum(1)


def gaussian_distance(features: Rows, fitted: Components) -> Column:
    """[N, D] -> squared Mahalanobis distance [N] in the fitted components: sum_k p_k^2 / var_k.

    Minus twice the log density of the fitted Gaussian, up to a constant.
    """
    parts = [(p / fitted.variance).sum(1) for p, _ in _project(features, fitted)]
    return torch.cat(parts).numpy() if parts else np.empty(0)


def residual_distance(features: Rows, fitted: Components) -> Column:
    """[N, D] -> what the components leave [N]: |z|^2 - sum_k p_k^2, at least 0."""
    parts = [(squares - p.sum(1)).clamp_min(0) for p, squares in _project(features, fitted)]
    return torch.cat(parts).numpy() if parts else np.empty(0)


@dataclass(frozen=True)
class Typical:
    """What `typical` finds.

    Attributes:
        distances: `NAME_gauss` and `NAME_ppca` of every space, [N] >= 0: the squared Mahalanobis
            distance in 128 components, and the squared residual of 64.
        core: [N], the photos that the fits are of: all, or two fifths where outliers are many.
    """

    distances: dict[str, Column]
    core: Flags


def typical(spaces: Mapping[str, Rows], near: Sequence[Neighbours] = (), *, seed: int) -> Typical:
    """Distances of all photos from what is typical of them, found without a label.

    1. Of 1,280 photos or more, as if most were outliers (`_from_core`). If what this makes outliers
       is many and no mode (`are_many`), and the spaces agree on what is far, that is it. Else from
       the beginning:
    2. Fit to all photos in every space; u = the mean of the `standardised` distances.
    3. Five times over, fit again, each photo with the weight 1 / (1 + exp((u - 0.75) / 0.3)), u in
       standard deviations: what lies far out in all spaces together bends the fits no more. These
       are the steps of an M-estimator (Maronna 1976).
    4. Once more with one minus the probability of being an outlier (`fit_mixture`).
    5. Where these outliers are photos of a kind (`are_alike`), a mode was taken for outliers. Then
       2 to 4 all over again, and only photos that have none of their like near lose weight.

    Every photo is measured by a fit to the other half of the photos, so none is near merely because
    it was fitted.

    Args:
        spaces: name -> float32 [N, D] features of the same photos, in memory or on disk.
        near: neighbours in every space; none = steps 1 and 5 are left out.
        seed: of the halves.
    """
    count = len(next(iter(spaces.values())))
    if near and CORE * count >= 2 * PPCA_COMPONENTS * _PHOTOS_PER_AXIS:
        found = _from_core(spaces, near, seed)
        if _believed(found, spaces, near):
            return found
    made = _rounds(spaces, np.ones(count), seed)
    like = [space.like for space in near]
    if are_alike(_probability(made) > 0.5, like):
        lonely = np.max([standardised(distance, np.inf) for distance in like], axis=0)
        made = _rounds(spaces, 1 / (1 + np.exp((LONELY - lonely) / SOFTNESS)), seed)
    return Typical(made, np.ones(count, dtype=bool))


def _from_core(spaces: Mapping[str, Rows], near: Sequence[Neighbours], seed: int) -> Typical:
    """Fit to the two fifths of the photos that lie nearest, five times over.

    The first two fifths have the nearest fifth of all photos nearest: kinds of outliers are smaller
    than that, however many there are. Concentration steps (Rousseeuw and Van Driessen 1999), and
    what they converge to depends on where they begin.
    """
    u = weighted_mean([space.most for space in near])
    half, some = _halves(len(u), seed)
    with logs.working("finding what is typical, if most is not", ROUNDS, "fits") as task:
        for number in range(1, ROUNDS + 1):
            core = np.argsort(np.argsort(u, kind="stable")) < CORE * len(u)
            made = _distances(spaces, np.where(core, 1.0, _SMALL), half, some)
            u = weighted_mean(list(made.values()))
            task.at(number)
    return Typical(made, core)


def _believed(found: Typical, spaces: Mapping[str, Rows], near: Sequence[Neighbours]) -> bool:
    """Whether what lies far from a core are outliers, and many.

    A mixture in which they are a quarter at least must be (nearly) as likely as the best; what it
    makes outliers must be no mode; and the spaces must agree on what is far.
    """
    u = weighted_mean(list(found.distances.values()))
    if not float(np.ptp(u)) > 0:
        return False
    many = fit_mixture(u, MANY)
    return (
        fit_mixture(u).gain - many.gain <= DOUBT
        and are_many(many.outlier(u) > 0.5, near)
        and _agreement(found, spaces) >= AGREED
    )


def _agreement(found: Typical, spaces: Mapping[str, Rows]) -> float:
    """The lowest rank correlation, over pairs of spaces, of the distances outside of the core."""
    far = [
        weighted_mean([found.distances[f"{name}_gauss"], found.distances[f"{name}_ppca"]])
        for name in spaces
    ]
    pairs = combinations([u[~found.core] for u in far], 2)
    return min((float(spearmanr(a, b).statistic) for a, b in pairs), default=0.0)


def _rounds(spaces: Mapping[str, Rows], most: Column, seed: int) -> dict[str, Column]:
    """Steps 2 to 4 of `typical`; a photo loses at most `most` [N] of its weight."""
    count = len(most)
    half, some = _halves(count, seed)
    rounds = ROUNDS + 2 if half.any() else 1
    weights = np.ones(count)
    made: dict[str, Column] = {}
    with logs.working("finding what is typical", rounds, "fits") as task:
        for number in range(1, rounds + 1):
            made = _distances(spaces, weights, half, some)
            if number <= ROUNDS:
                u = standardised(weighted_mean(list(made.values())))
                odd = 1 / (1 + np.exp((HALF_WEIGHT - u) / SOFTNESS))
            else:
                odd = _probability(made)
            weights = np.maximum(1 - most * odd, _SMALL)
            task.at(number)
    return made


def _probability(made: Mapping[str, Column]) -> Column:
    """Of being an outlier [N] by the mean of the distances."""
    u = weighted_mean(list(made.values()))
    return fit_mixture(u).outlier(u) if float(np.ptp(u)) > 0 else np.zeros(len(u))


def _halves(count: int, seed: int) -> tuple[Flags, Flags]:
    """Which half a photo is in (none is in the second of a few), and which take part in fits."""
    random = np.random.default_rng(derive_seed(seed, "halves"))
    turn = random.permutation(count)
    half = turn % 2 == 1 if count >= _FEWEST else np.zeros(count, dtype=bool)
    return half, turn < 2 * _FIT_AT_MOST


def _distances(
    spaces: Mapping[str, Rows],
    weights: Column,
    half: Flags,
    some: Flags,
) -> dict[str, Column]:
    """Both distances in every space, each half's by a fit to the other."""
    made: dict[str, Column] = {}
    for name, features in spaces.items():
        gauss, ppca = np.empty(len(features)), np.empty(len(features))
        for mine in (half, ~half) if half.any() else (~half,):
            others = np.flatnonzero((~mine if half.any() else mine) & some)
            fitted = fit_components(features[others], GAUSS_COMPONENTS, weights[others])
            for rows in _some_rows(np.flatnonzero(mine)):
                part = features[rows]
                gauss[rows] = gaussian_distance(part, fitted)
                ppca[rows] = residual_distance(part, fitted.first(PPCA_COMPONENTS))
        made |= {f"{name}_gauss": gauss, f"{name}_ppca": ppca}
    return made


def _some_rows(rows: Numbers) -> Iterator[Numbers]:
    for start in range(0, len(rows), _ROWS):
        yield rows[start : start + _ROWS]


def hellinger(features: Features) -> Features:
    """Activations >= 0 [N, D] -> sqrt(f / sum f), unit length: what fires, not how strongly.

    The Hellinger kernel's map, known from RootSIFT (Arandjelovic and Zisserman 2012). A flat
    image excites a classifier little everywhere; by its raw activations it lies near the mean.
    """
    root = np.sqrt(np.maximum(features, 0))
    length = np.linalg.norm(root, axis=1, keepdims=True)
    return np.asarray(root / np.maximum(length, _SMALL), dtype=np.float32)
