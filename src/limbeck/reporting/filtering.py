"""The filter made visible: histograms of the scores with the threshold."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from limbeck.artefacts.keep import KeepList, found_outliers
from limbeck.artefacts.labels import TruthRow
from limbeck.artefacts.scores import Scores
from limbeck.reporting.charts import Chart, histogram, number


@dataclass(frozen=True)
class SmallHistogram:
    """One score column: its chart and its formula."""

    chart: Chart
    formula: str
    used: bool


@dataclass(frozen=True)
class Filtering:
    """Everything the filter section shows."""

    column: str
    rule: str
    threshold: str
    overridden: int
    warnings: tuple[str, ...]
    found: str
    chart: Chart
    split: bool
    columns: tuple[SmallHistogram, ...]


def keep_column(scores: Scores, keep: KeepList | None) -> str:
    """The column that the keep rule reads, else `recommended`, else the first one."""
    named = keep.summary.column if keep else ""
    for name in (named, "recommended", *score_names(scores)):
        if name in scores.names:
            return name
    raise ValueError("scores.parquet has no score column")


def score_names(scores: Scores) -> list[str]:
    """Columns that are scores: covariates (`x_...`) left out."""
    return [name for name in scores.names if not name.startswith("x_")]


def threshold_of(keep: KeepList | None) -> float | None:
    """The largest kept score, when a keep rule has run."""
    return keep.summary.threshold if keep else None


def show_filter(scores: Scores, keep: KeepList | None, labels: Mapping[str, TruthRow]) -> Filtering:
    """Histograms; with labels the bars are split into ordinary photos and outliers."""
    column, threshold = keep_column(scores, keep), threshold_of(keep)
    known = np.array([i in labels for i in scores.ids], dtype=bool)
    odd = np.array([i in labels and labels[i].is_outlier for i in scores.ids], dtype=bool)

    def chart(name: str, *, bins: int, ticks: int, limit: float | None) -> Chart:
        values = scores.column(name)
        groups = [("bar", values[~odd]), ("bar odd", values[odd])] if known.any() else []
        if not groups and limit is not None:
            groups = [("bar", values[values <= limit]), ("bar out", values[values > limit])]
        return histogram(name, values, groups=groups, threshold=limit, bins=bins, ticks=ticks)

    small = tuple(
        SmallHistogram(
            chart(name, bins=28, ticks=3, limit=threshold if name == column else None),
            scores.summary.columns.get(name, ""),
            name == column,
        )
        for name in sorted(score_names(scores), key=lambda n: n != column)
    )
    summary = keep.summary if keep else None
    return Filtering(
        column=column,
        rule=summary.rule if summary else "",
        threshold="" if threshold is None else number(threshold),
        overridden=summary.overridden if summary else 0,
        warnings=tuple(summary.warnings) if summary else (),
        found=found_outliers(summary.outliers, summary.listed)
        if summary and summary.outliers
        else "",
        chart=chart(column, bins=56, ticks=6, limit=threshold),
        split=bool(known.any()),
        columns=small,
    )
