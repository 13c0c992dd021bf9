"""Parts of image files that Pillow does not hand on: PNG chunks, ISO boxes, WebP frames.

All walks are bounded, leave the file where it was, and end quietly where it is damaged.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

_PARTS = 100_000  # chunks or boxes of one file that are looked at
_LEVELS = 4  # of boxes in boxes
_DEEP = (b"meta", b"iprp", b"ipco", b"jp2h")  # boxes that hold boxes
_MOST = 4 << 20  # bytes of one part


@dataclass(frozen=True)
class Part:
    """A chunk or box: its kind, and where its content lies in the file."""

    kind: bytes
    start: int
    end: int


@contextmanager
def _at(file: BinaryIO, place: int) -> Iterator[None]:
    before = file.tell()
    try:
        file.seek(place)
        yield
    finally:
        file.seek(before)


def content(file: BinaryIO, part: Part) -> bytes:
    """Bytes of a part, at most 4 MiB of them."""
    with _at(file, part.start):
        return file.read(min(part.end - part.start, _MOST))


def _head(file: BinaryIO, place: int, length: int) -> bytes:
    with _at(file, place):
        return file.read(length)


def png_chunks(file: BinaryIO) -> Iterator[Part]:
    """Chunks of a PNG in order; checksums are not looked at."""
    place = 8
    for _ in range(_PARTS):
        head = _head(file, place, 8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        yield Part(kind, place + 8, place + 8 + length)
        place += 12 + length


def boxes(file: BinaryIO) -> Iterator[Part]:
    """Boxes of an ISO base media or JPEG 2000 file, each before those it holds."""
    before = file.tell()
    levels = [(0, file.seek(0, 2))]  # what is left of each box that is open
    file.seek(before)
    for _ in range(_PARTS):
        while levels and levels[-1][0] + 8 > levels[-1][1]:
            levels.pop()
        if not levels:
            return
        place, end = levels.pop()
        head = _head(file, place, 16)
        length, kind = struct.unpack(">I4s", head[:8])
        body = place + 8
        if length == 1 and len(head) == 16:
            length, body = struct.unpack(">Q", head[8:])[0], place + 16
        last = end if length == 0 else place + length
        if not body <= last <= end:
            continue  # the rest of this level is damaged
        levels.append((last, end))
        if kind in _DEEP and len(levels) <= _LEVELS:
            levels.append((body + 4 if kind == b"meta" else body, last))
        yield Part(kind, body, last)


def webp_frame(file: BinaryIO) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of an animated WebP's first frame; None where it is a still."""
    place = 12
    for _ in range(_PARTS):
        head = _head(file, place, 24)
        if len(head) < 24:
            return None
        kind, length = struct.unpack("<4sI", head[:8])
        if kind == b"ANMF":
            left, top, wide, high = (
                int.from_bytes(head[at : at + 3], "little") for at in (8, 11, 14, 17)
            )
            return 2 * left, 2 * top, 2 * left + wide + 1, 2 * top + high + 1
        place += 8 + length + length % 2
    return None


def primary_properties(file: BinaryIO) -> list[Part]:
    """Item properties (`ipco`) of the primary image of an AVIF or HEIF file."""
    item, places, properties = 0, b"", []
    inside = range(0)
    for part in boxes(file):
        if part.kind == b"pitm":
            data = content(file, part)
            item = int.from_bytes(data[4:6] if data[:1] == b"\0" else data[4:8], "big")
        elif part.kind == b"ipma":
            places = content(file, part)
        elif part.kind == b"ipco":
            inside = range(part.start, part.end)
        elif part.start in inside:
            properties.append(part)
    chosen = _associated(places, item)
    return [properties[number - 1] for number in chosen if 0 < number <= len(properties)]


def _associated(data: bytes, item: int) -> list[int]:
    """Numbers of an item's properties, from the content of `ipma`."""
    if len(data) < 8:
        return []
    wide_id, wide = data[0] > 0, data[3] & 1
    count, at = struct.unpack(">I", data[4:8])[0], 8
    step, mask = (2, 0x7FFF) if wide else (1, 0x7F)
    for _ in range(min(count, _PARTS)):
        size = 4 if wide_id else 2
        found = int.from_bytes(data[at : at + size], "big")
        at += size
        many = data[at] if at < len(data) else 0
        at += 1
        if found == item:
            places = range(at, at + step * many, step)
            return [int.from_bytes(data[place : place + step], "big") & mask for place in places]
        at += step * many
    return []
