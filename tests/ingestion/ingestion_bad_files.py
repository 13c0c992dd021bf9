"""Files that are no photos, or cost more than one: each kind with what must become of it."""

import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ingestion_scenes import scene
from PIL import Image

ANY = ""


@dataclass(frozen=True)
class Bad:
    """A kind of file: its name, how it is made, and the reason in its row (`ANY`: any but a crash;
    "accepted": it is a photo after all)."""

    name: str
    make: Callable[[], bytes]
    reason: str = "corrupt"


def saved(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    """A drawn photo as a file."""
    file = io.BytesIO()
    (image or scene(1)).save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int, height: int, depth: int, colour: int, *, interlaced: bool = False,
    extra: bytes = b"", rows: bytes | None = None,
) -> bytes:  # fmt: skip
    """A PNG of zeros whose pixels are packed a thousand to one."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    packer = zlib.compressobj(9)
    if rows is None:
        body = b""
        for x, y, right, down in _ADAM7 if interlaced else [(0, 0, 1, 1)]:
            across, lines = -(-(width - x) // right), -(-(height - y) // down)
            line = bytes(1 + (across * channels * depth + 7) // 8)
            body += b"".join(packer.compress(line) for _ in range(lines))
    else:
        body = packer.compress(rows)
    body += packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", body)
        + chunk(b"IEND", b"")
    )


_ADAM7 = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
]
"""Where each pass begins (x, y), and its steps."""


def cut(kind: str, tenth: int) -> bytes:
    """A photo that ends too early."""
    data = saved(kind)
    return data[: len(data) * tenth // 10]


def flipped(kind: str, at: float) -> bytes:
    """A photo with 64 bytes of noise in it."""
    data = bytearray(saved(kind))
    start = int(len(data) * at)
    data[start : start + 64] = np.random.default_rng(0).bytes(64)
    return bytes(data)


def jpeg_with(marker: int, segment: bytes) -> bytes:
    """A JPEG with one segment more, after its start."""
    data = saved("JPEG")
    return (
        data[:2] + bytes([255, marker]) + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    )


def jpeg_of_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = saved("JPEG", Image.new("RGB", (side, side), (90, 120, 60)), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def tiff(
    entries: list[tuple[int, int, int, int]], *, loop: bool = False, data: bytes = b""
) -> bytes:
    """A little-endian TIFF of one directory: (tag, type, count, value) each."""
    body = struct.pack("<H", len(entries))
    body += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + body + struct.pack("<I", 8 if loop else 0) + data


def tiff_tile(side: int) -> bytes:
    """64 x 64 pixels in one tile of `side` squared."""
    packed = zlib.compress(bytes(side * side), 9)
    entries = [
        (256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1),
        (277, 3, 1, 1), (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 8 + 2 + 10 * 12 + 4),
        (325, 4, 1, len(packed)),
    ]  # fmt: skip
    return tiff(entries, data=packed)


def bmp_rle(side: int) -> bytes:
    """A BMP of one run that ends at once."""
    palette = bytes(range(256)) * 4
    body = b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(body), 1, 1, 256, 0)
    at = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", at + len(body), 0, 0, at) + head + palette + body


def jp2(side: int) -> bytes:
    """A JPEG 2000 that says it is large and holds nothing."""
    data = bytearray(saved("JPEG2000", Image.new("L", (16, 16), 9), no_jp2=True))
    at = data.index(b"\xff\x51")
    for offset in (6, 10, 22, 26):  # width, height, and those of a tile
        struct.pack_into(">I", data, at + offset, side)
    return bytes(data)


def exif(entries: list[tuple[int, int, int, int]], *, loop: bool = False) -> bytes:
    """A JPEG with an Exif directory."""
    return jpeg_with(0xE1, b"Exif\0\0" + tiff(entries, loop=loop))


def gif_of(width: int, height: int, tail: bytes = b"") -> bytes:
    """A GIF's head and whatever follows."""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + tail


def zipped(name: str, data: bytes) -> bytes:
    """An archive of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def avif_in_a_small_box(side: int) -> bytes:
    """An AVIF whose container says 64 x 64, around a frame of `side` squared."""
    data = bytearray(saved("AVIF", Image.new("RGB", (side, side), (9, 80, 9)), speed=10))
    at = data.index(b"ispe")
    struct.pack_into(">II", data, at + 8, 64, 64)
    return bytes(data)


FRAME_OF_16384 = Path(__file__).parents[1] / "fixtures" / "frame-of-16384.avif"
"""As the above, 4:4:4; to write it takes 7 GB."""
HTML = b"<!DOCTYPE html><html><body>404 not found</body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect/></svg>'
_BOMB_PROFILE = b"x\0\0" + zlib.compress(bytes(200_000_000), 9)
_POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
_XBM = b"#define a_width 9\n#define a_height 9\nstatic char a_bits[] = {0};"

CHEAP = [
    *(Bad(f"cut-{tenth}.jpg", lambda t=tenth: cut("JPEG", t), ANY if tenth == 0 else "corrupt")
      for tenth in range(1, 10)),
    *(Bad(f"cut-{tenth}.png", lambda t=tenth: cut("PNG", t)) for tenth in range(1, 10)),
    *(Bad(f"cut-5.{kind.lower()}", lambda k=kind: cut(k, 5), ANY)
      for kind in ("WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")),
    *(Bad(f"noise.{kind.lower()}", lambda k=kind: flipped(k, 0.5), ANY)
      for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "JPEG2000", "AVIF")),
    Bad("empty.jpg", lambda: b"", "not_an_image"),
    Bad("one-byte.jpg", lambda: b"\xff", "not_an_image"),
    Bad("zeros.jpg", lambda: bytes(5000), "not_an_image"),
    Bad("html.jpg", lambda: HTML, "not_an_image"),
    Bad("svg.jpg", lambda: SVG, "not_an_image"),
    Bad("json.png", lambda: json.dumps({"a": 1}).encode(), "not_an_image"),
    Bad("xbm.png", lambda: _XBM, "not_an_image"),
    Bad("postscript.jpg", lambda: _POSTSCRIPT, "not_an_image"),
    Bad("pdf.jpg", lambda: b"%PDF-1.7\n", "unsupported_format"),
    Bad("photoshop.jpg", lambda: b"8BPS\0\1" + bytes(40), "unsupported_format"),
    Bad("film.jpg", lambda: b"\0\0\0\x18ftypisom" + bytes(40), "unsupported_format"),
    Bad("zip.jpg", lambda: zipped("a.jpg", saved("JPEG")), "not_an_image"),
    Bad("zip-in-zip.jpg", lambda: zipped("b.zip", zipped("a.jpg", saved("JPEG"))), "not_an_image"),
    Bad("gzip.jpg", lambda: b"\x1f\x8b\x08" + bytes(30), "not_an_image"),
    Bad("head-only.png", lambda: b"\x89PNG\r\n\x1a\n"),
    Bad("no-pixels.png", lambda: b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes([0, 0, 0, 64] * 2 + [8, 2, 0, 0, 0])) + chunk(b"IEND", b""), ANY),  # noqa: E501
    Bad("no-width.png", lambda: png(0, 9, 8, 2), ANY),
    Bad("bad-sum.png", lambda: saved("PNG").replace(b"IDAT", b"IDAX", 1), ANY),
    Bad("few-rows.png", lambda: png(64, 64, 8, 2, rows=bytes(193 * 5))),
    Bad("early-end.jpg", lambda: cut("JPEG", 5) + b"\xff\xd9"),
    Bad("one-strip-of-two.tif", lambda: tiff([(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 122), (277, 3, 1, 1), (278, 4, 1, 32), (279, 4, 1, 2048)], data=bytes(2048))),  # noqa: E501
    Bad("depth-3.png", lambda: png(64, 64, 3, 0), ANY),
    Bad("too-wide.png", lambda: png(60_000, 20_000, 1, 0, rows=b"\0"), "too_large"),
    Bad("too-large.gif", lambda: gif_of(65_535, 65_535, b",\0\0\0\0\x40\0\x40\0\0\x08\0;"), "too_large"),  # noqa: E501
    Bad("too-large.bmp", lambda: bmp_rle(30_000), "too_large"),
    Bad("too-large.tif", lambda: tiff([(256, 4, 1, 60_000), (257, 4, 1, 60_000), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (279, 4, 1, 9)]), "too_large"),  # noqa: E501
    Bad("too-large.ppm", lambda: b"P6 60000 60000 255\n", "too_large"),
    Bad("too-large.jp2", lambda: jp2(60_000), "too_large"),
    Bad("loop.tif", lambda: tiff([(256, 4, 1, 64)], loop=True), ANY),
    Bad("far-strips.tif", lambda: tiff([(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 2**31), (277, 3, 1, 1), (278, 4, 1, 64), (279, 4, 1, 4096)]), ANY),  # noqa: E501
    Bad("exif-loop.jpg", lambda: exif([(274, 3, 1, 6)], loop=True), "accepted"),
    Bad("exif-self.jpg", lambda: exif([(0x8769, 4, 1, 8), (274, 3, 1, 3)]), "accepted"),
    Bad("exif-huge.jpg", lambda: exif([(274, 3, 2**31, 8), (271, 2, 2**31, 8)]), "accepted"),
    Bad("exif-nonsense.jpg", lambda: jpeg_with(0xE1, b"Exif\0\0" + os.urandom(300)), "accepted"),
    Bad("profile-bomb.png", lambda: png(64, 64, 8, 2, extra=chunk(b"iCCP", _BOMB_PROFILE)), ANY),
    Bad("text-bomb.png", lambda: png(64, 64, 8, 2, extra=chunk(b"zTXt", _BOMB_PROFILE)), ANY),
    Bad("profile-noise.jpg", lambda: jpeg_with(0xE2, b"ICC_PROFILE\0\1\1" + os.urandom(999)), "accepted"),  # noqa: E501
    Bad("never-ending-comment.ppm", lambda: b"P6 #" + b"x" * 2_000_000, ANY),
    Bad("maxval.pgm", lambda: b"P5 64 64 99999999\n" + bytes(5000), ANY),
    Bad("no-frames.gif", lambda: gif_of(64, 64, b";"), ANY),
    Bad("lzw-noise.gif", lambda: gif_of(64, 64, b",\0\0\0\0@\0@\0\0\x08\xff" + os.urandom(255) + b"\0;"), ANY),  # noqa: E501
    Bad("small-box.avif", lambda: avif_in_a_small_box(512), ANY),
    Bad("webp-lies.webp", lambda: b"RIFF\xff\xff\xff\x7fWEBPVP8 " + bytes(40), "corrupt"),
    Bad("two-in-one.jpg", lambda: saved("JPEG") + saved("JPEG"), "accepted"),
    Bad("tail.png", lambda: saved("PNG") + b"<?php system('id') ?>" * 9, "accepted"),
]  # fmt: skip

COSTLY = [
    Bad("64-megapixels-rgba.png", lambda: png(8000, 8000, 8, 6), "accepted"),
    Bad("64-megapixels-16-bit.png", lambda: png(8000, 8000, 16, 2), ANY),
    Bad("64-megapixels-interlaced.png", lambda: png(8000, 8000, 8, 6, interlaced=True), ANY),
    Bad("64-megapixels-16-bit-grey.png", lambda: png(8000, 8000, 16, 0), ANY),
    Bad("tile-of-20000.tif", lambda: tiff_tile(20_000), ANY),
    Bad("frame-of-8192.avif", lambda: avif_in_a_small_box(8192), ANY),
    Bad("frame-of-16384.avif", FRAME_OF_16384.read_bytes, ANY),
    Bad("hollow.jp2", lambda: jp2(8000), ANY),
    Bad("thousands-of-scans.jpg", lambda: jpeg_of_scans(4000, 3000), ANY),
    Bad("comments-100-mb.gif", lambda: gif_of(64, 64, (b"!\xfe" + (b"\xff" + bytes(255)) * 4000 + b"\0") * 98) + b";", ANY),  # noqa: E501
    Bad("chunks-96-mb.png", lambda: png(64, 64, 8, 2, extra=chunk(b"prVt", bytes(96_000_000))), ANY),  # noqa: E501
    Bad("fill-200-mb.jpg", lambda: b"\xff\xd8" + b"\xff" * 200_000_000 + saved("JPEG")[2:], ANY),
    Bad("plain-64-megapixels.pgm", lambda: b"P2 8000 8000 255\n" + b"1 " * 64_000_000, ANY),
    Bad("plain-hollow.pgm", lambda: b"P2 8000 8000 255\n1", ANY),
    Bad("run-of-8000.bmp", lambda: bmp_rle(8000), ANY),
]  # fmt: skip
"""What costs a reader without limits gigabytes or a minute."""
