"""PNG in every colour type and depth, with its ways of transparency."""

import struct

import numpy as np
from PIL import Image

from tests.decoding.colour_kinds import eight_of, kind, neutral, on_white, sixteen
from tests.decoding.drawn_files import (
    Bytes,
    chunk,
    grey_scene,
    packed,
    png,
    saved,
    scene,
    slope,
    wide,
)

Made = tuple[bytes, np.ndarray]


def _palette(colours: int) -> tuple[Bytes, Bytes]:
    """(numbers [H, W], palette [colours, 3]) of the scene."""
    image = Image.fromarray(scene()).quantize(colours, dither=Image.Dither.NONE)
    table = np.array(image.getpalette()[: 3 * colours], dtype=np.uint8).reshape(-1, 3)
    return np.asarray(image), table


def _alphas(colours: int) -> Bytes:
    return np.linspace(0, 255, colours).astype(np.uint8)


@kind("PNG RGB")
def _() -> Made:
    return saved(scene(), "PNG"), scene()


@kind("PNG RGB interlaced")
def _() -> Made:
    return png(scene().reshape(72, -1), 2, 8, interlace=True), scene()


@kind("PNG grey")
def _() -> Made:
    return saved(grey_scene(), "PNG"), neutral(grey_scene())


@kind("PNG palette")
def _() -> Made:
    numbers, table = _palette(200)
    return png(numbers, 3, 8, before=chunk(b"PLTE", table.tobytes())), table[numbers]


@kind("PNG palette 4-bit")
def _() -> Made:
    numbers, table = _palette(16)
    return png(packed(numbers, 4), 3, 4, before=chunk(b"PLTE", table.tobytes())), table[numbers]


@kind("PNG palette 2-bit, alpha in tRNS")
def _() -> Made:
    numbers, table = _palette(4)
    before = chunk(b"PLTE", table.tobytes()) + chunk(b"tRNS", b"\x00\x60")
    alpha = np.array([0, 96, 255, 255])
    return png(packed(numbers, 2), 3, 2, before=before), on_white(table[numbers], alpha[numbers])


@kind("PNG palette, partial alpha in tRNS")
def _() -> Made:
    numbers, table = _palette(200)
    alpha = _alphas(200)
    before = chunk(b"PLTE", table.tobytes()) + chunk(b"tRNS", alpha.tobytes())
    return png(numbers, 3, 8, before=before), on_white(table[numbers], alpha[numbers])


@kind("PNG palette, one colour transparent")
def _() -> Made:
    numbers, table = _palette(32)
    alpha = np.full(32, 255)
    alpha[7] = 0
    before = chunk(b"PLTE", table.tobytes()) + chunk(b"tRNS", bytes([255] * 7 + [0]))
    return png(numbers, 3, 8, before=before), on_white(table[numbers], alpha[numbers])


@kind("PNG grey and alpha", 0.6)
def _() -> Made:
    alpha = slope().astype(np.uint8)
    rows = np.dstack([grey_scene(), alpha]).reshape(72, -1)
    return png(rows, 4, 8), on_white(neutral(grey_scene()), alpha)


@kind("PNG RGBA", 0.6)
def _() -> Made:
    alpha = slope().astype(np.uint8)
    return png(np.dstack([scene(), alpha]).reshape(72, -1), 6, 8), on_white(scene(), alpha)


@kind("PNG grey, tRNS key")
def _() -> Made:
    key = int(grey_scene()[36, 40])
    seen = np.where(grey_scene() == key, 0, 255)
    data = png(grey_scene(), 0, 8, before=chunk(b"tRNS", struct.pack(">H", key)))
    return data, on_white(neutral(grey_scene()), seen)


@kind("PNG RGB, tRNS key")
def _() -> Made:
    key = scene()[36, 40]
    seen = np.where((scene() == key).all(2), 0, 255)
    before = chunk(b"tRNS", struct.pack(">3H", *key))
    return png(scene().reshape(72, -1), 2, 8, before=before), on_white(scene(), seen)


@kind("PNG bilevel")
def _() -> Made:
    bits = (grey_scene() > 110).astype(np.uint8)
    return png(packed(bits, 1), 0, 1), neutral(bits * 255)


@kind("PNG bilevel, tRNS key")
def _() -> Made:
    bits = (grey_scene() > 110).astype(np.uint8)
    return png(packed(bits, 1), 0, 1, before=chunk(b"tRNS", b"\0\0")), np.full((72, 104, 3), 255)


@kind("PNG grey 2-bit")
def _() -> Made:
    two = grey_scene() // 64
    return png(packed(two, 2), 0, 2), neutral(two * 85)


@kind("PNG grey 4-bit, tRNS key")
def _() -> Made:
    four = grey_scene() // 16
    before = chunk(b"tRNS", struct.pack(">H", 6))
    return png(packed(four, 4), 0, 4, before=before), on_white(
        neutral(four * 17), np.where(four == 6, 0, 255)
    )


@kind("PNG grey 16-bit")
def _() -> Made:
    return png(wide(sixteen()[..., 0]), 0, 16), neutral(eight_of(sixteen()[..., 0]))


@kind("PNG grey 16-bit, tRNS key")
def _() -> Made:
    values = sixteen()[..., 0]
    values[20:50, 30:60] = 30000
    values[30:40, 40:50] = 30001
    before = chunk(b"tRNS", struct.pack(">H", 30000))
    shown = on_white(neutral(eight_of(values)), np.where(values == 30000, 0, 255))
    return png(wide(values), 0, 16, before=before), shown


@kind("PNG RGB 16-bit")
def _() -> Made:
    return png(wide(sixteen()), 2, 16), eight_of(sixteen())


@kind("PNG RGB 16-bit interlaced")
def _() -> Made:
    return png(wide(sixteen()), 2, 16, interlace=True), eight_of(sixteen())


@kind("PNG RGBA 16-bit", 0.6)
def _() -> Made:
    alpha = np.rint(slope(65535)).astype(int)
    rows = wide(np.dstack([sixteen(), alpha]))
    return png(rows, 6, 16), on_white(eight_of(sixteen()), alpha, 65535)


@kind("PNG grey and alpha 16-bit", 0.6)
def _() -> Made:
    alpha = np.rint(slope(65535)).astype(int)
    grey = sixteen()[..., 0]
    return png(wide(np.dstack([grey, alpha])), 4, 16), on_white(
        neutral(eight_of(grey)), alpha, 65535
    )


@kind("APNG, the default image")
def _() -> Made:
    other = Image.fromarray(scene()[::-1].copy())
    frames = [other, Image.fromarray(255 - scene())]
    data = saved(scene(), "PNG", save_all=True, append_images=frames, default_image=True)
    return data, scene()


@kind("APNG, the first frame")
def _() -> Made:
    data = saved(scene(), "PNG", save_all=True, append_images=[Image.fromarray(255 - scene())])
    return data, scene()
