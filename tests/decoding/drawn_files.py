"""Image files written byte by byte, and a scene to put into them: for the tests of decoding."""

import io
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]
WIDE, HIGH = 104, 72


def scene() -> Bytes:
    """uint8 [72, 104, 3]: smooth, of many hues, like none of its own turns or mirror images."""
    y, x = np.mgrid[0:HIGH, 0:WIDE]
    picture = np.stack([40 + 1.6 * x, 200 - 1.9 * y, 60 + 0.9 * x + 0.9 * y], axis=-1)
    for (cx, cy), spread, colour in (
        ((24, 16), 11, (210, -130, -60)), ((78, 14), 9, (-120, -90, 160)),
        ((20, 56), 8, (-30, 70, -150)), ((84, 52), 15, (90, 90, 60)),
        ((52, 36), 7, (-150, -150, -150)),
    ):  # fmt: skip
        blob = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * spread**2))
        picture += blob[..., None] * np.array(colour)
    return np.rint(picture.clip(3, 252)).astype(np.uint8)


def grey_scene() -> Bytes:
    """uint8 [72, 104]: the scene in one channel."""
    return np.rint(scene() @ np.array([0.5, 0.3, 0.2])).astype(np.uint8)


def slope(most: float = 255.0) -> NDArray[np.float64]:
    """[72, 104]: alpha that rises from left to right, 0 to `most`, and all of it at the top."""
    alpha = np.tile(np.linspace(0, most, WIDE), (HIGH, 1))
    alpha[:12] = most
    return alpha


def saved(image: Image.Image | Bytes, kind: str, **options: object) -> bytes:
    """What Pillow writes."""
    buffer = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    rows: Bytes, colour_type: int, depth: int, *, before: bytes = b"", after: bytes = b"",
    interlace: bool = False,
) -> bytes:  # fmt: skip
    """A PNG of rows of packed bytes [H, bytes]; width follows from type and depth.

    `interlace` needs whole bytes a pixel.
    """
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    width = rows.shape[1] * 8 // (channels * depth)
    if interlace:
        step = channels * depth // 8
        pixels = rows.reshape(len(rows), width, step)
        passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2),
                  (0, 1, 2, 2), (1, 0, 2, 1))  # fmt: skip
        lines = [row for y, x, dy, dx in passes for row in pixels[y::dy, x::dx]]
    else:
        lines = list(rows)
    data = b"".join(b"\0" + line.tobytes() for line in lines)
    head = struct.pack(">IIBBBBB", width, len(rows), depth, colour_type, 0, 0, int(interlace))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before
        + chunk(b"IDAT", zlib.compress(data)) + after + chunk(b"IEND", b"")
    )  # fmt: skip


def wide(values: NDArray[np.integer], order: str = ">") -> Bytes:
    """16-bit values [H, W] or [H, W, C] -> rows of bytes."""
    data = np.ascontiguousarray(values.reshape(len(values), -1).astype(order + "u2"))
    return data.view(np.uint8)


def packed(values: Bytes, bits: int) -> Bytes:
    """Values below 2**bits [H, W] -> rows of bytes, the first pixel in the highest bits."""
    ones = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(ones.reshape(len(values), -1).astype(np.uint8), axis=1)


_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 12: 8, 13: 4}


def tiff(
    strips: Sequence[bytes], tags: Mapping[int, tuple[int, object]], order: str = "<"
) -> bytes:
    """A TIFF with one directory: tag -> (type, number, numbers or bytes)."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    places, at = [], 8
    body = io.BytesIO()
    table = {**tags, 273: (4, [0] * len(strips)), 279: (4, [len(strip) for strip in strips])}
    start = 8 + 2 + 12 * len(table) + 4
    for strip in strips:
        places.append(start + body.tell())
        body.write(strip + b"\0" * (len(strip) % 2))
    table[273] = (4, places)
    entries = b""
    for tag, (kind, value) in sorted(table.items()):
        data, count = _encoded(kind, value, order)
        if len(data) > 4:
            at = start + body.tell()
            body.write(data + b"\0" * (len(data) % 2))
            data = struct.pack(order + "I", at)
        entries += struct.pack(order + "HHI", tag, kind, count) + data.ljust(4, b"\0")
    return head + struct.pack(order + "H", len(table)) + entries + b"\0" * 4 + body.getvalue()


def _encoded(kind: int, value: object, order: str) -> tuple[bytes, int]:
    if isinstance(value, bytes):
        return value, len(value)
    numbers: Iterable[float] = value if isinstance(value, Sequence) else [value]  # type: ignore[list-item]
    numbers = list(numbers)
    if kind == 5:  # rational
        pairs = (struct.pack(order + "II", round(n * 10000), 10000) for n in numbers)
        return b"".join(pairs), len(numbers)
    letter = {1: "B", 3: "H", 4: "I", 12: "d", 13: "I"}[kind]
    return struct.pack(f"{order}{len(numbers)}{letter}", *numbers), len(numbers)  # type: ignore[arg-type]


def plain_tiff(
    data: NDArray[np.generic] | Bytes, photometric: int, bits: Sequence[int], order: str = "<",
    size: tuple[int, int] = (WIDE, HIGH), strips: Sequence[bytes] | None = None,
    **more: tuple[int, object],
) -> bytes:  # fmt: skip
    """An uncompressed TIFF; `more` gives tags as t338=(type, value)."""
    given = {int(name[1:]): value for name, value in more.items()}
    tags = {
        256: (4, size[0]), 257: (4, size[1]), 258: (3, list(bits)), 259: (3, 1),
        262: (3, photometric), 277: (3, len(bits)), 278: (4, size[1]), 284: (3, 1),
    } | given  # fmt: skip
    return tiff([data.tobytes()] if strips is None else strips, tags, order)


def bmp(rows: Bytes, bits: int, compression: int = 0, *, height: int = HIGH,
        masks: Sequence[int] = (), palette: bytes = b"", data: bytes | None = None,
        width: int = WIDE) -> bytes:  # fmt: skip
    """A BMP of rows of bytes, the lowest first unless `height` is negative."""
    if data is None:
        pad = -rows.shape[1] % 4
        data = b"".join(row.tobytes() + b"\0" * pad for row in rows)
    size = 108 if len(masks) == 4 else 40
    head = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, len(data), 0, 0,
                       len(palette) // 4, 0)  # fmt: skip
    extra = struct.pack(f"<{len(masks)}I", *masks)
    head += extra.ljust(size - 40, b"\0") if size == 108 else extra
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + palette + data


def exif(entries: Mapping[int, tuple[int, object]], order: str = "<") -> bytes:
    """An EXIF block without its mark."""
    count = len(entries)
    start = 8 + 2 + 12 * count + 4
    body, table = b"", b""
    for tag, (kind, value) in sorted(entries.items()):
        data, many = _encoded(kind, value, order)
        many = many // _SIZES[kind] if isinstance(value, bytes) else many
        if len(data) > 4:
            place = struct.pack(order + "I", start + len(body))
            body += data + b"\0" * (len(data) % 2)
            data = place
        table += struct.pack(order + "HHI", tag, kind, many) + data.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IH", 8, count) + table + b"\0" * 4 + body


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG's marker segment."""
    return struct.pack(">BBH", 255, marker, len(body) + 2) + body


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """A JPEG's segments up to the scan: (marker, whole bytes); the rest stands under 0xDA."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        length = struct.unpack(">H", data[at + 2 : at + 4])[0]
        found.append((data[at + 1], data[at : at + 2 + length]))
        at += 2 + length
    return [*found, (0xDA, data[at:])]


def without(data: bytes, marker: int) -> bytes:
    """A JPEG without its segments of this marker."""
    return b"\xff\xd8" + b"".join(body for kind, body in segments(data) if kind != marker)


def adobe(transform: int) -> bytes:
    return segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform))


def riff(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A WebP of these chunks."""
    body = b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
