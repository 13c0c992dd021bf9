"""AUROC of every score on every kind of outlier as a picture. matplotlib is imported here alone.

Colours run from blue (below chance) over white (0.5, chance) to red, which people with any colour
vision tell apart; every number is written in its cell.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limbeck import fsio

_COLOURS = "RdBu_r"
_CHANCE = 0.5
_CELL, _LINE, _DPI = 0.62, 0.26, 150  # inches


def draw_heat(path: Path, found: Mapping[str, Any]) -> None:
    """Rows are scores by overall AUROC, columns all outliers and each kind; the best is framed.

    Args:
        path: PNG.
        found: what `bench_outliers` gives.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, kinds = found["rows"], list(found["kinds"])
    table = [[row["auroc"], *(row["by_kind"][kind]["auroc"] for kind in kinds)] for row in rows]
    names = [f"{row['score']}  ({row['group']})" for row in rows]
    heads = [f"all ({found['outliers']})", *(f"{k} ({found['kinds'][k]})" for k in kinds)]
    width, height = _CELL * len(heads) + 3.6, _LINE * len(rows) + 2.4
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    image = axes.imshow(table, cmap=_COLOURS, vmin=0, vmax=1, aspect="auto")
    for y, line in enumerate(table):
        for x, value in enumerate(line):
            strong = abs(value - _CHANCE) > 0.32
            axes.text(
                x, y, f"{value:.2f}".lstrip("0"), ha="center", va="center", fontsize=8,
                color="white" if strong else "black",
            )  # fmt: skip
    for x, kind in enumerate(["all", *kinds]):
        _frame(axes, x, _best_row(rows, found["best"][kind]))
    axes.set_xticks(range(len(heads)), heads, rotation=50, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=9)
    axes.axvline(0.5, color="black", linewidth=1.2)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.01)
    bar.set_label("AUROC (0.5 = chance)")
    figure.suptitle(_title(found), fontsize=10)
    with fsio.atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI)


def _title(found: Mapping[str, Any]) -> str:
    count = len(found["networks"])
    nets = f"mean of {count} trained networks" if count > 1 else f"{count or 'no'} trained network"
    return (
        f"AUROC by kind of outlier: {found['photos']} photos, {nets}; framed = best of its column"
    )


def _best_row(rows: list[Any], best: Mapping[str, Any]) -> int:
    pairs = [(row["score"], row["group"]) for row in rows]
    return pairs.index((best["score"], best["group"]))


def _frame(axes: Any, x: int, y: int) -> None:
    from matplotlib.patches import Rectangle

    for colour, width in (("black", 3.2), ("#F0E442", 1.6)):  # seen on dark and on light cells
        corner = (x - 0.47, y - 0.45)
        axes.add_patch(Rectangle(corner, 0.94, 0.9, fill=False, edgecolor=colour, linewidth=width))
