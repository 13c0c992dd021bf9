"""Two ways of truncating compared where they are equally precise, or equally diverse.

Stronger truncation buys precision with recall, so figures at the same psi compare nothing: one
method may only have moved along the trade. A method's curve runs over psi. At equal precision: for
every precision above that of the pictures as trained, the most recall (coverage, diversity) that a
method has at that precision or better (`frontier`), over the precisions that both reach. Where a
generator is so poor that pulling to a centre buys no precision, there are none; the other way
round, precision at equal LPIPS diversity (`curve`), there nearly always are.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

LEVELS = 21
"""Levels at which two curves are compared, evenly over their common range."""
_STEPS = 200  # of each piece of a polyline


@dataclass(frozen=True, eq=False)
class Curve:
    """A piecewise linear function of what is held equal.

    Attributes:
        along: float64 [n], strictly rising.
        value: float64 [n].
    """

    along: NDArray[np.float64]
    value: NDArray[np.float64]

    def at(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values float64 [m] at levels [m], all within the curve's range."""
        return np.interp(levels, self.along, self.value)


def curve(psis: Sequence[float], along: Sequence[float], value: Sequence[float]) -> Curve:
    """A curve through the figures of several psi, in any order.

    What is held equal is first made to rise with psi (isotonic regression: noise of the
    measurement is averaged out where it does not), so that a level belongs to one place of the
    curve; values at equal levels are averaged.

    Args:
        psis: strengths.
        along: what is held equal, rising with psi: diversity.
        value: what is read off.
    """
    order = np.argsort(np.asarray(psis, dtype=np.float64))
    measured = np.asarray(along, dtype=np.float64)[order]
    fitted = IsotonicRegression().fit_transform(np.arange(len(order)), measured)
    levels, group = np.unique(np.asarray(fitted, dtype=np.float64), return_inverse=True)
    values = np.asarray(value, dtype=np.float64)[order]
    sums = np.bincount(group, weights=values, minlength=len(levels))
    return Curve(levels, sums / np.bincount(group, minlength=len(levels)))


def frontier(psis: Sequence[float], precision: Sequence[float], value: Sequence[float]) -> Curve:
    """The most of `value` that the polyline over psi has at a precision or better.

    It begins at the precision of the largest psi (pictures as trained) and ends at the best one.
    Precision need neither rise nor fall with psi: where pulling on makes it worse again, that
    part of the polyline is worse in both and does not count.

    Args:
        psis: strengths, the last one the pictures as trained.
        precision, value: of each.
    """
    order = np.argsort(np.asarray(psis, dtype=np.float64))
    fine = np.linspace(0, len(order) - 1, num=max(_STEPS * (len(order) - 1), 1) + 1)
    p, v = (
        np.interp(fine, np.arange(len(order)), np.asarray(x, dtype=np.float64)[order])
        for x in (precision, value)
    )
    enough = p >= p[-1]
    levels, group = np.unique(p[enough], return_inverse=True)
    best = np.full(len(levels), -np.inf)
    np.maximum.at(best, group, v[enough])
    return Curve(levels, np.maximum.accumulate(best[::-1])[::-1])


def ratio_at_equal(ours: Curve, other: Curve) -> dict[str, Any] | None:
    """Ratio of `ours` to `other` over the levels that both reach; None where none is.

    Returns:
        `mean`, `min`, `max` of the ratio, `at_highest` (at the largest common level), and the
        `range` [low, high] of levels. Levels where the other is 0 are left out.
    """
    low = float(max(ours.along[0], other.along[0]))
    high = float(min(ours.along[-1], other.along[-1]))
    if high <= low:
        return None
    levels = np.linspace(low, high, LEVELS)
    base = other.at(levels)
    there = base > 0
    if not there.any():
        return None
    ratios = ours.at(levels)[there] / base[there]
    return {
        "mean": float(ratios.mean()),
        "min": float(ratios.min()),
        "max": float(ratios.max()),
        "at_highest": float(ratios[-1]),
        "range": [low, high],
    }


def over_runs(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and spread (standard deviation; null for one run) of the ratios of several runs."""
    result: dict[str, Any] = {"runs": len(found)}
    for name in ("mean", "min", "max", "at_highest"):
        values = [float(one[name]) for one in found]
        spread = statistics.stdev(values) if len(values) > 1 else None
        result[name] = {"mean": statistics.fmean(values), "spread": spread}
    return result
