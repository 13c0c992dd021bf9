"""The truncation study as images: figures over precision, and the effect of N.

matplotlib is needed here alone and imported here alone. Colours are Okabe and Ito's, which people
with any colour vision tell apart; markers differ too.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck import fsio
from studies.measure import DIVERSITY, DRAWS

Rows = Sequence[Mapping[str, Any]]
METRICS = {"recall": "recall", "coverage": "coverage", "diversity": "LPIPS diversity"}
_LOOK = {
    "global": ("#000000", "o", "-"),
    "multimodal-lpips": ("#D55E00", "s", "-"),
    "multimodal-l2": ("#0072B2", "^", "-"),
    "multimodal-typical": ("#009E73", "D", "-"),
    "index": ("#E69F00", "x", ":"),
}
_SPACES = {"w": "clusters in W", "lpips": "clusters in LPIPS space"}
_WIDE, _HIGH, _DPI = 4.2, 3.6, 150


def draw_curves(
    path: Path, curves: Mapping[str, Mapping[str, Rows]], *, title: str, levels: float | None
) -> None:
    """Recall, coverage and LPIPS diversity over precision; a row a space, a line a method.

    Args:
        path: PNG.
        curves: space -> method -> points with `psi`, `precision` and the metrics, by psi.
        title: said on top.
        levels: precision of the untruncated generator, drawn as a thin line, if known.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure, grid = _sheet(len(curves), len(METRICS))
    for row, (space, methods) in zip(grid, curves.items(), strict=True):
        for axes, (metric, words) in zip(row, METRICS.items(), strict=True):
            for method, points in methods.items():
                colour, marker, line = _LOOK[method]
                axes.plot(
                    [p["precision"] for p in points], [p[metric] for p in points], color=colour,
                    marker=marker, linestyle=line, label=method, markersize=5, linewidth=1.6,
                )  # fmt: skip
            if levels is not None:
                axes.axvline(levels, color="#888888", linewidth=0.8)
            axes.set(xlabel="precision", ylabel=words, title=_SPACES.get(space, space))
    _finish(figure, grid, path, title)


def draw_numbers(path: Path, rows: Rows, *, title: str) -> None:
    """Precision and the metrics over the number of clusters; psi by line style.

    Args:
        path: PNG.
        rows: `space`, `method`, `clusters`, `psi`, `precision` and the metrics.
        title: said on top.

    Raises:
        ImportError: matplotlib is not installed.
    """
    spaces = list(dict.fromkeys(row["space"] for row in rows))
    psis = sorted({row["psi"] for row in rows}, reverse=True)
    figure, grid = _sheet(len(spaces), 1 + len(METRICS))
    for line_of_axes, space in zip(grid, spaces, strict=True):
        columns = {"precision": "precision", **METRICS}
        for axes, (metric, words) in zip(line_of_axes, columns.items(), strict=True):
            for method in dict.fromkeys(row["method"] for row in rows):
                for psi, line in zip(psis, ("-", "--", ":", "-.") * len(psis), strict=False):
                    points = sorted(
                        (r["clusters"], r[metric])
                        for r in rows
                        if (r["space"], r["method"], r["psi"]) == (space, method, psi)
                    )
                    colour, marker, _ = _LOOK[method]
                    axes.plot(
                        [x for x, _ in points], [y for _, y in points], color=colour,
                        marker=marker, linestyle=line, label=f"{method}, psi {psi:g}",
                        markersize=5, linewidth=1.6,
                    )  # fmt: skip
            axes.set_xscale("log", base=2)
            numbers = sorted({row["clusters"] for row in rows})
            axes.set_xticks(numbers, [str(n) for n in numbers])
            axes.set(xlabel="clusters N", ylabel=words, title=_SPACES.get(space, space))
    _finish(figure, grid, path, title)


def _sheet(rows: int, columns: int) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDE * columns, _HIGH * rows + 0.9), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _finish(figure: Any, grid: Any, path: Path, title: str) -> None:
    for axes in grid.flat:
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 6))
    figure.suptitle(title)
    with fsio.atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI)


_COLUMNS = {
    "fid": "FID (lower is better)", "precision": "precision", "recall": "recall",
    "coverage": "coverage", "diversity": "LPIPS diversity",
}  # fmt: skip
_ORDER = ("raw", "random", "kept", "oracle")
_SETS = {
    "clean": ("#0072B2", "o", "clean photos"), "kept": ("#E69F00", "^", "kept photos"),
    "raw": ("#555555", "s", "raw photos"), "": ("#009E73", "D", "images alone"),
}  # fmt: skip
_ASIDE = {"clean": -0.22, "kept": 0.0, "raw": 0.22, "": 0.0}
_PANEL_WIDE, _PANEL_HIGH = 3.0, 2.9


def draw_dots(out: Path, found: Mapping[str, Any]) -> None:
    """Write OUT/distillation-FEATURES.png for each set of features.

    Args:
        out: the study's folder.
        found: what `study_distillation` gives.

    Raises:
        ImportError: matplotlib is not installed.
    """
    for features in found["features"]:
        rows = [row for row in found["rows"] if row["features"] in (features, DIVERSITY)]
        if rows:
            _draw_dots(out / f"distillation-{features}.png", features, rows, found)


def _draw_dots(path: Path, features: str, rows: Rows, found: Mapping[str, Any]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (_PANEL_WIDE * len(_COLUMNS), _PANEL_HIGH * len(DRAWS) + 0.8)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(DRAWS), len(_COLUMNS), squeeze=False)
    for line, draw in zip(grid, DRAWS, strict=True):
        for axes, (name, words) in zip(line, _COLUMNS.items(), strict=True):
            _dots_panel(axes, [r for r in rows if (r["draw"], r["figure"]) == (draw.name, name)])
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
        f"({features}, {found['pictures']} images, {seeds} seed{'s' if seeds > 1 else ''}: "
        "a dot each, the bar is their mean)"
    )
    with fsio.atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI)


def _dots_panel(axes: Any, rows: Rows) -> None:
    """One figure in one way of drawing; a thin line joins the trainings of one seed."""
    for photos, (colour, marker, words) in _SETS.items():
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


_COLOURS = "RdBu_r"
_CHANCE = 0.5
_CELL, _LINE = 0.62, 0.26  # inches


def draw_heat(path: Path, found: Mapping[str, Any]) -> None:
    """Rows are scores by overall AUROC, columns all outliers and each kind; the best is framed.

    Args:
        path: PNG.
        found: what `study_outliers` gives.

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


def draw_shares(path: Path, rows: Rows) -> None:
    """The share that the filter drops over the true share of outliers, and its outliers' part.

    Args:
        path: PNG.
        rows: `share`, `dropped`, `low`, `high` and `outliers_dropped` of every draw.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure, grid = _sheet(1, 2)
    left, right = grid[0]
    left.plot([0, 0.5], [0, 0.5], color="#888888", linewidth=0.8, label="the truth")
    for index, row in enumerate(rows):
        label = "dropped; line: sure to likely" if not index else None
        left.plot([row["share"]] * 2, [row["low"], row["high"]], color="#56B4E9", linewidth=2)
        left.plot(row["share"], row["dropped"], "o", color="#0072B2", markersize=5, label=label)
    left.set(xlabel="true share of outliers", ylabel="share of photos", title="how many")
    some = [row for row in rows if row["outliers_dropped"] is not None]
    for name, colour, marker in (("outliers", "#D55E00", "s"), ("ordinary", "#000000", "o")):
        right.plot(
            [row["share"] for row in some], [row[f"{name}_dropped"] for row in some], marker,
            color=colour, markersize=5, label=f"{name} photos" if name == "ordinary" else name,
        )  # fmt: skip
    right.set(xlabel="true share of outliers", ylabel="share dropped", title="which", ylim=(0, 1))
    right.legend(fontsize=7)
    _finish(figure, grid, path, "The filter by the share of outliers")


_DOSES = {
    "outliers": "outliers among images", "kid": "KID (lower is better)", "coverage": "coverage",
}  # fmt: skip
_BRANCHES = {
    "raw": ("#555555", "s"), "random": ("#E69F00", "v"), "kept": ("#0072B2", "o"),
    "oracle": ("#009E73", "D"),
}  # fmt: skip


def draw_doses(path: Path, found: Mapping[str, Any]) -> None:
    """Outliers among generated images, KID and coverage over the share of outliers trained on.

    Args:
        path: PNG.
        found: what the study of the dose gives; lines are standard errors over seeds.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure, grid = _sheet(1, len(_DOSES))
    shares = sorted({row["share"] for row in found["rows"]})
    for axes, (name, words) in zip(grid[0], _DOSES.items(), strict=True):
        for place, (branch, (colour, marker)) in enumerate(_BRANCHES.items()):
            rows = [r for r in found["rows"] if (r["branch"], r["figure"]) == (branch, name)]
            rows.sort(key=lambda row: row["share"])
            axes.errorbar(
                [row["share"] + 0.006 * (place - 1.5) for row in rows],
                [row["mean"] for row in rows], [row["error"] or 0.0 for row in rows],
                color=colour, marker=marker, label=branch, markersize=5, linewidth=1.4,
            )  # fmt: skip
        axes.set(xlabel="outliers among the photos of the trunk", ylabel=words, xticks=shares)
    counts = sorted({row["seeds"] for row in found["rows"]})
    seeds = " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    _finish(figure, grid, path, f"{found['features']}, {seeds} seeds, lines are standard errors")
