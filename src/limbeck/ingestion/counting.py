"""Whether what was listed makes a dataset: its counts, and how photos are stored."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from limbeck import logs
from limbeck.config import DataConfig
from limbeck.data import choose_store
from limbeck.errors import DataError
from limbeck.records import ImageInfo, IngestSummary, Status, StoreKind

STORE_SIDE = 128


def accepted(rows: Iterable[ImageInfo]) -> Iterator[ImageInfo]:
    """The rows of accepted photos."""
    return (row for row in rows if row.status is Status.ACCEPTED)


def check_counts(
    summary: IngestSummary, rows: Sequence[ImageInfo], source: Path, out: Path, fewest: int = 2
) -> None:
    """The counts add up and `fewest` images differ; else the dataset is no dataset."""
    if summary.balanced() and summary.listed == len(rows) and summary.accepted >= fewest:
        return
    if not summary.balanced() or summary.listed != len(rows):
        raise DataError(f"the counts of {out} do not add up: {summary}", "please report this")
    if not summary.accepted:
        raise DataError(
            f"none of {summary.listed} files in {source} is a photo to train on "
            f"({', '.join(f'{count} {why}' for why, count in summary.rejected.items())})",
            "give a folder or zip that holds photos",
        )
    one = next(accepted(rows)).source
    copies = summary.rejected.get("duplicate", 0) + summary.rejected.get("near_duplicate", 0)
    raise DataError(
        f"of {summary.listed} files in {source} only one image is left ({logs.visible(one)}; "
        f"{copies} are copies of it), and nothing can be learnt from one",
        "give photos that differ; data.near_duplicate_bits=-1 keeps those that look alike",
    )


def store_side(infos: Sequence[ImageInfo], size: int, source: Path) -> int:
    """max(size, 128), but at most the median native crop, and never below `size`."""
    sides = [i.box[2] - i.box[0] for i in accepted(infos) if i.box]
    if not sides:
        reasons = ", ".join(sorted({i.reason.value for i in infos})) or "empty"
        raise DataError(
            f"no usable photo among {len(infos)} files in {source} ({reasons})",
            "give a folder or zip that holds photos",
        )
    return max(size, min(STORE_SIDE, int(statistics.median(sides))))


def store_of(config: DataConfig, infos: Sequence[ImageInfo], side: int) -> tuple[StoreKind, str]:
    """How the squares are stored, and why: decided before copies and damaged photos are known."""
    most = len({info.id for info in infos if info.status is Status.ACCEPTED})
    return choose_store(config.store, most, side)


def store_words(kind: StoreKind, why: str) -> str:
    """How pixels are stored and why, in words; none for a dataset older than the choice."""
    if not why:
        return ""
    name = "raw" if kind is StoreKind.RAW else "as shards (tars of lossless WebP)"
    return f"pixels stored {name}: {why}"
