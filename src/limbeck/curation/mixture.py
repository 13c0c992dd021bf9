"""How many of a set's photos are outliers, by the shape of one score: a mixture of two groups."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from scipy.special import ndtr

from limbeck.kit.tables import Column

APART = 2.0
"""Standard deviations of the ordinary photos by which the outliers' mean is at least higher."""
_BINS = 200
_STARTS = (0.03, 0.12, 0.3, 0.45)
_TOP = 0.999  # quantile above which scores count as it
_SKEW, _WIDTH = 4.0, 5.0  # weak priors, for sets of few photos: of the skewness, of the width
_RAREST = -9.0  # the logit of the smallest share asked for where none is given
_STEP = 1e-8  # of the finite differences
_NORMAL = float(np.sqrt(2 / np.pi))
_PEAK = float(np.sqrt(2 * np.pi))

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """Ordinary photos skew-normal (Azzalini 1985), outliers normal and further up.

    Attributes:
        location, scale, skew: of the ordinary photos.
        share: of the outliers, at most 1/2.
        mean, deviation: of the outliers' scores; the mean is at least `APART` deviations of the
            ordinary photos above theirs.
        gain: by how much the log likelihood is higher than with ordinary photos alone.
    """

    location: float
    scale: float
    skew: float
    share: float
    mean: float
    deviation: float
    gain: float

    def outlier(self, u: Column) -> Column:
        """Probability [N] that a photo of score u [N] is an outlier; never falls as u rises.

        0 below the ordinary photos' mean, where a wide group of outliers would have them again.
        """
        if not len(u):
            return u
        a, b = _densities(self, u)
        centre, _ = _moments(self.location, self.scale, self.skew)
        probability = np.where(u <= centre, 0.0, b / np.maximum(a + b, 1e-300))
        order = np.argsort(u, kind="stable")
        found = np.empty(len(u))
        found[order] = np.maximum.accumulate(probability[order])
        return found


def fit_mixture(u: Column, least: float = 0.0) -> Mixture:
    """Fit to scores by maximum likelihood on a histogram, from several starting shares.

    Weak priors (skewness 0 +- 4, the outliers' deviation a few of the ordinary photos') keep fits
    of a few hundred photos sane.

    Args:
        u: [N].
        least: the smallest share of outliers, below 0.45.

    Raises:
        ValueError: no two different scores.
    """
    top = float(np.quantile(u, _TOP))
    counts, edges = np.histogram(np.minimum(u, top), _BINS)
    middle = (edges[1:] + edges[:-1]) / 2
    middle, counts = middle[counts > 0], counts[counts > 0]
    centre = float(np.median(u))
    spread = max(centre - float(np.quantile(u, 0.16)), float(u.std()) * 1e-3)
    if spread <= 0 or top <= float(u.min()):
        raise ValueError("scores that are all alike have no mixture")
    x = (middle - centre) / spread
    widest = max(float(u.std()) / spread, 1.0)

    def loss(p: Vector) -> float:
        a, b = _densities(_mixture(p), x)
        prior = 0.5 * (p[2] / _SKEW) ** 2 + 0.02 * (p[5] - np.log(_WIDTH)) ** 2
        return float(prior - (counts * np.log(a + b + 1e-300)).sum())

    rarest = _logit(least) if least else _RAREST
    bounds = [(-20, 20), (-3, 3), (-6, 6), (rarest, 0), (0, 20), (np.log(0.3), np.log(10 * widest))]
    starts = [
        np.array([float(np.quantile(u, 0.4 * (1 - share)) - centre) / spread, 0, 1,
                  max(_logit(share), rarest), 0.7, np.log(widest)])
        for share in _STARTS
    ]  # fmt: skip
    fits = [_minimised(loss, start, bounds) for start in starts]
    best = min(fits, key=lambda fit: float(fit.fun))

    def alone(p: Vector) -> float:
        return loss(np.array([*p, -40.0, 0.7, np.log(_WIDTH)]))

    one = min(
        (_minimised(alone, start[:3], bounds[:3]) for start in starts),
        key=lambda fit: float(fit.fun),
    )
    found = _mixture(best.x)
    return Mixture(
        found.location * spread + centre, found.scale * spread, found.skew, found.share,
        found.mean * spread + centre, found.deviation * spread, float(one.fun - best.fun),
    )  # fmt: skip


def _minimised(
    loss: Callable[[Vector], float], start: Vector, bounds: list[tuple[float, float]]
) -> OptimizeResult:
    """L-BFGS-B with the differences that scipy takes, which checks arguments for longer than the
    loss takes."""
    upper = [high for _, high in bounds]

    def with_gradient(p: Vector) -> tuple[float, Vector]:
        here, gradient = loss(p), np.empty(len(p))
        for i, at in enumerate(p):
            near = p.copy()
            near[i] = at + _STEP if at + _STEP <= upper[i] else at - _STEP
            gradient[i] = (loss(near) - here) / (near[i] - at)
        return here, gradient

    return minimize(with_gradient, start, jac=True, method="L-BFGS-B", bounds=bounds)


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def _moments(location: float, scale: float, skew: float) -> tuple[float, float]:
    """Mean and standard deviation of a skew-normal."""
    delta = skew / float(np.sqrt(1 + skew * skew))
    return location + scale * delta * _NORMAL, scale * float(np.sqrt(1 - (delta * _NORMAL) ** 2))


def _mixture(p: Vector) -> Mixture:
    """From what is optimised: location, log scale, skew, logit share, distance, log width."""
    location, scale, skew = float(p[0]), float(np.exp(p[1])), float(p[2])
    mean, deviation = _moments(location, scale, skew)
    return Mixture(
        location, scale, skew, float(1 / (1 + np.exp(-p[3]))),
        mean + deviation * (APART + float(p[4])), float(np.exp(p[5])), 0.0,
    )  # fmt: skip


def _densities(m: Mixture, u: Vector) -> tuple[Vector, Vector]:
    """Of the ordinary photos and of the outliers at u, each times its share."""
    z = (u - m.location) / m.scale
    ordinary = (1 - m.share) * 2 / m.scale * _normal(z) * ndtr(m.skew * z)
    outliers = m.share / m.deviation * _normal((u - m.mean) / m.deviation)
    return np.asarray(ordinary), np.asarray(outliers)


def _normal(z: Vector) -> Vector:
    """The standard normal density; scipy's own takes ten times as long to check its arguments."""
    return np.asarray(np.exp(-(z**2) / 2.0) / _PEAK)
