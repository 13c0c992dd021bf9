"""What is known of a file before it is decoded: its row, what was seen, where it is cropped."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from limbeck.config import DataConfig
from limbeck.data import PackedRows
from limbeck.decoding import Box
from limbeck.ingestion.cropping import NOTHING, Sight, choose_box, more_boxes
from limbeck.ingestion.sources import Entry
from limbeck.records import CropKind, ImageInfo, Reason, Status

SAME_NAME = "another file goes by this name"
_NO_BOXES = (None, None)


@dataclass(frozen=True)
class Look:
    """A file that was looked at: its row without a box, and what the crop depends on.

    Attributes:
        info: the row; its status is final unless accepted.
        sight: what was seen.
        content: sha256 of the file's bytes, to be continued by the box; None where there is none.
    """

    info: ImageInfo
    sight: Sight = NOTHING
    content: "hashlib._Hash | None" = None

    def cropped(self, config: DataConfig, wanted: frozenset[str], least: int) -> list[ImageInfo]:
        """The row with its box and id; with `crop_most`, a row for each further object."""
        info = self.info
        if self.content is None or not info.width:
            return [info]
        place = (info.width, info.height, config, wanted, least)
        box, kind = choose_box(self.sight, *place)
        rows = [self._row(info.source, box, kind)]
        if kind is CropKind.DETECT and info.status is Status.ACCEPTED:
            for other in more_boxes(self.sight, box, *place):
                name = f"{info.source}#{','.join(map(str, other))}"
                rows.append(self._row(name, other, kind))
        return rows

    def _row(self, source: str, box: Box, kind: CropKind) -> ImageInfo:
        assert self.content is not None
        content = self.content.copy()
        content.update(",".join(map(str, box)).encode())
        known = {"source": source, "box": box, "crop": kind, "objects": self.sight.objects}
        return self.info.model_copy(update=known | {"id": content.hexdigest()[:16]})


class Looks:
    """What was seen of all files, in listing order: rows packed, as `PackedRows` are.

    Args:
        looks: of every file.
    """

    def __init__(self, looks: Iterable[Look]) -> None:
        self._rows = PackedRows()
        self._boxes: list[tuple[Box | None, Box | None]] = []
        self._contents: list[hashlib._Hash | None] = []
        for look in looks:
            seen = look.sight
            self._rows.append(look.info.model_copy(update={"objects": seen.objects}))
            self._boxes.append(_NO_BOXES if seen == NOTHING else (seen.salient, seen.given))
            self._contents.append(look.content)

    def __iter__(self) -> Iterator[Look]:
        for row, boxes, content in zip(self._rows, self._boxes, self._contents, strict=True):
            info = row.model_copy(update={"objects": ()})
            yield Look(info, Sight(row.objects, *boxes), content)

    def sights(self) -> Iterator[Sight]:
        """What was seen of each."""
        for row, boxes in zip(self._rows, self._boxes, strict=True):
            yield Sight(row.objects, *boxes)


def cropped_all(
    looks: Iterable[Look],
    entries: Sequence[Entry],
    config: DataConfig,
    wanted: frozenset[str],
    least: int,
) -> tuple[Sequence[ImageInfo], list[Entry]]:
    """Rows of all photos, and the entry of each row.

    Args:
        looks, entries: in listing order.
        config, wanted, least: as of `choose_box`.
    """
    infos = PackedRows()
    of: list[Entry] = []
    names: set[str] = set()
    for look, entry in zip(looks, entries, strict=True):
        for row in named_once(look.cropped(config, wanted, least), names):
            infos.append(row)
            of.append(entry)
    return infos, of


def named_once(rows: Sequence[ImageInfo], names: set[str]) -> list[ImageInfo]:
    """The rows of one photo under names that no other row has.

    Where a file goes by its name already, the photo fails, and its further objects are not listed.

    Args:
        rows: of the photo, its main object first.
        names: of the rows before; these are added.
    """
    if rows[0].source in names:
        rows = [_second(rows[0], names)]
    made = []
    for row in rows:
        made.append(row if row.source not in names else _second(row, names))
        names.add(made[-1].source)
    return made


def _second(row: ImageInfo, names: set[str]) -> ImageInfo:
    """The row of a file under whose name another is listed already: names are keys, so it fails.

    A folder may hold a raw byte and the text that stands for it; a file may be called like a
    further box of another.
    """
    number = next(n for n in count(2) if f"{row.source}~{n}" not in names)
    return ImageInfo(
        source=f"{row.source}~{number}", sha256=row.sha256, status=Status.FAILED,
        reason=Reason.UNREADABLE, detail=SAME_NAME,
    )  # fmt: skip
