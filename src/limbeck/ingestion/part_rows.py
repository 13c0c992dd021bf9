"""Rows of parts: which belong to one photo, and how they follow one another in one run."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from limbeck.config import DataConfig
from limbeck.data import PackedRows
from limbeck.decoding import Box
from limbeck.ingestion.cropping import choose_box, more_boxes
from limbeck.ingestion.earlier import sight_of
from limbeck.ingestion.files import least_side
from limbeck.ingestion.looks import SAME_NAME, named_once
from limbeck.records import CropKind, ImageInfo, Reason, Status


@dataclass(frozen=True)
class Stored:
    """A row of a part, and where its square lies: number of the part, row there (-1 = nowhere).

    `first` is False for further objects of the photo whose row stands before.
    """

    row: ImageInfo
    part: int
    place: int = -1
    first: bool = True


class AllStored:
    """Rows of parts in the order in which they come, packed as `PackedRows` are.

    Args:
        rows: those of one photo together.
    """

    def __init__(self, rows: Iterable[Stored]) -> None:
        self._rows = PackedRows()
        self._parts, self._places = array("l"), array("l")
        self._firsts = array("l")  # where the rows of each photo begin
        for stored in rows:
            if stored.first:
                self._firsts.append(len(self._rows))
            self._rows.append(stored.row)
            self._parts.append(stored.part)
            self._places.append(stored.place)

    @property
    def photos(self) -> int:
        """How many photos there are."""
        return len(self._firsts)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Stored]:
        for photo in range(self.photos):
            yield from self._photo(photo)

    def by_name(self) -> Iterator[list[Stored]]:
        """The rows of each photo, in the order of the listing."""
        listed = [_listed_as(self._rows[first]) for first in self._firsts]
        return map(self._photo, sorted(range(len(listed)), key=listed.__getitem__))

    def _photo(self, photo: int) -> list[Stored]:
        last = photo + 1 == self.photos
        first, end = self._firsts[photo], len(self._rows) if last else self._firsts[photo + 1]
        return [
            Stored(self._rows[row], self._parts[row], self._places[row], first=row == first)
            for row in range(first, end)
        ]


def as_before(row: ImageInfo) -> ImageInfo:
    """The row of a part as it was before it was decoded."""
    if row.box is None or (row.reason is Reason.TOO_SMALL):
        return row
    undone = {
        "status": Status.ACCEPTED, "reason": Reason.NONE, "detail": "", "phash": None,
        "format": None, "upscaled": False, "quality": None, "flags": (), "duplicate_of": None,
        "shard": None, "row": None, "offset": None, "length": None, "crc32": None,
    }  # fmt: skip
    return row.model_copy(update=undone)


def boxes_of(row: ImageInfo, config: DataConfig, wanted: frozenset[str]) -> list[Box | None]:
    """The boxes that a photo gets where it is cropped to these objects, that of `row` first.

    Args:
        row: of the photo, of its main object.
        config, wanted: as of `choose_box`.
    """
    if row.crop not in (CropKind.DETECT, CropKind.CENTER):
        return [row.box]
    sight, least = sight_of(row), least_side(config)
    place = (row.width, row.height, config, wanted, least)
    box, kind = choose_box(sight, *place)
    further: list[Box] = []
    if kind is CropKind.DETECT and as_before(row).status is Status.ACCEPTED:
        further = more_boxes(sight, box, *place)
    return [box, *further]


def photos_of(
    rows: Iterable[Stored], config: DataConfig, wanted: frozenset[str]
) -> Iterator[list[Stored]]:
    """The rows of a part, those of one photo together.

    Args:
        rows: in the order of the part.
        config, wanted: as the part was cropped.
    """
    left = iter(rows)
    for main in left:
        photo = [main]
        for _, one in zip(boxes_of(main.row, config, wanted)[1:], left, strict=False):
            photo.append(Stored(one.row, one.part, one.place, first=False))
        yield photo


def in_order(stored: AllStored, opted: Mapping[str, str]) -> Iterator[Stored]:
    """The rows of all parts as one run has them.

    Args:
        stored: of all parts.
        opted: sha256 of photos that opted out while they were fetched -> why copies are out.
    """
    names: set[str] = set()
    for photo in stored.by_name():
        if (why := opted.get(photo[0].row.sha256 or "")) is not None:
            photo = [Stored(_opted_out(photo[0].row, why), photo[0].part)]
        rows = named_once([stored.row for stored in photo], names)
        for row, one in zip(rows, photo, strict=False):
            yield one if row is one.row else Stored(row, one.part, first=one.first)


def photos_in(rows: Iterable[Stored]) -> Iterator[list[ImageInfo]]:
    """Rows of `in_order`, those of one photo together."""
    photo: list[ImageInfo] = []
    for stored in rows:
        if stored.first and photo:
            yield photo
            photo = []
        photo.append(stored.row)
    if photo:
        yield photo


def cropped_otherwise(
    photo: Sequence[ImageInfo], config: DataConfig, wanted: frozenset[str]
) -> bool:
    """Whether a photo has other boxes than it gets where photos are cropped to these objects."""
    theirs = [row.box for row in photo]
    boxes = boxes_of(photo[0], config, wanted)
    pairs = zip(theirs, boxes, strict=False)
    return len(theirs) != len(boxes) or any(one not in (None, other) for one, other in pairs)


def _listed_as(row: ImageInfo) -> str:
    """The name of a photo's file in the listing, by the row of its main object."""
    return row.source.rpartition("~")[0] if row.detail == SAME_NAME else row.source


def _opted_out(row: ImageInfo, why: str) -> ImageInfo:
    out = Status.OPTED_OUT
    return ImageInfo(
        source=row.source, status=out, reason=Reason.OPTED_OUT, detail=why, url=row.url
    )
