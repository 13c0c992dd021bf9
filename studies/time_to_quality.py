"""Quality over seconds of training: curves, where they cross, and their image.

A row holds `contestant`, `seed`, `features`, `seconds`, `kid`, `fid`, `recall` and `coverage`.
matplotlib is imported here alone.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck import fsio

_LOOK = {
    "preset": ("#0072B2", "o"), "stylegan2": ("#E69F00", "s"), "textbook": ("#555555", "^"),
    "tuned": ("#009E73", "D"),
}  # fmt: skip
_FIGURES = {"kid": "KID", "fid": "FID", "recall": "recall", "coverage": "coverage"}
_WIDE, _HIGH, _DPI = 3.4, 2.9, 150


def draw_curves(path: Path, found: Mapping[str, Any]) -> None:
    """A column a figure, a row a set of features: a thin line a seed, a thick one their mean.

    Args:
        path: PNG.
        found: what `study_quality` gives.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    names = found["features"]
    figure = Figure(figsize=(_WIDE * len(_FIGURES), _HIGH * len(names) + 0.8), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(names), len(_FIGURES), squeeze=False)
    for line, features in zip(grid, names, strict=True):
        for axes, (key, words) in zip(line, _FIGURES.items(), strict=True):
            for name, (colour, marker) in _LOOK.items():
                rows = [
                    row for row in found["rows"]
                    if (row["contestant"], row["features"]) == (name, features)
                ]  # fmt: skip
                for seed in dict.fromkeys(row["seed"] for row in rows):
                    mine = [row for row in rows if row["seed"] == seed]
                    axes.plot(
                        [row["seconds"] for row in mine], [row[key] for row in mine],
                        color=colour, linewidth=0.6, alpha=0.5,
                    )  # fmt: skip
                mean = curve(rows, name, features, key)
                if mean:
                    axes.plot(
                        *zip(*mean, strict=True), color=colour, marker=marker, markersize=4,
                        label=name,
                    )  # fmt: skip
            axes.set_xscale("log")
            if key in ("kid", "fid"):
                axes.set_yscale("log")
            for axis in (axes.xaxis, axes.yaxis):
                if axis.get_scale() == "log":
                    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                    axis.set_minor_formatter(lambda *_: "")
                axis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.set_title(f"{words}, {features}", fontsize=10)
            axes.set_xlabel("seconds of training")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=max(len(labels), 1))
    figure.suptitle(
        f"{found['size']} px, {found['trained_on']} photos, {found['pictures']} images against "
        f"photos held out; {found['machine']['cpu']}",
        fontsize=10,
    )
    with fsio.atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI)


def reached(
    rows: Sequence[Mapping[str, Any]], reference: str = "stylegan2"
) -> list[dict[str, Any]]:
    """Seconds until each contestant's KID is the reference's last one, by features.

    Between snapshots log KID is linear in log seconds; seeds are averaged first (log KID). `ratio`
    is to the reference's own seconds. `seconds` and `ratio` are None where it is not reached.
    """
    found: list[dict[str, Any]] = []
    for features in dict.fromkeys(row["features"] for row in rows):
        curves = {
            name: curve(rows, name, features)
            for name in dict.fromkeys(row["contestant"] for row in rows)
        }
        if not curves.get(reference):
            continue
        end, goal = curves[reference][-1]
        for name, line in curves.items():
            at = end if name == reference else crossing(line, goal)
            found.append(
                {"features": features, "contestant": name, "kid": goal, "seconds": at,
                 "ratio": None if at is None else end / at}
            )  # fmt: skip
    return found


def curve(
    rows: Sequence[Mapping[str, Any]], name: str, features: str, figure: str = "kid"
) -> list[tuple[float, float]]:
    """(seconds, figure) of a contestant, its seeds averaged snapshot by snapshot.

    KID and FID are averaged as logarithms, like their axes; what is not positive counts as 1e-4.
    """
    seeds: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        if (row["contestant"], row["features"]) == (name, features):
            seeds.setdefault(row["seed"], []).append(row)
    each = [sorted(found, key=lambda row: float(row["seconds"])) for found in seeds.values()]
    return list(_means(each, figure)) if each else []


def _means(
    each: Sequence[Sequence[Mapping[str, Any]]], figure: str
) -> Iterator[tuple[float, float]]:
    logarithm = figure in ("kid", "fid")
    # A seed with fewer snapshots than another ends the mean where it ends.
    for found in zip(*each, strict=False):
        seconds = sum(float(row["seconds"]) for row in found) / len(found)
        values = [float(row[figure]) for row in found]
        if logarithm:
            mean = math.exp(sum(math.log(max(v, 1e-4)) for v in values) / len(values))
        else:
            mean = sum(values) / len(values)
        yield seconds, mean


def crossing(line: Sequence[tuple[float, float]], goal: float) -> float | None:
    """Seconds at which a falling curve first is at `goal` or below; None where it never is."""
    before: tuple[float, float] | None = None
    for seconds, value in line:
        if value <= goal:
            if before is None or before[1] <= value:
                return seconds
            share = math.log(before[1] / goal) / math.log(before[1] / max(value, 1e-9))
            return float(before[0] * (seconds / before[0]) ** share)
        before = (seconds, value)
    return None
