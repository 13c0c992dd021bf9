"""The filter made visible: histograms with the threshold, strips of worst, threshold and best."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from limbeck.data import Dataset
from limbeck.reporting.artefacts import KeepTable, ScoreTable
from limbeck.reporting.charts import Chart, histogram, number
from limbeck.reporting.pictures import Picture, single
from limbeck.truth import TruthRow

STRIP = 12
_EDGE = (
    "Where a mistake is most likely. If good photos are dropped here, raise the kept share; "
    "if odd ones are kept, lower it."
)
_PHOTO = 112

Reconstruct = Callable[[Tensor], Tensor]
"""uint8 [N, 3, S, S] photos -> uint8 reconstructions of the same shape, S the network's size."""


@dataclass(frozen=True)
class Card:
    """One photo beside its reconstruction."""

    photo: Picture
    again: Picture | None
    source: str
    score: str
    kept: bool | None
    reason: str
    odd: str


@dataclass(frozen=True)
class Strip:
    """A row of cards with a heading."""

    title: str
    note: str
    cards: tuple[Card, ...]


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
    chart: Chart
    split: bool
    columns: tuple[SmallHistogram, ...]


def keep_column(scores: ScoreTable, keep: KeepTable | None) -> str:
    """The column that the keep rule reads, else `recommended`, else the first one."""
    named = str(keep.summary.get("column", "")) if keep else ""
    for name in (named, "recommended", *score_names(scores)):
        if name in scores.columns:
            return name
    raise ValueError("scores.parquet has no score column")


def score_names(scores: ScoreTable) -> list[str]:
    """Columns that are scores: covariates (`x_...`) left out."""
    return [name for name in scores.columns if not name.startswith("x_")]


def threshold_of(keep: KeepTable | None) -> float | None:
    """The largest kept score, when a keep rule has run."""
    value = keep.summary.get("threshold") if keep else None
    return float(value) if isinstance(value, int | float) else None


def show_filter(
    scores: ScoreTable, keep: KeepTable | None, labels: Mapping[str, TruthRow]
) -> Filtering:
    """Histograms; with labels the bars are split into ordinary photos and outliers."""
    column, threshold = keep_column(scores, keep), threshold_of(keep)
    known = np.array([i in labels for i in scores.ids], dtype=bool)
    odd = np.array([i in labels and labels[i].is_outlier for i in scores.ids], dtype=bool)

    def chart(name: str, *, bins: int, ticks: int, limit: float | None) -> Chart:
        values = scores.columns[name]
        groups = [("bar", values[~odd]), ("bar odd", values[odd])] if known.any() else []
        if not groups and limit is not None:
            groups = [("bar", values[values <= limit]), ("bar out", values[values > limit])]
        return histogram(name, values, groups=groups, threshold=limit, bins=bins, ticks=ticks)

    small = tuple(
        SmallHistogram(
            chart(name, bins=28, ticks=3, limit=threshold if name == column else None),
            scores.formulas.get(name, ""),
            name == column,
        )
        for name in sorted(score_names(scores), key=lambda n: n != column)
    )
    summary = keep.summary if keep else {}
    return Filtering(
        column=column,
        rule=str(summary.get("rule", "")),
        threshold="" if threshold is None else number(threshold),
        overridden=int(summary.get("overridden", 0) or 0),
        warnings=tuple(str(w) for w in summary.get("warnings", [])),
        chart=chart(column, bins=56, ticks=6, limit=threshold),
        split=bool(known.any()),
        columns=small,
    )


@dataclass(frozen=True)
class Stripper:
    """Cuts strips out of a scored dataset.

    Attributes:
        dataset: accepted photos.
        size: the network's side, pixels.
        reconstruct: draws G(E(x)); None when the run has no encoder.
    """

    dataset: Dataset
    size: int
    scores: ScoreTable
    keep: KeepTable | None
    labels: Mapping[str, TruthRow]
    reconstruct: Reconstruct | None

    def strips(self) -> tuple[Strip, ...]:
        """Worst, at the threshold (the last kept and the first dropped), best."""
        ids = self.scores.ids
        values = self.scores.columns[keep_column(self.scores, self.keep)]
        places = {photo: place for place, photo in enumerate(self.dataset.ids)}
        present = np.array([i for i, photo in enumerate(ids) if photo in places], dtype=np.int64)
        ranked = present[np.argsort(values[present], kind="stable")]
        threshold = threshold_of(self.keep)
        cut = len(ranked) if threshold is None else int((values[ranked] <= threshold).sum())
        half = STRIP // 2
        edge = ranked[max(0, cut - half) : cut + half] if 0 < cut < len(ranked) else ranked[:0]
        picks = (
            ("Worst: the oddest photos", "What the filter is for.", ranked[::-1][:STRIP]),
            ("At the threshold: the last kept, the first dropped", _EDGE, edge),
            ("Best: the most typical photos", "What the generator knows well.", ranked[:STRIP]),
        )
        return tuple(
            Strip(title, note, self._cards(rows, np.array([places[ids[i]] for i in rows])))
            for title, note, rows in picks
            if len(rows)
        )

    def _cards(self, rows: NDArray[np.int64], places: NDArray[np.int64]) -> tuple[Card, ...]:
        """`rows` of the score table and `places` of the same photos in the dataset."""
        photos = self.dataset.at(min(_PHOTO, self.dataset.size), resident=False)[places]
        again: list[Tensor | None] = [None] * len(rows)
        if self.reconstruct is not None:
            again = list(self.reconstruct(self.dataset.at(self.size, resident=False)[places]))
        column = keep_column(self.scores, self.keep)
        return tuple(
            self._card(
                self.scores.ids[row],
                self.dataset.infos[place].source,
                number(float(self.scores.columns[column][row])),
                photo,
                image,
            )
            for row, place, photo, image in zip(rows, places, photos, again, strict=True)
        )

    def _card(
        self, photo: str, source: str, score: str, picture: Tensor, again: Tensor | None
    ) -> Card:
        label = self.labels.get(photo)
        return Card(
            single(picture, f"photo {source}", at_most=_PHOTO),
            None if again is None else single(again, f"reconstruction of {source}"),
            source,
            score,
            self.keep.kept.get(photo) if self.keep else None,
            self.keep.reasons.get(photo, "") if self.keep else "",
            (label.kind or "outlier") if label and label.is_outlier else "",
        )
