"""Ranks and their fusion: one score out of several, without a parameter and without labels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Column = NDArray[np.float64]


def rank_share(values: Column) -> Column:
    """[N] -> R = rank / N in (0, 1], ties sharing their average rank; largest value, largest R."""
    return np.asarray(rankdata(values, method="average"), dtype=np.float64) / max(len(values), 1)


def fisher(columns: Sequence[Column]) -> Column:
    """Fisher's fusion of scores [N] each: F = sum over columns of -log(1 - R + 0.5 / N).

    1 - R is the share of photos that are odder in that column, a p-value under "this photo is like
    the others"; R. A. Fisher (1925) adds their logarithms. Only ranks matter, so any increasing
    change of a column changes nothing, and no weight is there to be tuned (METHOD 7).
    """
    if not columns:
        raise ValueError("nothing to fuse")
    count = max(len(columns[0]), 1)
    total = np.zeros(len(columns[0]))
    for column in columns:
        total -= np.log(1.0 - rank_share(column) + 0.5 / count)
    return total
