"""What ingestion left out, in a few lines for the person who gave the photos."""

from collections import Counter
from collections.abc import Iterable, Sequence

from limbeck import logs
from limbeck.decoding import ARCHIVE, HEIC
from limbeck.records import ImageInfo, IngestSummary, Reason, Status

_NAMED = 3
_WORDS = {
    Reason.NOT_AN_IMAGE: "no image",
    Reason.UNSUPPORTED: "in a format that is not read",
    Reason.CORRUPT: "damaged",
    Reason.TOO_SMALL: "too small",
    Reason.TOO_LARGE: "too large",
    Reason.TOO_COSTLY: "too costly to decode",
    Reason.NOT_SQUARE: "not square",
    Reason.BAD_BOX: "smaller than the box to keep",
    Reason.DUPLICATE: "copy byte for byte",
    Reason.NEAR_DUPLICATE: "copy to the eye",
    Reason.UNREADABLE: "unreadable",
    Reason.NOT_FETCHED: "not fetched",
}


def rejections(summary: IngestSummary, infos: Iterable[ImageInfo]) -> list[str]:
    """Lines that say what was rejected or failed: the three most frequent reasons with one example
    each, the rest as a count, then what a person can do something about (HEIC photos, archives
    inside, opt-out lines that took nothing down). Empty where nothing was left out.

    Plain text: whoever prints it with markup escapes it first.

    Args:
        summary: of the ingestion.
        infos: every listed file (`Dataset.listed()`).
    """
    left = [i for i in infos if i.status in (Status.REJECTED, Status.FAILED)]
    counts = Counter(info.reason for info in left)
    ranked = counts.most_common()
    lines = [_line(reason, count, left) for reason, count in ranked[:_NAMED]]
    if rest := ranked[_NAMED:]:
        lines.append(", ".join(f"{_WORDS.get(reason, reason)}: {count}" for reason, count in rest))
    return [*lines, *_to_do(left, summary)]


def _line(reason: Reason, count: int, left: Sequence[ImageInfo]) -> str:
    example = next(info for info in left if info.reason is reason)
    why = f": {logs.visible(example.detail)}" if example.detail else ""
    return f"{_WORDS.get(reason, reason)}: {count}, e.g. {logs.visible(example.source)}{why}"


def _to_do(left: Sequence[ImageInfo], summary: IngestSummary) -> list[str]:
    lines = []
    if heic := sum(i.reason is Reason.UNSUPPORTED and i.detail.startswith(HEIC) for i in left):
        what = "photo" if heic == 1 else "photos"
        lines.append(f"{heic} HEIC {what}: pip install 'limbeck[heif]'")
    if inside := [info for info in left if info.detail == ARCHIVE]:
        what = "archive" if len(inside) == 1 else "archives"
        lines.append(
            f"{len(inside)} {what} inside, e.g. {logs.visible(inside[0].source)}: unpack what "
            "holds photos, nothing in an inner archive is read"
        )
    if lost := summary.opt_out_unmatched:
        what = "line" if lost == 1 else "lines"
        lines.append(f"{lost} {what} of the opt-out list took nothing down")
    return lines
