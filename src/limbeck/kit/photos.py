"""What decoding a photo means everywhere: formats, size limit, and eight bits."""

from functools import cache

import numpy as np
from PIL import Image, ImageCms
from PIL import __version__ as pillow

MAX_PIXELS = 64_000_000
"""Width times height of the largest image that is decoded."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the brightness (Rec. 601)."""
# Others (EPS, PDF, ...) would start programs of the system.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "HEIF")
_CODECS = (
    "jpg", "libjpeg_turbo", "mozjpeg", "jpg_2000", "zlib", "zlib_ng", "libtiff", "webp", "avif",
    "littlecms2",
)  # fmt: skip
"""By the names of `PIL.features`, which has versions of what Pillow was built with."""
_DIM = 16  # floats with a maximum between 1 and this have no scale that can be told


class NoPhoto(ValueError):
    """Pixels that are no photo's, or whose meaning cannot be told."""


@cache
def photo_formats() -> tuple[str, ...]:
    """Names of the formats that are read here, for `PIL.Image.open`; HEIF where it is installed."""
    try:
        import pillow_heif
    except ImportError:
        pass
    else:
        pillow_heif.register_heif_opener()
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


@cache
def codec_versions() -> dict[str, str]:
    """Versions of Pillow and of all that it decodes and converts colours with, by name; libraries
    of one Pillow differ by who built it."""
    from PIL import features

    photo_formats()
    there = set(features.get_supported())
    found = {"pillow": pillow}
    found |= {name: features.version(name) or "there" for name in _CODECS if name in there}
    if "HEIF" in photo_formats():
        import pillow_heif

        found["pillow_heif"] = pillow_heif.__version__
        found["libheif"] = pillow_heif.libheif_version()
    return found


def eight_bit(image: Image.Image) -> Image.Image:
    """Any mode -> L, RGB or CMYK without alpha, which is laid on white; as `parted` otherwise.

    Raises:
        NoPhoto: as `parted`.
    """
    return on_white(*parted(image))


def parted(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Any mode -> (L, RGB or CMYK; alpha as L, or None where there is none).

    More than eight bits are scaled and rounded. White is 65535 of 16 bits; of 32-bit integers 255
    where none is greater, else 65535; of floats 1 where none is greater, else 255.

    Raises:
        NoPhoto: numbers below 0 or above white; floats whose greatest is between 1 and 16.
    """
    if image.mode.startswith(("I", "F")):
        image = grey(image, white_of(image))
    elif image.mode == "LAB":
        return in_srgb(image, ImageCms.createProfile("LAB")), None
    elif image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    if image.mode in ("LA", "PA", "RGBA") or image.has_transparency_data:
        neutral = image.mode in ("L", "LA")  # so that a profile for grey still fits
        layer = image.convert("RGBA")
        colours = layer.getchannel("R") if neutral else layer.convert("RGB")
        return colours, layer.getchannel("A")
    if image.mode == "1":
        return image.convert("L"), None
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB"), None


def on_white(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """L or RGB laid on white; without alpha the image as it is."""
    if alpha is None:
        return image
    return Image.composite(image, Image.new(image.mode, image.size, "white"), alpha)


def in_srgb(image: Image.Image, profile: object) -> Image.Image:
    """An image whose colours a profile of its mode tells -> RGB in sRGB.

    Raises:
        ImageCms.PyCMSError: the profile is not one of that mode.
    """
    # On its own lcms samples these two on a grid: 11/255 off beside the edge of the gamut.
    sampled = image.mode in ("LAB", "CMYK")
    flags = ImageCms.Flags.NOOPTIMIZE if sampled else ImageCms.Flags.NONE
    target = ImageCms.createProfile("sRGB")
    turned = ImageCms.profileToProfile(image, profile, target, outputMode="RGB", flags=flags)
    assert turned is not None  # only in place is there nothing to return
    return turned


def white_of(image: Image.Image) -> float:
    """The number that is white in a whole image of mode I, I;16 or F: see `parted`.

    Raises:
        NoPhoto: floats whose greatest is between 1 and 16.
    """
    if image.mode.startswith("I;16"):
        return 65535
    high = float(np.asarray(image).max())
    if image.mode == "I":
        return 255 if high <= 255 else 65535
    if 1 < high < _DIM:
        raise NoPhoto(f"floats up to {high:g}, neither in [0, 1] nor in [0, 255]")
    return 1 if high <= 1 else 255


def grey(image: Image.Image, white: float) -> Image.Image:
    """Mode I, I;16 or F -> L, or LA where 16 bits have a transparent value; 0..white -> 0..255.

    Raises:
        NoPhoto: numbers below 0, above `white`, or none.
    """
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= white):
        raise NoPhoto(f"mode {image.mode} with values from {low:g} to {high:g}")
    if values.dtype.kind == "f":
        return Image.fromarray(np.rint(values * (255 / white)).astype(np.uint8))
    table = np.rint(np.arange(int(white) + 1) * (255 / white)).astype(np.uint8)
    scaled = Image.fromarray(table[values])
    key = image.info.get("transparency")
    if isinstance(key, int):
        scaled.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return scaled
