"""GIF, WebP, BMP, PNM, JPEG 2000, AVIF."""

import struct
from itertools import pairwise

import numpy as np
from PIL import Image

from tests.decoding.colour_kinds import (
    eight_of,
    from_ycc,
    kind,
    neutral,
    on_white,
    sixteen,
    to_ycc,
)
from tests.decoding.drawn_files import (
    Bytes,
    bmp,
    grey_scene,
    packed,
    riff,
    saved,
    scene,
    slope,
    wide,
)

Made = tuple[bytes, np.ndarray]
_INNER = (16, 10, 96, 64)  # left, top, right, bottom of a first frame


def _palette(picture: Bytes, colours: int = 256) -> tuple[Image.Image, np.ndarray]:
    image = Image.fromarray(picture).quantize(colours, dither=Image.Dither.NONE)
    return image, np.asarray(image.convert("RGB"))


def _inside(picture: np.ndarray) -> np.ndarray:
    left, top, right, bottom = _INNER
    framed = np.full((72, 104, 3), 255.0)
    framed[top:bottom, left:right] = picture[top:bottom, left:right]
    return framed


def _part() -> Bytes:
    left, top, right, bottom = _INNER
    return np.ascontiguousarray(scene()[top:bottom, left:right])


def _gif_on_canvas(data: bytes) -> bytes:
    """A GIF of the inner frame, moved to its place on a canvas of the whole size."""
    at = data.index(b"\x2c\0\0\0\0" + struct.pack("<HH", 80, 54))
    place = struct.pack("<HH", *_INNER[:2])
    return data[:6] + struct.pack("<HH", 104, 72) + data[10 : at + 1] + place + data[at + 5 :]


@kind("GIF")
def _() -> Made:
    image, shown = _palette(scene())
    return saved(image, "GIF"), shown


@kind("GIF interlaced, a transparent colour")
def _() -> Made:
    image, shown = _palette(scene(), 32)
    key = image.getpixel((40, 36))
    data = saved(image, "GIF", interlace=1, transparency=key)
    return data, on_white(shown, np.where(np.asarray(image) == key, 0, 255))


@kind("GIF animated, disposal to background")
def _() -> Made:
    image, shown = _palette(scene())
    other, _ = _palette(np.ascontiguousarray(255 - scene()))
    options = {"save_all": True, "append_images": [other], "disposal": 2, "duration": 100}
    return saved(image, "GIF", **options), shown


@kind("GIF, first frame smaller than its canvas")
def _() -> Made:
    image, shown = _palette(_part())
    whole = np.zeros((72, 104, 3))
    whole[10:64, 16:96] = shown
    return _gif_on_canvas(saved(image, "GIF")), _inside(whole)


@kind("GIF, small first frame, own palette and transparency")
def _() -> Made:
    image, shown = _palette(_part(), 32)
    key = image.getpixel((20, 20))
    data = saved(image, "GIF", transparency=key)
    whole = np.full((72, 104, 3), 255.0)
    whole[10:64, 16:96] = on_white(shown, np.where(np.asarray(image) == key, 0, 255))
    return _with_local_palette(_gif_on_canvas(data)), whole


def _with_local_palette(data: bytes) -> bytes:
    """The palette moved from the file to its frame; the file's is all black."""
    size = 3 << ((data[10] & 7) + 1)
    table = data[13 : 13 + size]
    at = data.index(b"\x2c" + struct.pack("<HH", *_INNER[:2]), 13 + size)
    flags = bytes([data[at + 9] | 0x80 | data[10] & 7])
    return data[:13] + bytes(size) + data[13 + size : at + 9] + flags + table + data[at + 10 :]


@kind("WebP lossless")
def _() -> Made:
    return saved(scene(), "WEBP", lossless=True), scene()


@kind("WebP lossy", 2)
def _() -> Made:
    return saved(scene(), "WEBP", quality=98), scene()


@kind("WebP RGBA", 0.6)
def _() -> Made:
    alpha = slope().astype(np.uint8)
    image = Image.fromarray(np.dstack([scene(), alpha]))
    return saved(image, "WEBP", lossless=True, exact=True), on_white(scene(), alpha)


@kind("WebP animated")
def _() -> Made:
    other = Image.fromarray(255 - scene())
    return saved(scene(), "WEBP", lossless=True, save_all=True, append_images=[other]), scene()


def _animated(frame: Image.Image, alpha: int) -> bytes:
    still = saved(frame, "WEBP", lossless=True, exact=True)
    bits = still[still.index(b"VP8L") :]
    small = struct.pack("<I", 0)
    left, top, right, bottom = _INNER
    sizes = (left // 2, top // 2, right - left - 1, bottom - top - 1, 100)
    head = b"".join(number.to_bytes(3, "little") for number in sizes) + b"\0"
    canvas = bytes([2 | alpha, 0, 0, 0]) + (103).to_bytes(3, "little") + (71).to_bytes(3, "little")
    frames = [(b"ANMF", head + bits)] * 2
    return riff([(b"VP8X", canvas), (b"ANIM", small + b"\0\0"), *frames])


@kind("WebP animated, first frame smaller, no alpha")
def _() -> Made:
    return _animated(Image.fromarray(_part()), 0), _inside(scene())


@kind("WebP animated, first frame smaller, alpha")
def _() -> Made:
    return _animated(Image.fromarray(_part()).convert("RGBA"), 16), _inside(scene())


@kind("BMP 24-bit")
def _() -> Made:
    return saved(scene(), "BMP"), scene()


@kind("BMP 24-bit, top-down")
def _() -> Made:
    return bmp(scene()[..., ::-1].reshape(72, -1), 24, height=-72), scene()


@kind("BMP 16-bit 565", 2)
def _() -> Made:
    r, g, b = (np.moveaxis(scene().astype(np.uint16), 2, 0) * [[[31]], [[63]], [[31]]] + 127) // 255
    rows = wide(r << 11 | g << 5 | b, "<")[::-1]
    shown = np.dstack([r * 255 / 31, g * 255 / 63, b * 255 / 31])
    return bmp(rows, 16, 3, masks=(0xF800, 0x7E0, 0x1F)), shown


@kind("BMP 16-bit 555", 2)
def _() -> Made:
    r, g, b = (np.moveaxis(scene().astype(np.uint16), 2, 0) * 31 + 127) // 255
    shown = np.dstack([r, g, b]) * 255 / 31
    return bmp(wide(r << 10 | g << 5 | b, "<")[::-1], 16), shown


@kind("BMP 32-bit, alpha told by its mask", 0.6)
def _() -> Made:
    alpha = slope().astype(np.uint8)
    rows = np.dstack([scene()[..., ::-1], alpha]).reshape(72, -1)[::-1]
    data = bmp(rows, 32, 3, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000))
    return data, on_white(scene(), alpha)


@kind("BMP 32-bit, alpha left at 0")
def _() -> Made:
    rows = np.dstack([scene()[..., ::-1], np.zeros((72, 104), np.uint8)]).reshape(72, -1)[::-1]
    return bmp(rows, 32, 3, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000)), scene()


@kind("BMP 32-bit, the fourth byte of no meaning")
def _() -> Made:
    rows = np.dstack([scene()[..., ::-1], slope().astype(np.uint8)]).reshape(72, -1)[::-1]
    return bmp(rows, 32), scene()


@kind("BMP 8-bit, run lengths")
def _() -> Made:
    image, shown = _palette(scene(), 64)
    table = np.resize(np.array(image.getpalette(), dtype=np.uint8), (256, 3))[:, ::-1]
    palette = np.hstack([table, np.zeros((256, 1), np.uint8)]).tobytes()
    data = b"".join(_runs(row) for row in np.asarray(image)[::-1]) + b"\0\1"
    return bmp(np.asarray(image), 8, 1, palette=palette, data=data), shown


def _runs(row: np.ndarray) -> bytes:
    edges = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
    pairs = pairwise(edges)
    return b"".join(bytes([end - start, row[start]]) for start, end in pairs) + b"\0\0"


def _pnm(magic: str, most: int, data: bytes) -> bytes:
    return f"{magic}\n# a remark\n104 72\n{most}\n".encode() + data


@kind("PPM")
def _() -> Made:
    return _pnm("P6", 255, scene().tobytes()), scene()


@kind("PPM, 100 is white")
def _() -> Made:
    values = np.rint(scene() * (100 / 255))
    return _pnm("P6", 100, values.astype(np.uint8).tobytes()), values * 2.55


@kind("PPM 16-bit")
def _() -> Made:
    return _pnm("P6", 65535, wide(sixteen()).tobytes()), eight_of(sixteen())


@kind("PPM, 1000 is white")
def _() -> Made:
    values = np.rint(scene() * (1000 / 255)).astype(int)
    return _pnm("P6", 1000, wide(values).tobytes()), values * 0.255


@kind("PPM in letters")
def _() -> Made:
    return _pnm("P3", 255, " ".join(map(str, scene().reshape(-1))).encode()), scene()


@kind("PGM 16-bit, dark")
def _() -> Made:
    return _pnm("P5", 65535, wide(sixteen()[..., 0] // 16).tobytes()), neutral(
        eight_of(sixteen()[..., 0] // 16)
    )


@kind("PGM")
def _() -> Made:
    return _pnm("P5", 255, grey_scene().tobytes()), neutral(grey_scene())


@kind("PBM")
def _() -> Made:
    bits = (grey_scene() > 110).astype(np.uint8)
    return b"P4 104 72\n" + packed(1 - bits, 1).tobytes(), neutral(bits * 255)


@kind("JPEG 2000 RGB")
def _() -> Made:
    return saved(scene(), "JPEG2000", irreversible=False), scene()


@kind("JPEG 2000 codestream, lossy", 2)
def _() -> Made:
    options = {"irreversible": True, "quality_mode": "dB", "quality_layers": [50], "no_jp2": True}
    return saved(scene(), "JPEG2000", **options), scene()


@kind("JPEG 2000 grey")
def _() -> Made:
    return saved(grey_scene(), "JPEG2000"), neutral(grey_scene())


@kind("JPEG 2000 grey 16-bit")
def _() -> Made:
    image = Image.fromarray(sixteen()[..., 0].astype(np.uint16))
    return saved(image, "JPEG2000"), neutral(eight_of(sixteen()[..., 0]))


@kind("JPEG 2000 RGBA", 0.6)
def _() -> Made:
    alpha = slope().astype(np.uint8)
    return saved(Image.fromarray(np.dstack([scene(), alpha])), "JPEG2000"), on_white(scene(), alpha)


@kind("JPEG 2000 sYCC", 0.8)
def _() -> Made:
    ycc = np.rint(to_ycc(scene())).clip(0, 255).astype(np.uint8)
    data = saved(ycc, "JPEG2000", mct=0)
    colr = data.index(b"colr") + 7
    assert data[colr : colr + 4] == struct.pack(">I", 16)
    return data[:colr] + struct.pack(">I", 18) + data[colr + 4 :], from_ycc(ycc)


@kind("AVIF 4:4:4", 2)
def _() -> Made:
    return saved(scene(), "AVIF", quality=100, subsampling="4:4:4", speed=9), scene()


@kind("AVIF RGBA", 2)
def _() -> Made:
    alpha = slope().astype(np.uint8)
    image = Image.fromarray(np.dstack([scene(), alpha]))
    return saved(image, "AVIF", quality=100, subsampling="4:4:4", speed=9), on_white(scene(), alpha)
