"""A picture of how photos were cropped: each photo with what was seen and kept, and its crop."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from limbeck import fsio
from limbeck.decoding import Rejected
from limbeck.ingestion.pool import Pool
from limbeck.ingestion.regular import Unreadable
from limbeck.ingestion.sources import Entry, Source
from limbeck.kit.selection import evenly
from limbeck.records import CropKind, ImageInfo, Status

_PHOTOS, _COLUMNS, _SIDE, _GAP = 24, 4, 176, 8
_KEPT, _UNSURE, _SEEN = "#e0457b", "#e8a33d", "#5b8def"


def save_crop_sheet(
    infos: Sequence[ImageInfo], glance: Callable[[ImageInfo, int], Image.Image], out: Path
) -> None:
    """Write `out`: 24 accepted photos, evenly spread, each beside its crop.

    The square kept is red, or orange where nothing was found and the centre was taken; objects are
    blue and named. A photo that can no longer be read is left out.

    Args:
        infos: rows of the dataset.
        glance: an upright photo of at most so many pixels; its `Unreadable`, `OSError` and
            `Rejected` are what leaves one out.
        out: a .jpg.
    """
    accepted = [row for row, info in enumerate(infos) if info.status is Status.ACCEPTED]
    tiles = []
    for info in (infos[row] for row in evenly(accepted, _PHOTOS)):
        try:
            tiles.append(_tile(glance(info, 2 * _SIDE), info))
        except (Rejected, Unreadable, OSError):
            continue
    rows = -(-len(tiles) // _COLUMNS)
    wide, high = 2 * _SIDE + 2 * _GAP, _SIDE + _GAP
    sheet = Image.new("RGB", (_COLUMNS * wide, max(rows, 1) * high), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % _COLUMNS * wide, number // _COLUMNS * high))
    with fsio.atomic_file(out) as temporary:
        sheet.save(temporary, "JPEG", quality=88)


def glances(
    photos: Source, entries: Sequence[Entry], infos: Sequence[ImageInfo], pool: Pool
) -> Callable[[ImageInfo, int], Image.Image]:
    """What shows a photo in small: of its row, and at most so many pixels long."""
    entry_of = {info.source: entry for info, entry in zip(infos, entries, strict=True)}

    def glance(info: ImageInfo, longest: int) -> Image.Image:
        data = photos.read(entry_of[info.source])
        with pool.decoders.opened(data, pixels=info.width * info.height) as photo:
            return photo.glance(longest)

    return glance


def _tile(photo: Image.Image, info: ImageInfo) -> Image.Image:
    """A photo with its boxes, and to its right what is kept of it."""
    assert info.box is not None, "accepted photos have one"
    scale = max(photo.size) / max(info.width, info.height)
    left, top, right, bottom = (round(edge * scale) for edge in info.box)
    crop = photo.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    crop = crop.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    fit = _SIDE / max(photo.size)
    small = photo.resize((max(1, round(photo.width * fit)), max(1, round(photo.height * fit))))
    pen = ImageDraw.Draw(small)
    for seen in reversed(info.objects):
        corners = [edge * scale * fit for edge in seen.box]
        pen.rectangle(corners, outline=_SEEN)
        place = (max(corners[0], 0) + 3, max(corners[1], 0) + 1)
        words = f"{seen.name} {seen.score:.2f}"
        pen.rectangle(pen.textbbox(place, words), fill=_SEEN)
        pen.text(place, words, fill="white")
    found = info.crop is not CropKind.CENTER
    square = [edge * fit for edge in (left, top, right - 1, bottom - 1)]
    pen.rectangle(square, outline=_KEPT if found else _UNSURE, width=2)
    tile = Image.new("RGB", (2 * _SIDE, _SIDE), "white")
    tile.paste(small, ((_SIDE - small.width) // 2, (_SIDE - small.height) // 2))
    tile.paste(crop, (_SIDE, 0))
    return tile
