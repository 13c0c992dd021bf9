"""Rows that a file lacks, though it ends as it should: decoders leave them black or grey.

That a file breaks off is seen by every decoder; that its pixels end before its rows do, not by all:
PNG whose stream was closed early, JPEG whose end was set after what had come, TIFF with too few
strips. Where the last row looks as what is missing would, the rows are counted.
"""

import io
import re
import struct
import zlib
from collections.abc import Sequence
from typing import Any, BinaryIO

from PIL import Image, ImageChops

from limbeck.kit.containers import png_chunks

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
           (0, 1, 1, 2))  # fmt: skip
_BLOCK = 1 << 20
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_END, _ALONE = 0xD9, (0x01, *range(0xD0, 0xD9))
_MOST = 100_000  # segments of a JPEG that are looked at
_SOME = bytes(range(1, 250, 7)) * 4  # as code words: some blocks that are not grey
_MORE = b"".join(_SOME + bytes((0xFF, 0xD0 + number)) for number in range(8)) * 2
"""Goes on with an entropy-coded segment that is not complete, from wherever it breaks off."""


class RowsMissing(ValueError):
    """The pixels of a file end before its last row."""


def check_png(image: Image.Image, file: BinaryIO) -> None:
    """Compare a loaded PNG's stream with its size, where its last row is all zeros.

    Raises:
        RowsMissing: there are fewer bytes than the rows take.
    """
    file.seek(16)
    width, height, depth, colour, *_, interlaced = struct.unpack(">IIBBBBB", file.read(13))
    if not interlaced and _last_row(image).strip(b"\0"):
        return
    bits = _CHANNELS.get(colour, 1) * depth
    wanted = 0
    for x, y, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - x) // across), -(-(height - y) // down)
        if columns > 0 and rows > 0:
            wanted += rows * (1 + (columns * bits + 7) // 8)
    found = _unpacked(file, wanted)
    if found < wanted:
        raise RowsMissing(f"the pixels take {wanted} bytes, and {found} are there")


def _unpacked(file: BinaryIO, most: int) -> int:
    """Bytes in the stream of a PNG's pixels, counted to `most`."""
    count, stream = 0, zlib.decompressobj()
    for part in png_chunks(file):
        if part.kind != b"IDAT":
            continue
        file.seek(part.start)
        left = part.end - part.start
        while left > 0 and (data := file.read(min(left, _BLOCK))):
            left -= len(data)
            while data and not stream.eof and count < most:
                count += len(stream.decompress(data, _BLOCK))
                data = stream.unconsumed_tail
    return count


def check_jpeg(image: Any, data: bytes) -> None:
    """Decode a JPEG again with more code words before its end, where its last row is of one colour.

    Where blocks are missing, these become the first of them; where none is, they are passed over.

    Args:
        image: as it was loaded, at a half, quarter or eighth of its size or in full.
        data: of its file.

    Raises:
        RowsMissing: the picture is another one then.
    """
    last = _last_row(image)
    if last != last[: len(image.getbands())] * image.width or (end := _end_of_pixels(data)) is None:
        return
    again: Any = Image.open(io.BytesIO(data[:end] + _MORE + b"\xff\xd9"), formats=("JPEG",))
    scale = image.decoderconfig[0] if image.decoderconfig else 1
    again.draft(again.mode, (max(1, again.width // scale), max(1, again.height // scale)))
    again.load()
    if again.size == image.size and ImageChops.difference(again, image).getbbox() is not None:
        raise RowsMissing("the pixels end before the last row")


def _end_of_pixels(data: bytes) -> int | None:
    """Where the marker lies that ends a JPEG's first picture; None where there is none."""
    at = 2
    for _ in range(_MOST):
        found = _MARKER.search(data, at)
        if found is None:
            return None
        kind, at = data[found.start() + 1], found.end()
        if kind == _END:
            return found.start()
        if kind not in _ALONE:  # after a scan's head come its code words, in which no marker is
            at += int.from_bytes(data[at : at + 2], "big")
    return None


def check_tiles(tiles: Sequence[Any], size: tuple[int, int], planes: int) -> None:
    """Whether the pieces of a file, of which Pillow reads each by itself, cover it.

    Args:
        tiles: as Pillow lists them before a file is loaded: (decoder, extents, ...) each.
        size: (width, height) as stored, pixels.
        planes: in which every pixel lies apart.

    Raises:
        RowsMissing: they do not.
    """
    width, height = size
    covered = 0
    for tile in tiles:
        left, top, right, bottom = tile[1] or (0, 0, width, height)
        covered += max(0, min(right, width) - left) * max(0, min(bottom, height) - top)
    if covered < width * height * planes:
        raise RowsMissing(f"the pieces hold {covered} of {width * height * planes} pixels")


def _last_row(image: Image.Image) -> bytes:
    row: bytes = image.crop((0, image.height - 1, *image.size)).tobytes()
    return row
