"""TIFF: photometrics, depths, byte orders, planes, compressions."""

import numpy as np
from PIL import Image

from tests.decoding.colour_kinds import (
    eight_of,
    from_ycc,
    inks,
    kind,
    lab_to_srgb,
    neutral,
    on_white,
    printed,
    sixteen,
    srgb_to_lab,
    to_ycc,
)
from tests.decoding.drawn_files import (
    grey_scene,
    packed,
    plain_tiff,
    saved,
    scene,
    slope,
)

Made = tuple[bytes, np.ndarray]


@kind("TIFF RGB")
def _() -> Made:
    return plain_tiff(scene(), 2, [8, 8, 8]), scene()


@kind("TIFF RGB big-endian, planes apart")
def _() -> Made:
    strips = [scene()[..., band].tobytes() for band in range(3)]
    return plain_tiff(scene(), 2, [8, 8, 8], ">", strips=strips, t284=(3, 2)), scene()


for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):

    @kind(f"TIFF RGB {name.removeprefix('tiff_')}")
    def _(name: str = name) -> Made:
        return saved(scene(), "TIFF", compression=name), scene()


@kind("TIFF RGB deflate, predictor")
def _() -> Made:
    options = {"compression": "tiff_adobe_deflate", "tiffinfo": {317: 2}}
    return saved(scene(), "TIFF", **options), scene()


@kind("TIFF RGB JPEG-compressed", 2)
def _() -> Made:
    return saved(scene(), "TIFF", compression="jpeg", quality=97), scene()


@kind("TIFF YCbCr JPEG-compressed", 2)
def _() -> Made:
    image = Image.fromarray(scene()).convert("YCbCr")
    return saved(image, "TIFF", compression="jpeg", quality=97), scene()


@kind("TIFF YCbCr", 0.8)
def _() -> Made:
    ycc = np.rint(to_ycc(scene())).clip(0, 255).astype(np.uint8)
    return plain_tiff(ycc, 6, [8, 8, 8], t530=(3, [1, 1])), from_ycc(ycc)


@kind("TIFF YCbCr LZW", 0.8)
def _() -> Made:
    ycc = np.rint(to_ycc(scene())).clip(0, 255).astype(np.uint8)
    image = Image.frombytes("YCbCr", (104, 72), ycc.tobytes())
    return saved(image, "TIFF", compression="tiff_lzw"), from_ycc(ycc)


@kind("TIFF bilevel, 0 is black")
def _() -> Made:
    bits = (grey_scene() > 110).astype(np.uint8)
    return plain_tiff(packed(bits, 1), 1, [1]), neutral(bits * 255)


@kind("TIFF bilevel, 0 is white")
def _() -> Made:
    bits = (grey_scene() > 110).astype(np.uint8)
    return plain_tiff(packed(bits, 1), 0, [1]), neutral(255 - bits * 255)


@kind("TIFF bilevel, fax group 4")
def _() -> Made:
    bits = grey_scene() > 110
    return saved(Image.fromarray(bits), "TIFF", compression="group4"), neutral(bits * 255)


@kind("TIFF grey, 0 is white")
def _() -> Made:
    return plain_tiff(grey_scene(), 0, [8]), neutral(255 - grey_scene())


@kind("TIFF grey 4-bit")
def _() -> Made:
    four = grey_scene() // 16
    return plain_tiff(packed(four, 4), 1, [4]), neutral(four * 17)


@kind("TIFF palette 4-bit")
def _() -> Made:
    image = Image.fromarray(scene()).quantize(16, dither=Image.Dither.NONE)
    table = np.array(image.getpalette()[:48], dtype=np.uint8).reshape(-1, 3)
    colours = (table.T.astype(int) * 257).reshape(-1).tolist()
    data = plain_tiff(packed(np.asarray(image), 4), 3, [4], t320=(3, colours))
    return data, table[np.asarray(image)]


@kind("TIFF palette written in 8 bits")
def _() -> Made:
    image = Image.fromarray(scene()).quantize(256, dither=Image.Dither.NONE)
    table = np.resize(np.array(image.getpalette(), dtype=np.uint8), (256, 3))
    colours = table.T.astype(int).reshape(-1).tolist()
    data = plain_tiff(np.asarray(image), 3, [8], t320=(3, colours))
    return data, table[np.asarray(image)]


for order, words in (("<", "little-endian"), (">", "big-endian")):

    @kind(f"TIFF grey 16-bit {words}")
    def _(order: str = order) -> Made:
        grey = sixteen()[..., 1]
        return plain_tiff(grey.astype(order + "u2"), 1, [16], order), neutral(eight_of(grey))

    @kind(f"TIFF RGB 16-bit {words}")
    def _(order: str = order) -> Made:
        values = sixteen().astype(order + "u2")
        return plain_tiff(values, 2, [16] * 3, order), eight_of(sixteen())

    @kind(f"TIFF float in [0, 1] {words}")
    def _(order: str = order) -> Made:
        values = (grey_scene() / 255).astype(order + "f4")
        return plain_tiff(values, 1, [32], order, t339=(3, 3)), neutral(grey_scene())


@kind("TIFF grey 16-bit, 0 is white")
def _() -> Made:
    grey = sixteen()[..., 1]
    return plain_tiff(grey.astype("<u2"), 0, [16]), neutral(255 - eight_of(grey))


@kind("TIFF grey 16-bit LZW")
def _() -> Made:
    image = Image.fromarray(sixteen()[..., 1].astype(np.uint16))
    return saved(image, "TIFF", compression="tiff_lzw"), neutral(eight_of(sixteen()[..., 1]))


@kind("TIFF grey 12-bit")
def _() -> Made:
    values = np.rint(grey_scene().astype(float) * 4095 / 255).astype(np.uint16)
    return plain_tiff(packed12(values), 1, [12]), neutral(grey_scene())


def packed12(values: np.ndarray) -> np.ndarray:
    bits = (values[..., None] >> np.arange(11, -1, -1)) & 1
    return np.packbits(bits.reshape(len(values), -1).astype(np.uint8), axis=1)


@kind("TIFF float in [0, 255]")
def _() -> Made:
    values = grey_scene().astype("<f4")
    return plain_tiff(values, 1, [32], t339=(3, 3)), neutral(grey_scene())


@kind("TIFF float deflate, float predictor")
def _() -> Made:
    image = Image.fromarray(grey_scene().astype(np.float32))
    options = {"compression": "tiff_adobe_deflate", "tiffinfo": {317: 3}}
    return saved(image, "TIFF", **options), neutral(grey_scene())


@kind("TIFF int32 in [0, 65535]")
def _() -> Made:
    grey = sixteen()[..., 1]
    return plain_tiff(grey.astype("<i4"), 1, [32], t339=(3, 2)), neutral(eight_of(grey))


@kind("TIFF int32 in [0, 255]")
def _() -> Made:
    values = grey_scene().astype("<i4")
    return plain_tiff(values, 1, [32], t339=(3, 2)), neutral(grey_scene())


@kind("TIFF CMYK")
def _() -> Made:
    return plain_tiff(inks(), 5, [8] * 4, t332=(3, 1)), printed(inks())


@kind("TIFF CMYK 16-bit")
def _() -> Made:
    values = inks().astype("<u2") * 257
    return plain_tiff(values, 5, [16] * 4), printed(inks())


@kind("TIFF L*a*b*", 1)
def _() -> Made:
    lab = srgb_to_lab(scene())
    stored = np.dstack([np.rint(lab[..., :1] * 255 / 100), np.rint(lab[..., 1:]).clip(-128, 127)])
    shown = lab_to_srgb(np.dstack([stored[..., :1] * 100 / 255, stored[..., 1:]]))
    return plain_tiff(stored.astype(np.int16).astype(np.uint8), 8, [8, 8, 8]), shown


@kind("TIFF RGBA, alpha apart", 0.6)
def _() -> Made:
    alpha = slope().astype(np.uint8)
    data = plain_tiff(np.dstack([scene(), alpha]), 2, [8] * 4, t338=(3, 2))
    return data, on_white(scene(), alpha)


@kind("TIFF RGBA, alpha multiplied in", 0.6)
def _() -> Made:
    alpha = slope().astype(np.uint8)
    inside = np.rint(scene() * (alpha[..., None] / 255)).astype(np.uint8)
    data = plain_tiff(np.dstack([inside, alpha]), 2, [8] * 4, t338=(3, 1))
    return data, inside + 255.0 - alpha[..., None]


@kind("TIFF RGBA 16-bit, alpha multiplied in", 0.8)
def _() -> Made:
    alpha = np.rint(slope(65535))
    inside = np.rint(sixteen() * (alpha[..., None] / 65535))
    values = np.dstack([inside, alpha]).astype("<u2")
    shown = (inside + 65535 - alpha[..., None]) * 255 / 65535
    return plain_tiff(values, 2, [16] * 4, t338=(3, 1)), shown


@kind("TIFF grey, alpha multiplied in", 0.6)
def _() -> Made:
    alpha = slope().astype(np.uint8)
    inside = np.rint(grey_scene() * (alpha / 255)).astype(np.uint8)
    data = plain_tiff(np.dstack([inside, alpha]), 1, [8] * 2, t338=(3, 1))
    return data, neutral(inside + 255.0 - alpha)


@kind("TIFF RGBX, a fourth channel of no meaning")
def _() -> Made:
    spare = np.full((72, 104), 40, dtype=np.uint8)
    return plain_tiff(np.dstack([scene(), spare]), 2, [8] * 4, t338=(3, 0)), scene()


@kind("TIFF of several pages, the first")
def _() -> Made:
    pages = [Image.fromarray(255 - scene()), Image.fromarray(grey_scene())]
    return saved(scene(), "TIFF", save_all=True, append_images=pages), scene()
