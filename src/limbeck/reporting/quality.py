"""What photos are flagged for, with the worst of each, and which photos were taken for copies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from limbeck.data import LIMITS, copy_groups, shown_groups
from limbeck.records import Flag, ImageInfo
from limbeck.reporting.gallery import Gallery, Strip

EXAMPLES = 8
_SIDE = 96
_NAMES = 5


@dataclass(frozen=True)
class Flagged:
    """One flag: what it says, how many photos carry it, and the worst of them."""

    word: str
    meaning: str
    column: str
    below: float
    count: int
    percent: float
    worst: Strip


@dataclass(frozen=True)
class Checks:
    """The flags that occur, the most frequent first; `scored` and `flagged` count photos."""

    scored: int
    flagged: int
    flags: tuple[Flagged, ...]


@dataclass(frozen=True)
class Group:
    """A kept photo and what was left out as a copy of it; `more` of these are not named."""

    number: int
    kept: str
    left_out: tuple[str, ...]
    more: int


@dataclass(frozen=True)
class Copies:
    """Groups of copies to the eye, numbered as in copies.jpg; `hidden` groups are not shown."""

    groups: tuple[Group, ...]
    hidden: int


def show_flags(gallery: Gallery) -> Checks:
    """Count flags among accepted photos, and cut out the worst; empty where none was scored, as in
    datasets of earlier versions."""
    scored = [info for info in gallery.dataset.infos if info.quality is not None]
    flags = [_flagged(flag, scored, gallery) for flag in Flag]
    ranked = sorted((one for one in flags if one.count), key=lambda one: -one.count)
    return Checks(len(scored), sum(bool(info.flags) for info in scored), tuple(ranked))


def _flagged(flag: Flag, scored: Sequence[ImageInfo], gallery: Gallery) -> Flagged:
    limit = LIMITS[flag]
    found = sorted(
        (float(getattr(info.quality, flag)), str(info.id)) for info in scored if flag in info.flags
    )
    worst = found[:EXAMPLES]
    cards = gallery.cards([photo for _, photo in worst], side=_SIDE)
    told = tuple(
        replace(card, score=f"{score:.2f}") for card, (score, _) in zip(cards, worst, strict=True)
    )
    note = f"The worst first, with the score; below {limit.below:g} is flagged."
    return Flagged(
        limit.word, limit.meaning, f"q_{flag}", limit.below, len(found),
        100 * len(found) / max(len(scored), 1),
        Strip(limit.word.capitalize(), note, told),
    )  # fmt: skip


def show_copies(files: Sequence[ImageInfo]) -> Copies:
    """The groups that copies.jpg shows, by name."""
    shown = shown_groups(files)
    groups = tuple(
        Group(
            number, group.kept.source, tuple(info.source for info in group.left_out[:_NAMES]),
            max(len(group.left_out) - _NAMES, 0),
        )
        for number, group in enumerate(shown, 1)
    )  # fmt: skip
    return Copies(groups, len(copy_groups(files)) - len(shown))
