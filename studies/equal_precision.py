"""Two ways of truncating compared where they are equally precise, or equally diverse.

Stronger truncation buys precision with recall, so figures at the same psi compare nothing: one
method may only have moved along the trade. A method's curve runs over psi. At equal precision: for
every precision above that of the images as trained, the most recall (coverage, diversity) that a
method has at that precision or better (`frontier`), over the precisions that both reach. Where a
generator is so poor that pulling to a centre buys no precision, there are none; the other way
round, precision at equal LPIPS diversity (`curve`), there nearly always are.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from studies.plots import Rows, draw_curves, draw_numbers
from studies.truncation_cells import METHODS, Cell

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

    It begins at the precision of the largest psi (images as trained) and ends at the best one.
    Precision need neither rise nor fall with psi: where pulling on makes it worse again, that
    part of the polyline is worse in both and does not count.

    Args:
        psis: strengths, the last one the images as trained.
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


Point = dict[str, Any]
_AGAINST = "global"
_SHOWN = ("precision", "recall", "density", "coverage", "fid", "kid")
_EQUAL = {
    "precision": ("recall", "coverage", "diversity"),
    "diversity": ("precision", "recall", "coverage", "density"),
}
"""What is held equal -> what is compared there."""


def summarise(
    rows: Sequence[Mapping[str, Any]], cells: Sequence[Cell], base: int, out: Path
) -> dict[str, Any]:
    """Read rows of one study; draw curves-FEATURES.png and clusters-FEATURES.png into `out`.

    Args:
        rows: of cells.jsonl, of every run of the study.
        cells: those that count.
        base: the number of clusters at which methods are compared.
        out: where the images go.

    Returns:
        `runs`, and by set of features: `points` (each cell's figures, mean over runs),
        `at_equal_precision` and `at_equal_diversity` (space -> method -> metric -> ratio to
        global, see `over_runs`; null where the methods share no level), `precision_bought` (how
        much more precise global truncation is at its best than none, mean over runs).
    """
    kept = set(cells)
    runs: dict[str, dict[Cell, Mapping[str, Any]]] = {}
    for row in rows:
        if (cell := Cell.of(row)) in kept:
            runs.setdefault(row["run"], {})[cell] = row
    whole = {run: there for run, there in runs.items() if len(there) == len(kept)}
    found: dict[str, Any] = {"bench": "truncation", "runs": list(whole), "features": {}}
    names = list(next(iter(whole.values()))[cells[0]]["features"]) if whole else []
    for name in names:
        tables = [_table(there, name) for there in whole.values()]
        means = {cell: _mean([table[cell] for table in tables]) for cell in cells}
        found["features"][name] = {
            **{f"at_equal_{what}": _compared(tables, cells, base, what) for what in _EQUAL},
            "precision_bought": statistics.fmean(_bought(table, base) for table in tables),
            "points": [{**cell.values(), **point} for cell, point in means.items()],
        }
        _draw(means, base, out, f"{name}, {len(whole)} run{'s' if len(whole) > 1 else ''}", name)
    return found


def _table(there: Mapping[Cell, Mapping[str, Any]], name: str) -> dict[Cell, Point]:
    """The figures that are compared, of one run and one set of features."""
    return {
        cell: {key: row["features"][name][key] for key in _SHOWN}
        | {"diversity": row["lpips"]["overall"]}
        | {key: row["lpips"][key] for key in ("within", "between")}
        for cell, row in there.items()
    }


def _mean(points: Sequence[Point]) -> Point:
    """Mean over runs; a figure that is missing in one is missing."""
    means: Point = {}
    for key in points[0]:
        values = [point[key] for point in points]
        means[key] = None if None in values else statistics.fmean(values)
    return means


def _line(table: Mapping[Cell, Point], method: str, space: str, base: int) -> list[Point]:
    """One method's points by psi; all end in the cell that is not truncated."""

    def belongs(cell: Cell) -> bool:
        here = cell.method == method and (method == _AGAINST or cell.space == space)
        return cell.method == "none" or (here and cell.clusters == base)

    chosen = sorted((cell for cell in table if belongs(cell)), key=lambda cell: cell.psi)
    return [{"psi": cell.psi, **table[cell]} for cell in chosen]


def _bought(table: Mapping[Cell, Point], base: int) -> float:
    line = _line(table, _AGAINST, "", base)
    return float(max(p["precision"] for p in line) - line[-1]["precision"]) if line else 0.0


def _compared(
    tables: Sequence[Mapping[Cell, Point]], cells: Sequence[Cell], base: int, what: str
) -> dict[str, dict[str, dict[str, Any]]]:
    """Space -> method -> metric -> ratio to global where `what` is equal, over runs."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for space in dict.fromkeys(cell.space for cell in cells):
        methods = found.setdefault(space, {})
        for method in METHODS[1:]:
            ratios = [_ratios(table, method, space, base, what) for table in tables]
            methods[method] = {}
            for metric in _EQUAL[what]:
                found_here = [ratio for row in ratios if (ratio := row[metric]) is not None]
                methods[method][metric] = over_runs(found_here) if found_here else None
    return found


def _ratios(
    table: Mapping[Cell, Point], method: str, space: str, base: int, what: str
) -> dict[str, dict[str, Any] | None]:
    """Metric -> ratio to global of one run; None where the two share no level."""
    lines = [_line(table, name, space, base) for name in (method, _AGAINST)]
    if not all(lines):
        return dict.fromkeys(_EQUAL[what])

    def through(line: list[Point], metric: str) -> Any:
        columns = [[point[key] for point in line] for key in ("psi", what, metric)]
        return (frontier if what == "precision" else curve)(*columns)

    ours, other = lines
    return {m: ratio_at_equal(through(ours, m), through(other, m)) for m in _EQUAL[what]}


def _draw(means: Mapping[Cell, Point], base: int, out: Path, title: str, name: str) -> None:
    spaces = list(dict.fromkeys(cell.space for cell in means))
    curves: dict[str, dict[str, Rows]]
    curves = {s: {m: _line(means, m, s, base) for m in METHODS} for s in spaces}
    plain = next((point["precision"] for c, point in means.items() if c.method == "none"), None)
    psis = {cell.psi for cell in means if cell.clusters != base}
    multi = [
        {**cell.values(), **point}
        for cell, point in means.items()
        if cell.psi in psis and cell.method.startswith("multimodal")
    ]
    draw_curves(
        out / f"curves-{name}.png", curves, levels=plain,
        title=f"{base} clusters; the grey line is the precision without truncation ({title})",
    )  # fmt: skip
    if multi:
        draw_numbers(out / f"clusters-{name}.png", multi, title=f"number of clusters ({title})")
