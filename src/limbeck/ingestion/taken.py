"""What was taken down stays out, even while it lies among the photos."""

from collections.abc import Sequence
from pathlib import Path

from limbeck import logs
from limbeck.artefacts.takedowns import TAKEDOWNS, taken_hashes
from limbeck.data import taken_row
from limbeck.records import ImageInfo


def without_taken(infos: Sequence[ImageInfo], out: Path) -> list[ImageInfo]:
    """The photos; those that were taken down from this dataset or its run stay out, nameless."""
    gone = taken_hashes(out)
    count = sum(info.sha256 in gone for info in infos)
    if count:
        logs.say(f"{count} files were taken down before and stay out ({TAKEDOWNS})")
    return [taken_row(info) if info.sha256 in gone else info for info in infos]
