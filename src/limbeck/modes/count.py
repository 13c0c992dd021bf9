"""How many clusters: the smallest number after which more of them explain little more.

At strength psi an image's deviation from its centre shrinks by about psi, so the variance of
truncated images is about B + psi^2 (1 - B), where B(N) is the share of the variance that lies
between N clusters. Twice as many clusters can therefore add at most (1 - psi^2) (B(2N) - B(N)) to
diversity. The rule takes the smallest N in 8, 16, 32, 64, 128 whose doubling gains less than 2 %.
It sees latents and images of the generator alone, no label.
"""

import numpy as np
import torch

from limbeck.kit.distances import squared_distances
from limbeck.modes.clustering import Points, fit_means
from limbeck.records import ClusterChoice

COUNTS = (8, 16, 32, 64, 128)
LEAST_GAIN = 0.02
LEAST_MEMBERS = 50
_MOST_ROWS = 20_000


def explained(points: Points, count: int, seed: int) -> float:
    """B(N): the share of variance that the nearest of `count` means explains, at most 1.

    The means are fitted on the even rows and measured on the odd ones, about the mean of the even
    ones; it may be negative where there are too few points for so many means.

    Args:
        points: float32 [N, d] in random order.
        count: clusters.
        seed: of k-means.
    """
    fit, held = points[0::2], points[1::2].astype(np.float64)
    means = fit_means(fit, count, seed).astype(np.float64)
    around = fit.mean(0, dtype=np.float64)
    nearest = squared_distances(torch.from_numpy(held), torch.from_numpy(means)).min(1).values
    whole = float(((held - around) ** 2).sum())
    return 1 - float(nearest.sum()) / whole if whole > 0 else 1.0


def choose_count(points: Points, seed: int) -> ClusterChoice:
    """The number of clusters, and the curve B(N) behind it.

    Only numbers with at least 50 points a cluster on average are looked at; with fewer points than
    8 x 50 it is a fiftieth of the points, at least 1. Where every doubling gains 2 % it is the
    largest number looked at.

    Args:
        points: float32 [N, d] in random order; at most 20,000 are used for the curve.
        seed: the same seed and points give the same number.
    """
    counts = [count for count in COUNTS if count * LEAST_MEMBERS <= len(points)]
    counts = counts or [max(len(points) // LEAST_MEMBERS, 1)]
    curve = [explained(points[:_MOST_ROWS], count, seed) for count in counts]
    return ClusterChoice(chosen=smallest(counts, curve), counts=counts, explained=curve)


def smallest(counts: list[int], curve: list[float]) -> int:
    """The first of `counts` (each twice the one before) whose doubling gains less than 2 %."""
    for count, here, after in zip(counts, curve, curve[1:], strict=False):
        if after - here < LEAST_GAIN:
            return count
    return counts[-1]
