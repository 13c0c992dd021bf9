"""One score out of several by Fisher's method, without weights and without labels."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm, rankdata

from limbeck.kit.tables import Column

_LOW, _MIDDLE = 0.1, 0.4
_ROUNDING = 1e-5  # of log scores: what float32 makes of photos that are all alike


def rank_share(values: Column) -> Column:
    """[N] -> R = rank / N in (0, 1], ties sharing their average rank; largest value, largest R."""
    return np.asarray(rankdata(values, method="average"), dtype=np.float64) / max(len(values), 1)


def fisher(columns: Sequence[Column]) -> Column:
    """Fisher's fusion of scores [N] each: F = sum over columns of -log(1 - R + 0.5 / N).

    1 - R is the share of photos that are odder in that column, a p-value under "this photo is like
    the others"; R. A. Fisher (1925) adds their logarithms. Only ranks matter, so any increasing
    change of a column changes nothing, and no weight is there to be tuned.
    """
    if not columns:
        raise ValueError("nothing to fuse")
    count = max(len(columns[0]), 1)
    total = np.zeros(len(columns[0]))
    for column in columns:
        total -= np.log(1.0 - rank_share(column) + 0.5 / count)
    return total


def ordinary(u: Column) -> tuple[float, float]:
    """Mean and spread of the ordinary photos' scores: an empirical null (Efron 2004).

    The normal distribution through the 10 % and 40 % points of u [N]. The upper half is never used,
    so outliers cannot hide by widening it. The spread is 0 where those points coincide.
    """
    low, middle = np.quantile(u, [_LOW, _MIDDLE])
    spread = float(middle - low) / float(norm.ppf(_MIDDLE) - norm.ppf(_LOW))
    return float(low) - spread * float(norm.ppf(_LOW)), spread


def log_scores(values: Column) -> Column:
    """log of scores [N] >= 0; below a thousandth of their median they count as that."""
    return np.log(np.maximum(values, max(1e-3 * float(np.median(values)), 1e-12)))


def tail_share(values: Column) -> Column:
    """Positive scores [N] -> p [N]: the share of ordinary photos that would be at least as odd.

    p = max(1 - Phi((log s - m) / d), 0.5 / N), where m, d are `ordinary` of log s: distances are
    close to log-normal. A column whose ordinary photos differ by rounding says nothing: p = 1/2.
    """
    u = log_scores(values)
    mean, spread = ordinary(u)
    if spread <= _ROUNDING:
        return np.full(len(values), 0.5)
    return np.asarray(np.maximum(norm.sf((u - mean) / spread), 0.5 / len(values)))


def fisher_tails(columns: Sequence[Column]) -> Column:
    """Fisher's fusion of positive scores [N] each: F = sum over columns of -log(`tail_share`).

    Ranks are spoilt by the outliers that they are to find: these take the highest ones, however far
    away they lie, and push all others down. p compares with ordinary photos alone, so a photo
    that is far out in one column stays far out, and a gap stays a gap for the keep rule to see.
    Multiplying a column by a constant changes nothing.
    """
    if not columns:
        raise ValueError("nothing to fuse")
    return np.asarray(-sum(np.log(tail_share(column)) for column in columns))
