"""Photos as cards with name, id, score and reason: at the threshold, outliers, typical."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from limbeck.artefacts.keep import KeepList
from limbeck.artefacts.labels import TruthRow
from limbeck.artefacts.scores import Scores
from limbeck.data import Dataset
from limbeck.kit.rng import derive_seed
from limbeck.reporting.charts import figure
from limbeck.reporting.embedded import Picture, single
from limbeck.reporting.filtering import keep_column
from limbeck.reporting.reasons import Grounds

EDGE = 50
ODDEST = 24
TYPICAL = 12
GLIMPSE = 12
_PHOTO = 192
_SMALL = 96

Reconstruct = Callable[[Tensor], Tensor]
"""uint8 [N, 3, S, S] photos -> uint8 reconstructions of the same shape, S the network's size."""


@dataclass(frozen=True)
class Card:
    """One photo; `again` is what the generator makes of it, `kept` None where no filter ran."""

    photo: Picture
    again: Picture | None
    source: str
    id: str
    score: str
    kept: bool | None
    why: str
    odd: str


@dataclass(frozen=True)
class Strip:
    """Cards with a heading."""

    title: str
    note: str
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Strips:
    """The two sides of the threshold (empty without one), and the two ends of the scores."""

    last_kept: Strip
    first_dropped: Strip
    ends: tuple[Strip, ...]


def by_person(keep: KeepList, photo: str) -> bool:
    """Whether a person decided about this photo (overrides.csv)."""
    return keep.reasons.get(photo, "").startswith("person")


@dataclass(frozen=True)
class Gallery:
    """Cuts cards out of a dataset.

    Attributes:
        dataset: accepted photos.
        size: the network's side, pixels.
        grounds: why photos are odd; there wherever scores are.
        reconstruct: draws G(E(x)); None when the run has no encoder.
    """

    dataset: Dataset
    size: int
    scores: Scores | None
    keep: KeepList | None
    grounds: Grounds | None
    labels: Mapping[str, TruthRow]
    reconstruct: Reconstruct | None

    def strips(self) -> Strips:
        """The last kept and the first dropped, those nearest the threshold first; the ends.

        Raises:
            ValueError: the photos have no scores.
        """
        ranked = self._ranked()
        kept, dropped = self._sides(ranked)
        sides = (
            Strip(
                f"The last {len(kept)} kept",
                "The nearest to the threshold first. Does one of them not belong? Drop it.",
                self.cards(kept, redraw=True),
            ),
            Strip(
                f"The first {len(dropped)} dropped",
                "The nearest to the threshold first. Is one of them a good photo? Keep it.",
                self.cards(dropped, redraw=True),
            ),
        )
        ends = (
            Strip("Likeliest outliers", "The highest scores.", self.cards(ranked[::-1][:ODDEST])),
            Strip("The most typical", "What most photos are like.", self.cards(ranked[:TYPICAL])),
        )
        return Strips(*sides, ends)

    def glimpses(self) -> tuple[Strip, ...]:
        """Photos chosen at random (the same draw on any day): kept and dropped, or just some."""
        random = np.random.default_rng(derive_seed(0, "report mosaics"))

        def some(title: str, photos: Sequence[str]) -> Strip:
            picks = np.sort(random.permutation(len(photos))[:GLIMPSE])
            cards = self.cards([photos[i] for i in picks], side=_SMALL)
            return Strip(title, "Chosen at random.", cards)

        keep = self.keep
        if keep is None:
            return (some("Accepted", self.dataset.ids),)
        sides = [
            ("Kept", [p for p in self.dataset.ids if keep.kept.get(p) is True]),
            ("Dropped", [p for p in self.dataset.ids if keep.kept.get(p) is False]),
        ]
        return tuple(some(title, photos) for title, photos in sides if photos)

    def cards(
        self, photos: Sequence[str], *, redraw: bool = False, side: int = _PHOTO
    ) -> tuple[Card, ...]:
        """Cards of photos by id, in that order; `redraw` adds reconstructions."""
        if not photos:
            return ()
        places = self._places()
        rows = np.array([places[photo] for photo in photos], dtype=np.int64)
        pixels = self.dataset.at(min(side, self.dataset.size), resident=False)[rows]
        again: list[Tensor | None] = [None] * len(rows)
        if redraw and self.reconstruct is not None:
            again = list(self.reconstruct(self.dataset.at(self.size, resident=False)[rows]))
        return tuple(
            self._card(photo, self.dataset.infos[row].source, *pictures)
            for photo, row, *pictures in zip(photos, rows, pixels, again, strict=True)
        )

    def _places(self) -> dict[str, int]:
        return {photo: place for place, photo in enumerate(self.dataset.ids)}

    def _ranked(self) -> list[str]:
        """Scored photos of the dataset, the least odd first."""
        if self.scores is None:
            raise ValueError("the photos have no scores")
        there = set(self.dataset.ids)
        values = self.scores.column(keep_column(self.scores, self.keep))
        order = np.argsort(values, kind="stable")
        return [self.scores.ids[row] for row in order if self.scores.ids[row] in there]

    def _sides(self, ranked: Sequence[str]) -> tuple[list[str], list[str]]:
        """What the rule (no person) kept and dropped, nearest to the threshold first."""
        keep = self.keep
        if keep is None:
            return [], []
        ruled = [photo for photo in ranked if photo in keep.kept and not by_person(keep, photo)]
        kept = [photo for photo in reversed(ruled) if keep.kept[photo]]
        dropped = [photo for photo in ruled if not keep.kept[photo]]
        return kept[:EDGE], dropped[:EDGE]

    def _card(self, photo: str, source: str, pixels: Tensor, again: Tensor | None) -> Card:
        label = self.labels.get(photo)
        score, why = self._judged(photo)
        return Card(
            single(pixels, f"photo {source}", at_most=_PHOTO),
            None if again is None else single(again, f"reconstruction of {source}"),
            source,
            photo,
            score,
            self.keep.kept.get(photo) if self.keep else None,
            why,
            (label.kind or "outlier") if label and label.is_outlier else "",
        )

    def _judged(self, photo: str) -> tuple[str, str]:
        """Score and reason in words, empty where there are none."""
        if self.scores is None or photo not in self.scores.row_of:
            return "", ""
        row, column = self.scores.row_of[photo], keep_column(self.scores, self.keep)
        score = figure(float(self.scores.column(column)[row]))
        if self.keep is None or self.keep.kept.get(photo) is not False:
            return score, ""
        if by_person(self.keep, photo):
            return score, "your own word"
        return score, self.grounds.of(row).words if self.grounds else ""
