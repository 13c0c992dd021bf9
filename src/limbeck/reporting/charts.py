"""Charts as plain numbers: positions in percent of the plot, drawn as inline SVG by the template.

Percentages let the image stretch with the page while its words stay readable HTML.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limbeck.kit.tables import Column

_REACH = 6.0


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: position in percent and its words."""

    at: float
    text: str


@dataclass(frozen=True)
class Bar:
    """One bar in percent; `kind` is a CSS class."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True)
class Line:
    """A curve: SVG points in percent, and its CSS class."""

    points: str
    kind: str


@dataclass(frozen=True)
class Chart:
    """What the template draws; `summary` is the words for those who do not see it."""

    title: str
    summary: str
    bars: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()
    x_ticks: tuple[Tick, ...] = ()
    y_ticks: tuple[Tick, ...] = ()
    marker: Tick | None = None
    note: str = ""


def number(value: float) -> str:
    """`0.04213` -> `0.0421`, `12345.6` -> `12,346`."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.3g}"


def figure(value: float) -> str:
    """`14.8` -> `14.80`: one digit more than `number`, for values that lie close together."""
    return f"{value:#.4g}" if 1e-3 <= abs(value) < 1000 else number(value)


def _nice_ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers within [low, high], about `count` of them."""
    span = high - low
    if span < sys.float_info.min * 1e6 or not math.isfinite(span):  # smaller steps underflow
        return [low]
    raw = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999), raw)
    first = math.ceil(low / step - 1e-9)
    ticks = [first * step + i * step for i in range(int(span / step) + 2)]
    return [0.0 if abs(t) < step * 1e-9 else t for t in ticks if t <= high + step * 1e-9]


def _axis(low: float, high: float, count: int) -> tuple[Tick, ...]:
    span = high - low or 1.0
    return tuple(
        Tick(round(100 * (t - low) / span, 2), number(float(f"{t:.10g}")))
        for t in _nice_ticks(low, high, count)
    )


def histogram(
    title: str,
    values: Column,
    *,
    groups: Sequence[tuple[str, Column]] = (),
    threshold: float | None = None,
    bins: int = 48,
    ticks: int = 6,
) -> Chart:
    """A histogram of `values` [N]; bars are stacked by `groups` of (CSS class, values) if given.

    The axis runs from the 0.5th to the 99.5th percentile, at most six quartile ranges beyond the
    quartiles, and holds the threshold; what lies beyond is counted in the outermost bars.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Chart(title, f"{title}: no finite values")
    low, q1, q3, high = (float(v) for v in np.quantile(finite, (0.005, 0.25, 0.75, 0.995)))
    low, high = max(low, q1 - _REACH * (q3 - q1)), min(high, q3 + _REACH * (q3 - q1))
    if threshold is not None and math.isfinite(threshold):
        low, high = min(low, threshold), max(high, threshold)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    stacks = [
        (kind, np.histogram(np.clip(part[np.isfinite(part)], low, high), edges)[0])
        for kind, part in (groups or (("bar", finite),))
    ]
    top = float(max(np.sum([counts for _, counts in stacks], axis=0).max(), 1))
    bars: list[Bar] = []
    base = np.zeros(bins)
    width = 100 / bins
    for kind, counts in stacks:
        for index in np.flatnonzero(counts):
            tall, under = 100 * counts[index] / top, 100 * base[index] / top
            bars.append(
                Bar(
                    round(index * width + 0.06 * width, 3),
                    round(100 - under - tall, 2),
                    round(width * 0.88, 3),
                    round(tall, 2),
                    kind,
                )
            )
        base = base + counts
    marker = None
    if threshold is not None and math.isfinite(threshold):
        marker = Tick(100 * (threshold - low) / (high - low), number(threshold))
    summary = (
        f"Histogram of {title}: {finite.size:,} values, median {number(float(np.median(finite)))}, "
        f"from {number(float(finite.min()))} to {number(float(finite.max()))}"
    )
    summary += f", threshold {number(threshold)}." if marker and threshold is not None else "."
    return Chart(title, summary, tuple(bars), (), _axis(low, high, ticks), _axis(0, top, 3), marker)


def curves(
    title: str, series: Sequence[tuple[str, Sequence[float], Sequence[float]]], *, note: str = ""
) -> Chart:
    """Curves of (CSS class, x, y) on common axes; at most 200 points each."""
    kept = [(k, np.asarray(x, float), np.asarray(y, float)) for k, x, y in series if len(x)]
    ys = np.concatenate([y[np.isfinite(y)] for _, _, y in kept]) if kept else np.zeros(0)
    if ys.size == 0:
        return Chart(title, f"{title}: nothing recorded")
    low, high = float(ys.min()), float(ys.max())
    if high - low < 1e-9 * max(abs(high), 1e-3):
        low, high = low - 0.5 * max(abs(low), 1e-3), high + 0.5 * max(abs(high), 1e-3)
    pad = 0.06 * (high - low)
    low, high = low - pad if low < 0 or low > pad else 0.0, high + pad
    right = max(float(x.max()) for _, x, _ in kept) or 1.0
    lines = []
    for kind, x, y in kept:
        pick = np.unique(np.linspace(0, len(x) - 1, min(len(x), 200)).astype(int))
        points = " ".join(
            f"{100 * x[i] / right:.2f},{100 - 100 * (y[i] - low) / (high - low):.2f}"
            for i in pick
            if np.isfinite(y[i])
        )
        lines.append(Line(points, kind))
    ends = ", ".join(f"{k} ends at {number(float(y[-1]))}" for k, _, y in kept)
    return Chart(
        title, f"{title} over thousands of images: {ends}.", (), tuple(lines),
        _axis(0, right, 4), _axis(low, high, 3), None, note,
    )  # fmt: skip
