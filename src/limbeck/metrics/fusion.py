"""One score out of several, weighted by how far they agree: without labels, nothing tuned."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from limbeck.kit.tables import Column

LIMIT = 6.0
"""Standard deviations at which a column's say ends: one column alone does not decide."""
_ROUNDING = 1e-5  # of log scores: what float32 makes of photos that are all alike


def log_scores(values: Column) -> Column:
    """log of scores [N] >= 0; below a thousandth of their median they count as that."""
    return np.log(np.maximum(values, max(1e-3 * float(np.median(values)), 1e-12)))


def standardised(values: Column, limit: float = LIMIT) -> Column:
    """Scores [N] in standard deviations of the ordinary photos, from the median; at most `limit`.

    Scores without negative values are distances, which are close to log-normal: their logarithm is
    taken. The deviation is that of the lower half about the median, so outliers, which are high,
    do not widen it. A column whose lower half differs by rounding alone says nothing: zeros.
    """
    if not len(values):
        return values
    u = log_scores(values) if values.min() >= 0 else values
    apart = u - float(np.median(u))
    spread = float(np.sqrt(np.mean(apart[apart <= 0] ** 2)))
    if spread <= _ROUNDING:
        return np.zeros(len(u))
    return np.asarray(np.clip(apart / spread, -limit, limit))


def agreement(values: Column, probability: Column) -> float:
    """How well scores [N] find what others call outliers, in [0, 1]: 2 AUROC - 1, at least 0.

    The AUROC counts a photo as an outlier by its `probability` [N] and as ordinary by the rest; 0
    says that the scores are useless or contradict the others.
    """
    ranks = np.asarray(rankdata(values), dtype=np.float64)
    order = np.argsort(ranks, kind="stable")
    ordinary = 1 - probability[order]
    below = np.cumsum(ordinary) - ordinary
    starts = np.searchsorted(ranks[order], ranks[order], side="left")
    ends = np.searchsorted(ranks[order], ranks[order], side="right")
    total = np.append(np.cumsum(ordinary), 0.0)
    lower, tied = below[starts], total[ends - 1] - below[starts]
    outliers, others = float(probability.sum()), float(ordinary.sum())
    if outliers <= 0 or others <= 0:
        return 0.0
    auroc = float((probability[order] * (lower + tied / 2)).sum()) / (outliers * others)
    return max(2 * auroc - 1, 0.0)


def weighted_mean(columns: Sequence[Column], weights: Sequence[float] = ()) -> Column:
    """Mean of `standardised` columns [N]; where no weight is above 0, all count alike.

    Raises:
        ValueError: no columns.
    """
    if not columns:
        raise ValueError("nothing to fuse")
    shares = np.array(weights) if sum(weights) > 0 else np.ones(len(columns))
    return np.asarray(shares @ np.stack([standardised(c) for c in columns]) / shares.sum())
