"""How dense a photo's surroundings are in a feature space: the two baselines that ship.

Instance selection (DeVries et al. 2020, arXiv 2007.15255) scores by a Gaussian fitted to pretrained
features; its relative, the residual of probabilistic PCA, by what the main components cannot
express. Both fits see every photo and no label.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck.curation.fusion import Column

GAUSS_COMPONENTS = 128
PPCA_COMPONENTS = 64
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

    mean: Column
    std: Column
    axes: NDArray[np.float64]
    variance: Column

    def first(self, count: int) -> "Components":
        """Only the `count` largest components."""
        return Components(self.mean, self.std, self.axes[:, :count], self.variance[:count])


def fit_components(features: NDArray[np.float32], components: int) -> Components:
    """Fit to float32 [N, D]; at most `components` axes, the rank, and N / 4.

    With as many axes as photos, every photo would be equally far: it takes several a direction.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    std = features.std(axis=0, dtype=np.float64)
    std = np.where(std > _SMALL * max(float(std.max(initial=0.0)), _SMALL), std, 1.0)
    z = (features - mean) / std
    variance, axes = np.linalg.eigh(z.T @ z / max(len(z), 1))
    variance, axes = variance[::-1], axes[:, ::-1]
    rank = int((variance > _SMALL * max(float(variance[0]), _SMALL)).sum())
    kept = min(components, rank, len(features) // _PHOTOS_PER_AXIS)
    return Components(mean, std, axes[:, :kept], variance[:kept])


def _project(features: NDArray[np.float32], fitted: Components) -> tuple[Column, Column]:
    z = (features - fitted.mean) / fitted.std
    squares = np.asarray((z**2).sum(axis=1))
    return np.asarray((z @ fitted.axes) ** 2), squares


def gaussian_distance(features: NDArray[np.float32], fitted: Components) -> Column:
    """[N, D] -> squared Mahalanobis distance [N] in the fitted components: sum_k p_k^2 / var_k.

    Minus twice the log density of the fitted Gaussian, up to a constant.
    """
    projected, _ = _project(features, fitted)
    return np.asarray((projected / fitted.variance).sum(axis=1))


def residual_distance(features: NDArray[np.float32], fitted: Components) -> Column:
    """[N, D] -> what the components leave [N]: |z|^2 - sum_k p_k^2, at least 0."""
    projected, squares = _project(features, fitted)
    return np.asarray(np.maximum(squares - projected.sum(axis=1), 0.0))
