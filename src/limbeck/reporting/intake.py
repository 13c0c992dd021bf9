"""What came in, what was turned away and why, what was dropped: counts that add up."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limbeck.artefacts.keep import KeepList
from limbeck.records import ImageInfo, Status

TABLE_ROWS = 200

REASONS = {
    "not_an_image": "not an image",
    "unsupported_format": "format not supported",
    "corrupt": "damaged file",
    "too_small": "too small",
    "too_large": "too large",
    "not_square": "not square, and nothing is cropped",
    "bad_box": "smaller than the box to keep",
    "duplicate": "exact copy of another file",
    "near_duplicate": "near copy of another file",
    "opted_out": "opted out",
    "unreadable": "could not be read",
    "not_fetched": "could not be fetched",
}


@dataclass(frozen=True)
class Share:
    """One part of a whole: words, count, percent, CSS class."""

    text: str
    count: int
    percent: float
    kind: str


@dataclass(frozen=True)
class Turned:
    """One file that is not in the dataset."""

    source: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Intake:
    """The accounting of every listed file, in its final place."""

    listed: int
    accepted: int
    turned_away: int
    kept: int | None
    dropped: int
    shares: tuple[Share, ...]
    adds_up: bool
    turned: tuple[Turned, ...]
    hidden: int


def _words(reason: str) -> str:
    return REASONS.get(reason, reason.replace("_", " ") or "no reason given")


def take_in(files: Sequence[ImageInfo], keep: KeepList | None) -> Intake:
    """Account for every listed file: kept, dropped, or turned away by reason."""
    listed = len(files)
    accepted = [f for f in files if f.status is Status.ACCEPTED]
    away = [f for f in files if f.status is not Status.ACCEPTED]
    parts: list[tuple[str, int, str]] = []
    kept = None
    dropped = 0
    if keep is None:
        parts.append(("accepted, not yet filtered", len(accepted), "kept"))
    else:
        kept = sum(keep.kept.get(str(f.id), False) for f in accepted)
        dropped = sum(not keep.kept[str(f.id)] for f in accepted if f.id in keep.kept)
        parts += [("kept", kept, "kept"), ("dropped by the filter", dropped, "dropped")]
        parts.append(("accepted, not scored", len(accepted) - kept - dropped, "other"))
    by_reason = Counter(f.reason.value or f.status.value for f in away)
    parts += [(_words(reason), n, "away") for reason, n in by_reason.most_common()]
    shares = tuple(
        Share(text, count, 100 * count / max(listed, 1), kind)
        for text, count, kind in parts
        if count
    )
    names = {str(f.id): f.source for f in files if f.id is not None}
    shown = sorted(away, key=lambda f: (f.reason.value, f.source))[:TABLE_ROWS]
    turned = tuple(
        Turned(f.source, _words(f.reason.value or f.status.value), _detail(f, names)) for f in shown
    )
    return Intake(
        listed, len(accepted), len(away), kept, dropped, shares,
        sum(s.count for s in shares) == listed, turned, len(away) - len(turned),
    )  # fmt: skip


def _detail(file: ImageInfo, names: Mapping[str, str]) -> str:
    if file.duplicate_of:
        return f"same as {names.get(file.duplicate_of, file.duplicate_of)}"
    return file.detail
