"""Loading a file's pixels as the file means them, where Pillow alone would read another picture.

Each rule mends what Pillow leaves, or refuses what it would get wrong.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image

from limbeck.kit.containers import webp_frame
from limbeck.kit.photo_rows import check_jpeg, check_png, check_tiles
from limbeck.kit.photos import NoPhoto, grey, white_of

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _PLANAR, _COLOURS = 256, 257, 258, 262, 284, 320
_INKS, _EXTRA, _SAMPLES = 332, 338, 339
_WEIGHTS, _SUBSAMPLED, _RANGE = 529, 530, 532
_REC601 = (0.299, 0.587, 0.114)
_FULL_RANGE = (0, 255, 128, 255, 128, 255)
_WHITE_IS_ZERO, _RGB, _CMYK, _YCBCR = 0, 2, 5, 6


def load(image: Image.Image) -> Image.Image:
    """Load an opened image's first frame; an image that came from no file is loaded as it is.

    Raises:
        NoPhoto: a layout that cannot be read rightly.
        Exception: whatever a decoder raises on a damaged file.
    """
    rule = _RULES.get(image.format or "")
    if rule is not None:
        return rule(image)
    image.load()
    return image


def _only(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """Transparent outside of the box."""
    seen = Image.new("L", image.size, 0)
    seen.paste(255, box)
    image = image.convert("RGB")
    image.putalpha(seen)
    return image


def _gif(image: Any) -> Any:
    """What the first frame does not cover is transparent, not the palette's first colour."""
    image.load()
    box = image.dispose_extent
    if box is None or image.tell() or "transparency" in image.info:
        return image
    return image if box == (0, 0, *image.size) else _only(image, box)


def _webp(image: Any) -> Any:
    """What the first frame does not cover is transparent, not black, though none has alpha."""
    box = webp_frame(image.fp) if image.fp else None
    image.load()
    if box is None or image.tell() or image.mode != "RGB":
        return image
    return image if box == (0, 0, *image.size) else _only(image, box)


def _png(image: Any) -> Image.Image:
    """A transparent value is told in the file's bits, and compared with all of them."""
    raw, file = image.tile[0].args if image.tile else "", image.fp
    image.load()
    if file is not None and not file.closed:
        check_png(image, file)
    key = image.info.get("transparency")
    if raw in ("L", "L;2", "L;4") and isinstance(key, int):
        most = {"L": 255, "L;2": 3, "L;4": 15}[raw]
        image.info["transparency"] = (key & most) * (255 // most)
    elif raw == "RGB" and isinstance(key, tuple):
        image.info["transparency"] = tuple(value & 255 for value in key)
    elif raw == "RGB;16B" and key is not None:
        raise NoPhoto("PNG of 16 bits with a transparent colour")
    return image


def _jpeg(image: Any) -> Any:
    """To Pillow an end that comes early is one; the rest is grey."""
    data = image.fp.getvalue() if isinstance(image.fp, BytesIO) else b""
    image.load()
    check_jpeg(image, data)
    return image


def _bmp(image: Any) -> Image.Image:
    """Alpha that is 0 everywhere was never meant: such a picture would be all white."""
    image.load()
    if image.mode == "RGBA" and image.getchannel("A").getextrema()[1] == 0:
        return image.convert("RGB")
    return image


def _ppm(image: Any) -> Image.Image:
    """PGM of more than eight bits comes scaled to 65535, however dark it is."""
    if image.mode == "F":
        raise NoPhoto("PFM, a map of linear light")
    image.load()
    return grey(image, 65535) if image.mode == "I" else image


def _tiff(image: Any) -> Image.Image:
    tags = image.tag_v2 if image.tile else {}
    bits = tags.get(_BITS, (1,))
    photometric = tags.get(_PHOTOMETRIC, _WHITE_IS_ZERO)
    if tags:
        _refuse_tiff(tags, bits, photometric, image)
        apart = tags.get(_PLANAR, 1) == 2 and image.info.get("compression") == "raw"
        check_tiles(image.tile, (tags[_WIDTH], tags[_HEIGHT]), len(bits) if apart else 1)
    image.info.pop("xmp", None)  # Pillow would turn by it
    image.load()
    if image.mode in ("I", "F"):  # whose white the whole picture tells, not the part that is kept
        image = grey(image, white_of(image))
    elif image.mode.startswith("I;16"):
        image = grey(image, 2.0 ** bits[0] - 1 if tags else 65535)
        if photometric == _WHITE_IS_ZERO and tags:
            image = image.point(lambda value: 255 - value)
    elif image.mode == "P" and max(tags.get(_COLOURS, (256,))) < 256:  # eight bits for sixteen
        image.putpalette(bytes(_interleaved(tags[_COLOURS])))
    return image


def _refuse_tiff(tags: Any, bits: tuple[int, ...], photometric: int, image: Any) -> None:
    raw = image.info.get("compression") == "raw"
    extra = tags.get(_EXTRA, ())
    if 2 in tags.get(_SAMPLES, (1,)) and max(bits) <= 16:
        raise NoPhoto("TIFF of signed numbers")
    if photometric == _WHITE_IS_ZERO and image.mode == "F":
        raise NoPhoto("TIFF of floats where 0 is white")
    if photometric == _CMYK and tags.get(_INKS, 1) != 1:
        raise NoPhoto("TIFF of inks other than CMYK")
    if tags.get(_PLANAR, 1) == 2 and raw and len(bits) > 1:
        plain = photometric in (_RGB, _CMYK) and set(bits) == {8} and 1 not in extra
        if not plain:
            raise NoPhoto("TIFF of separate planes of another kind than 8-bit RGB or CMYK")
    if photometric == _YCBCR and raw:
        weights = tags.get(_WEIGHTS, _REC601)
        usual = all(abs(a - b) < 0.002 for a, b in zip(weights, _REC601, strict=False))
        whole = tuple(map(float, tags.get(_RANGE, _FULL_RANGE))) == _FULL_RANGE
        if tuple(tags.get(_SUBSAMPLED, (2, 2))) != (1, 1) or not usual or not whole:
            raise NoPhoto("TIFF of uncompressed YCbCr, subsampled or of another range")


def _interleaved(colours: tuple[int, ...]) -> list[int]:
    third = len(colours) // 3
    return [colours[band * third + number] for number in range(third) for band in range(3)]


_RULES: dict[str, Callable[[Any], Image.Image]] = {
    "GIF": _gif, "WEBP": _webp, "PNG": _png, "BMP": _bmp, "PPM": _ppm, "TIFF": _tiff,
    "JPEG": _jpeg, "MPO": _jpeg,
}  # fmt: skip
