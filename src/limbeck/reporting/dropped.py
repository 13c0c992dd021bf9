"""Every dropped photo, findable by name: thumbnail, name, id, score, decision, reason in words."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from limbeck.artefacts.keep import KeepList
from limbeck.artefacts.scores import MODE, Scores
from limbeck.data import Dataset
from limbeck.reporting.charts import figure
from limbeck.reporting.embedded import Picture, single
from limbeck.reporting.filtering import keep_column
from limbeck.reporting.gallery import by_person
from limbeck.reporting.reasons import Grounds, Why, ground

THUMBNAILS = 2000
ROWS = 20_000
_LARGE, _SMALL, _MANY = 96, 64, 600
_CHUNK = 256
PERSON = "your own word"


@dataclass(frozen=True)
class Row:
    """One photo; `order` counts from the threshold on, `reason` is what it is filed under."""

    thumb: Picture | None
    source: str
    id: str
    score: str
    kept: bool
    decision: str
    reason: str
    more: str
    also: tuple[str, ...]
    mode: int | None
    order: int


@dataclass(frozen=True)
class Reason:
    """A reason with what it means and how many photos were dropped for it first of all."""

    words: str
    meaning: str
    column: str
    count: int


@dataclass(frozen=True)
class Dropped:
    """The list, the nearest to the threshold first; thumbnails for the first of them only."""

    rows: tuple[Row, ...]
    reasons: tuple[Reason, ...]
    total: int
    thumbs: int
    rescued: int

    @property
    def hidden(self) -> int:
        """Photos that are not in the list at all."""
        return self.total + self.rescued - len(self.rows)


def list_dropped(
    scores: Scores, keep: KeepList, grounds: Grounds, dataset: Dataset | None
) -> Dropped:
    """All dropped photos, and those that a person kept against the rule.

    The first `THUMBNAILS` have an image, the next up to `ROWS` names only.
    """
    values = scores.column(keep_column(scores, keep))
    chosen = [
        int(row)
        for row in np.argsort(values, kind="stable")
        if (photo := scores.ids[row]) in keep.kept
        and (not keep.kept[photo] or by_person(keep, photo))
    ]
    shown = chosen[:ROWS]
    ids = [scores.ids[row] for row in shown]
    names = {} if dataset is None else dict(zip(dataset.ids, dataset.infos, strict=True))
    thumbs = _thumbnails(dataset, ids[:THUMBNAILS])
    modes = scores.column(MODE) if MODE in scores.names else None
    rows = []
    for order, (row, photo) in enumerate(zip(shown, ids, strict=True)):
        info = names.get(photo)
        rows.append(
            _row(
                grounds.of(row), keep, photo, info.source if info else "", thumbs.get(photo),
                figure(float(values[row])), None if modes is None else int(modes[row]), order,
            )
        )  # fmt: skip
    gone = [scores.ids[row] for row in chosen if not keep.kept[scores.ids[row]]]
    reasons = _count(grounds, scores, keep, gone)
    return Dropped(tuple(rows), reasons, len(gone), len(thumbs), len(chosen) - len(gone))


def _row(
    why: Why, keep: KeepList, photo: str, source: str, thumb: Picture | None, score: str,
    mode: int | None, order: int,
) -> Row:  # fmt: skip
    kept = keep.kept[photo]
    decision = "kept" if kept else "dropped"
    if not by_person(keep, photo):
        return Row(
            thumb, source, photo, score, kept, decision, why.words, why.more, why.also, mode, order
        )
    said = keep.reasons[photo].removeprefix("person").removeprefix(": ")
    also = (said,) if said else ()
    return Row(thumb, source, photo, score, kept, decision, PERSON, "", also, mode, order)


def _count(grounds: Grounds, scores: Scores, keep: KeepList, gone: list[str]) -> tuple[Reason, ...]:
    """Reasons with their counts, which add up to all dropped photos; the most frequent first."""
    columns = Counter(
        "" if by_person(keep, photo) else grounds.of(scores.row_of[photo]).column for photo in gone
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for column, count in columns.items():
        found.setdefault(ground(column).words if column else PERSON, []).append((column, count))
    reasons = [
        Reason(
            words,
            ground(parts[0][0]).meaning if parts[0][0] else "A line in overrides.csv.",
            ", ".join(column for column, _ in parts if column),
            sum(count for _, count in parts),
        )
        for words, parts in found.items()
    ]
    return tuple(sorted(reasons, key=lambda reason: -reason.count))


def _thumbnails(dataset: Dataset | None, photos: list[str]) -> dict[str, Picture]:
    if dataset is None:
        return {}
    places = {photo: place for place, photo in enumerate(dataset.ids)}
    there = [photo for photo in photos if photo in places]
    side = min(_LARGE if len(there) <= _MANY else _SMALL, dataset.size)
    view = dataset.at(side, resident=False)
    found = {}
    for start in range(0, len(there), _CHUNK):
        part = there[start : start + _CHUNK]
        pixels = view[np.array([places[photo] for photo in part], dtype=np.int64)]
        for photo, image in zip(part, pixels, strict=True):
            name = dataset.infos[places[photo]].source
            found[photo] = single(image, f"photo {name}", at_most=side)
    return found
