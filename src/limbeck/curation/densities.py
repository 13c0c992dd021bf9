"""How dense a photo's surroundings are in a feature space: baselines, and what `recommended` uses.

Instance selection (DeVries et al. 2020, arXiv 2007.15255) scores by a Gaussian fitted to pretrained
features; its relative, the residual of probabilistic PCA, by what the main components cannot
express. A fit to all photos is bent towards the odd ones among them, which then look less odd;
`trimmed_distance` fits to the others. No fit sees a label.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck.kit.tables import Column

GAUSS_COMPONENTS = 128
PPCA_COMPONENTS = 64
ORDINARY, ROUNDS = 0.8, 4
_PHOTOS_PER_AXIS = 4
_SMALL = 1e-6


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


def fit_components(features: NDArray[np.float32], components: int) -> Components:
    """Fit to float32 [N, D]; at most `components` axes, the rank, and N / 4.

    With as many axes as photos, every photo would be equally far: it takes several a direction.
    """
    x = torch.from_numpy(features).double()
    mean, std = x.mean(0), x.std(0, correction=0)
    floor = _SMALL * max(float(std.max()), _SMALL)
    std = torch.where(std > floor, std, torch.ones_like(std))
    z = (x - mean) / std
    few = len(z) < z.shape[1]  # then the photos' Gram matrix has the same variances, and is smaller
    variance, axes = torch.linalg.eigh((z @ z.T if few else z.T @ z) / max(len(z), 1))
    variance, axes = variance.flip(0), axes.flip(1)
    rank = int((variance > _SMALL * max(float(variance[0]), _SMALL)).sum())
    kept = min(components, rank, len(features) // _PHOTOS_PER_AXIS)
    variance, axes = variance[:kept], axes[:, :kept]
    if few:
        axes = z.T @ axes / (variance * len(z)).sqrt()
    return Components(mean, std, axes, variance)


def _project(features: NDArray[np.float32], fitted: Components) -> tuple[Tensor, Tensor]:
    z = (torch.from_numpy(features).double() - fitted.mean) / fitted.std
    return (z @ fitted.axes).square(), z.square().sum(1)


def gaussian_distance(features: NDArray[np.float32], fitted: Components) -> Column:
    """[N, D] -> squared Mahalanobis distance [N] in the fitted components: sum_k p_k^2 / var_k.

    Minus twice the log density of the fitted Gaussian, up to a constant.
    """
    projected, _ = _project(features, fitted)
    return (projected / fitted.variance).sum(1).numpy()


def residual_distance(features: NDArray[np.float32], fitted: Components) -> Column:
    """[N, D] -> what the components leave [N]: |z|^2 - sum_k p_k^2, at least 0."""
    projected, squares = _project(features, fitted)
    return (squares - projected.sum(1)).clamp_min(0).numpy()


def trimmed_distance(
    features: NDArray[np.float32],
    distance: Callable[[NDArray[np.float32], Components], Column],
    components: int,
) -> Column:
    """Distances [N] of all photos to a fit that leaves the oddest fifth of them out.

    Fit, keep the nearest 80 %, fit again, four times over: the concentration steps of the minimum
    covariance determinant (Rousseeuw and Van Driessen 1999). 80 % stands for "most"; nothing is
    tuned to how many photos are odd.

    Args:
        features: float32 [N, D].
        distance: `gaussian_distance` or `residual_distance`.
        components: as in `fit_components`.
    """
    values = distance(features, fit_components(features, components))
    count = max(round(ORDINARY * len(features)), 1)
    for _ in range(ROUNDS):
        ordinary = np.sort(np.argsort(values, kind="stable")[:count])
        values = distance(features, fit_components(features[ordinary], components))
    return values


def hellinger(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Activations >= 0 [N, D] -> sqrt(f / sum f), unit length: what fires, not how strongly.

    The Hellinger kernel's map, known from RootSIFT (Arandjelovic and Zisserman 2012). A flat
    image excites a classifier little everywhere; by its raw activations it lies near the mean.
    """
    root = np.sqrt(np.maximum(features, 0))
    length = np.linalg.norm(root, axis=1, keepdims=True)
    return np.asarray(root / np.maximum(length, _SMALL), dtype=np.float32)
