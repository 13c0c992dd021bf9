"""Figures of several seeds: means with their spread, and differences paired by seed."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Row = dict[str, Any]
FIGURES = ("fid", "kid", "precision", "recall", "density", "coverage", "diversity")


class Figure(NamedTuple):
    """One number of one generator: `features` of pictures drawn as `draw` says against `photos`."""

    features: str
    draw: str
    photos: str
    figure: str
    variant: str
    seed: int
    value: float


def figures_of(seed: int, variant: str, rows: Iterable[Mapping[str, Any]]) -> list[Figure]:
    """All figures in the rows of one generator."""
    return [
        Figure(row["features"], row["draw"], row["photos"], name, variant, seed, float(row[name]))
        for row in rows
        for name in FIGURES
        if name in row
    ]


def over_seeds(figures: Iterable[Figure]) -> list[Row]:
    """Mean over seeds; `spread` is the standard deviation, null for one seed."""
    groups: dict[tuple[str, ...], dict[int, float]] = {}
    for one in figures:
        key = (one.features, one.draw, one.photos, one.figure, one.variant)
        groups.setdefault(key, {})[one.seed] = one.value
    return [_row(key, values) for key, values in groups.items()]


def differences(figures: Sequence[Figure], base: str = "raw") -> list[Row]:
    """Each variant minus `base` within a seed, then mean and spread over the seeds with both.

    What a seed does to both (the order of photos, the first weights) drops out.
    """
    ground = {(*one[:4], one.seed): one.value for one in figures if one.variant == base}
    paired = [
        one._replace(value=one.value - ground[*one[:4], one.seed])
        for one in figures
        if one.variant != base and (*one[:4], one.seed) in ground
    ]
    return [{**row, "minus": base} for row in over_seeds(paired)]


def _row(key: tuple[str, ...], values: Mapping[int, float]) -> Row:
    features, draw, photos, figure, variant = key
    return {
        "features": features, "draw": draw, "photos": photos, "figure": figure, "variant": variant,
        "mean": statistics.fmean(values.values()),
        "spread": statistics.stdev(values.values()) if len(values) > 1 else None,
        "seeds": {str(seed): value for seed, value in sorted(values.items())},
    }  # fmt: skip
