"""What was taken down stays out, even while it lies among the photos."""

from collections.abc import Sequence
from pathlib import Path

from limbeck import logs
from limbeck.artefacts.takedowns import TAKEDOWNS, taken_hashes
from limbeck.data import PackedRows, taken_row
from limbeck.records import ImageInfo


def without_taken(infos: Sequence[ImageInfo], out: Path) -> Sequence[ImageInfo]:
    """The photos; those that were taken down from this dataset or its run stay out, nameless."""
    gone = taken_hashes(out)
    count = sum(info.sha256 in gone for info in infos) if gone else 0
    if not count:
        return infos
    logs.say(f"{count} files were taken down before and stay out ({TAKEDOWNS})")
    return PackedRows(taken_row(info) if info.sha256 in gone else info for info in infos)
