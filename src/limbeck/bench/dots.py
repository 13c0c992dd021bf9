"""The distillation study as a picture: a dot a seed, a bar the mean. matplotlib is imported here.

A column a figure, a row a way of drawing; trainings along x, the photos measured against by colour
(Okabe and Ito's) and marker.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck import fsio
from limbeck.bench.drawings import DIVERSITY, DRAWS

_COLUMNS = {
    "fid": "FID (lower is better)", "precision": "precision", "recall": "recall",
    "coverage": "coverage", "diversity": "LPIPS diversity",
}  # fmt: skip
_ORDER = ("raw", "random", "kept", "oracle")
_LOOK = {
    "clean": ("#0072B2", "o", "clean photos"), "kept": ("#E69F00", "^", "kept photos"),
    "raw": ("#555555", "s", "raw photos"), "": ("#009E73", "D", "pictures alone"),
}  # fmt: skip
_ASIDE = {"clean": -0.22, "kept": 0.0, "raw": 0.22, "": 0.0}
_WIDE, _HIGH, _DPI = 3.0, 2.9, 150

Rows = Sequence[Mapping[str, Any]]


def draw_dots(out: Path, found: Mapping[str, Any]) -> None:
    """Write OUT/distillation-FEATURES.png for each set of features.

    Args:
        out: the study's folder.
        found: what `bench_distillation` gives.

    Raises:
        ImportError: matplotlib is not installed.
    """
    for features in found["features"]:
        rows = [row for row in found["rows"] if row["features"] in (features, DIVERSITY)]
        if rows:
            _draw(out / f"distillation-{features}.png", features, rows, found)


def _draw(path: Path, features: str, rows: Rows, found: Mapping[str, Any]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (_WIDE * len(_COLUMNS), _HIGH * len(DRAWS) + 0.8)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(DRAWS), len(_COLUMNS), squeeze=False)
    for line, draw in zip(grid, DRAWS, strict=True):
        for axes, (name, words) in zip(line, _COLUMNS.items(), strict=True):
            _panel(axes, [r for r in rows if (r["draw"], r["figure"]) == (draw.name, name)])
            axes.set_title(words, fontsize=10)
        line[0].set_ylabel(draw.name)
    marks: dict[str, Any] = {}
    for axes in (*grid[0], *grid[-1]):
        handles, labels = axes.get_legend_handles_labels()
        marks |= dict(zip(labels, handles, strict=True))
    figure.legend(marks.values(), marks.keys(), loc="outside lower center", ncols=len(marks))
    seeds = len(found["seeds"])
    figure.suptitle(
        f"trained on raw, random, kept, clean photos, {found['kimg']:g} kimg each "
        f"({features}, {found['pictures']} pictures, {seeds} seed{'s' if seeds > 1 else ''}: "
        "a dot each, the bar is their mean)"
    )
    with fsio.atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI)


def _panel(axes: Any, rows: Rows) -> None:
    """One figure in one way of drawing; a thin line joins the trainings of one seed."""
    for photos, (colour, marker, words) in _LOOK.items():
        chosen = {row["variant"]: row for row in rows if row["photos"] == photos}
        there = [(x + _ASIDE[photos], chosen[v]) for x, v in enumerate(_ORDER) if v in chosen]
        for seed in dict.fromkeys(seed for _, row in there for seed in row["seeds"]):
            line = [(x, row["seeds"][seed]) for x, row in there if seed in row["seeds"]]
            axes.plot(*zip(*line, strict=True), color=colour, linewidth=0.5, alpha=0.35)
        for number, (x, row) in enumerate(there):
            values = list(row["seeds"].values())
            axes.plot(
                [x] * len(values), values, linestyle="", marker=marker, color=colour, alpha=0.75,
                markersize=4.5, label=None if number else words,
            )  # fmt: skip
            axes.hlines(row["mean"], x - 0.1, x + 0.1, color=colour, linewidth=2)
    axes.set_xticks(range(len(_ORDER)), _ORDER)
    axes.set_xlim(-0.5, len(_ORDER) - 0.5)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
