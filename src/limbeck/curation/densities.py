"""How far a photo lies from what is typical, in pretrained feature spaces.

Instance selection (DeVries et al. 2020, arXiv 2007.15255) scores by a Gaussian fitted to pretrained
features; its relative, the residual of probabilistic PCA, by what the main components cannot
express. A fit to all photos is bent towards the odd ones among them, which then look less odd;
`typical_distances` finds what is typical by itself, and in several spaces at once. No fit sees a
label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck import logs
from limbeck.curation.mixture import fit_mixture
from limbeck.kit.rng import derive_seed
from limbeck.kit.tables import Column
from limbeck.metrics import standardised, weighted_mean

GAUSS_COMPONENTS = 128
PPCA_COMPONENTS = 64
ROUNDS = 5
NEIGHBOURS = 10
HALF_WEIGHT, SOFTNESS = 0.75, 0.3
"""A photo so many standard deviations above the median counts half in the next fit."""
ALIKE, LONELY = 0.9, 1.5
"""Standard deviations by which outliers are lonelier than all photos: their median, at least; and
where a photo may lose half of its weight once a mode was taken for outliers."""
_FEWEST = 40  # photos below which there are no rounds and no halves
_FIT_AT_MOST = 10_000
_PHOTOS_PER_AXIS = 4
_SMALL = 1e-6
_ROWS = 8192

Features = NDArray[np.float32]


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


def _project(features: Features, fitted: Components) -> tuple[Tensor, Tensor]:
    """Squares of the projections [N, K], and squared lengths [N]."""
    parts = []
    for start in range(0, len(features), _ROWS):
        z = torch.from_numpy(features[start : start + _ROWS]).double().sub(fitted.mean)
        z /= fitted.std
        parts.append(((z @ fitted.axes).square(), z.square().sum(1)))
    return torch.cat([a for a, _ in parts]), torch.cat([b for _, b in parts])


def gaussian_distance(features: Features, fitted: Components) -> Column:
    """[N, D] -> squared Mahalanobis distance [N] in the fitted components: sum_k p_k^2 / var_k.

    Minus twice the log density of the fitted Gaussian, up to a constant.
    """
    projected, _ = _project(features, fitted)
    return (projected / fitted.variance).sum(1).numpy()


def residual_distance(features: Features, fitted: Components) -> Column:
    """[N, D] -> what the components leave [N]: |z|^2 - sum_k p_k^2, at least 0."""
    projected, squares = _project(features, fitted)
    return (squares - projected.sum(1)).clamp_min(0).numpy()


def typical_distances(
    spaces: Mapping[str, Features], near: Sequence[Column] = (), *, seed: int
) -> dict[str, Column]:
    """Distances of all photos from what is typical of them, `NAME_gauss` and `NAME_ppca` a space.

    1. Fit to all photos in every space; u = the mean of the `standardised` distances.
    2. Five times over, fit again, each photo with the weight 1 / (1 + exp((u - 0.75) / 0.3)), u in
       standard deviations: what lies far out in all spaces together bends the fits no more. These
       are the steps of an M-estimator (Maronna 1976).
    3. Once more with one minus the probability of being an outlier (`fit_mixture`).
    4. Where these outliers are photos of a kind (`are_alike`), a mode was taken for outliers. Then
       all over again, and only photos that have none of their like near lose weight.

    Every photo is measured by a fit to the other half of the photos, so none is near merely because
    it was fitted.

    Args:
        spaces: name -> float32 [N, D] features of the same photos.
        near: `neighbour_distance` [N] of every space; none = step 4 is left out.
        seed: of the halves.

    Returns:
        Distances [N] >= 0: squared Mahalanobis distance in 128 components, and the squared
        residual of 64.
    """
    made = _rounds(spaces, np.ones(len(next(iter(spaces.values())))), seed)
    if near and are_alike(_probability(made) > 0.5, near):
        lonely = np.max([standardised(d, np.inf) for d in near], axis=0)
        made = _rounds(spaces, 1 / (1 + np.exp((LONELY - lonely) / SOFTNESS)), seed)
    return made


def _rounds(spaces: Mapping[str, Features], most: Column, seed: int) -> dict[str, Column]:
    """Steps 1 to 3 of `typical_distances`; a photo loses at most `most` [N] of its weight."""
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


def are_alike(dropped: NDArray[np.bool_], distances: Sequence[Column]) -> bool:
    """Whether what would be dropped are photos of a kind, and not outliers.

    Args:
        dropped: [N].
        distances: of every photo to its nearest others, a column [N] each feature space.

    Returns:
        True where the dropped photos' median is, in every space, less than 0.9 standard deviations
        above that of all photos: they lie as close to one another as ordinary photos do.
    """
    if not dropped.any() or not distances:
        return False
    return all(float(np.median(standardised(d, np.inf)[dropped])) < ALIKE for d in distances)


def _halves(count: int, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which half a photo is in (none is in the second of a few), and which take part in fits."""
    random = np.random.default_rng(derive_seed(seed, "halves"))
    turn = random.permutation(count)
    half = turn % 2 == 1 if count >= _FEWEST else np.zeros(count, dtype=bool)
    return half, turn < 2 * _FIT_AT_MOST


def _distances(
    spaces: Mapping[str, Features],
    weights: Column,
    half: NDArray[np.bool_],
    some: NDArray[np.bool_],
) -> dict[str, Column]:
    """Both distances in every space, each half's by a fit to the other."""
    made: dict[str, Column] = {}
    for name, features in spaces.items():
        gauss, ppca = np.empty(len(features)), np.empty(len(features))
        for mine in (half, ~half) if half.any() else (~half,):
            others = (~mine if half.any() else mine) & some
            fitted = fit_components(features[others], GAUSS_COMPONENTS, weights[others])
            gauss[mine] = gaussian_distance(features[mine], fitted)
            ppca[mine] = residual_distance(features[mine], fitted.first(PPCA_COMPONENTS))
        made |= {f"{name}_gauss": gauss, f"{name}_ppca": ppca}
    return made


def neighbour_distance(features: Features, *, seed: int) -> Column:
    """float32 [N, D] -> Euclidean distance [N] to the tenth nearest other photo.

    Ramaswamy, Rastogi and Shim 2000; of standardised features. Of more than 20,000 photos a random
    20,000 stand for all. Photos of one kind are near one another however few they are: what lies
    apart from the rest but not from its like is a mode, and no outlier (`keep`).
    """
    some = np.flatnonzero(_halves(len(features), seed)[1])
    spread = np.maximum(features.std(0), _SMALL)
    x = torch.from_numpy(np.asarray((features - features.mean(0)) / spread, dtype=np.float32))
    others = x[some]
    nearest = min(NEIGHBOURS + 1, len(others))  # a photo is its own nearest
    found = [
        torch.cdist(part, others).kthvalue(nearest, dim=1).values
        for part in torch.split(x, _ROWS // 16)
    ]
    return np.asarray(torch.cat(found).double().numpy())


def hellinger(features: Features) -> Features:
    """Activations >= 0 [N, D] -> sqrt(f / sum f), unit length: what fires, not how strongly.

    The Hellinger kernel's map, known from RootSIFT (Arandjelovic and Zisserman 2012). A flat
    image excites a classifier little everywhere; by its raw activations it lies near the mean.
    """
    root = np.sqrt(np.maximum(features, 0))
    length = np.linalg.norm(root, axis=1, keepdims=True)
    return np.asarray(root / np.maximum(length, _SMALL), dtype=np.float32)
