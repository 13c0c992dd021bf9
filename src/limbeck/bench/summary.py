"""What the cells of a truncation study say: methods at equal precision, over runs; two pictures."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck import logs
from limbeck.bench.cells import METHODS, Cell
from limbeck.bench.equal import curve, frontier, over_runs, ratio_at_equal
from limbeck.bench.figures import Rows, draw_curves, draw_numbers

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
        out: where the pictures go.

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
    try:
        draw_curves(
            out / f"curves-{name}.png", curves, levels=plain,
            title=f"{base} clusters; the grey line is the precision without truncation ({title})",
        )  # fmt: skip
        if multi:
            draw_numbers(out / f"clusters-{name}.png", multi, title=f"number of clusters ({title})")
    except ImportError:
        logs.warn("no pictures of the curves: matplotlib is not installed (pip install matplotlib)")
