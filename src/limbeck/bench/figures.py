"""The truncation study as pictures: figures over precision, and the effect of N.

matplotlib is needed here alone and imported here alone. Colours are Okabe and Ito's, which people
with any colour vision tell apart; markers differ too.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck import fsio

Rows = Sequence[Mapping[str, Any]]
METRICS = {"recall": "recall", "coverage": "coverage", "diversity": "LPIPS diversity"}
_LOOK = {
    "global": ("#000000", "o", "-"),
    "multimodal-lpips": ("#D55E00", "s", "-"),
    "multimodal-l2": ("#0072B2", "^", "-"),
    "multimodal-soft": ("#009E73", "D", "-"),
    "multimodal-map": ("#CC79A7", "v", "--"),
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
