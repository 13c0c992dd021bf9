"""Which way up a photo is: EXIF's orientation, and AVIF's and HEIF's own turns; XMP's not.

So do browsers, in which these photos were seen before they were collected.
"""

from typing import Any

from PIL import Image

from limbeck.kit.containers import content, png_chunks
from limbeck.kit.exif import read_exif
from limbeck.kit.photo_layouts import load

Box = tuple[int, int, int, int]

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112


def orientation_of(image: Any) -> int:
    """1 to 8, as EXIF counts, of the pixels as an opened file stores them; 1 where none is told."""
    if image.format == "TIFF" and hasattr(image, "tag_v2"):
        told = image.tag_v2.get(_ORIENTATION, 1)
        return next((number for number in _UPRIGHT if number == told), 1)  # as Pillow compares
    block = image.info.get("exif", b"")
    if image.format == "PNG" and not block and getattr(image, "fp", None):
        block = next((content(image.fp, p) for p in png_chunks(image.fp) if p.kind == b"eXIf"), b"")
    return read_exif(block).orientation if isinstance(block, bytes) else 1


def left_to_turn(image: Any) -> int:
    """The orientation of an opened file's pixels once they are loaded: Pillow turns a TIFF."""
    return 1 if image.format == "TIFF" else orientation_of(image)


def stored_size(image: Any) -> tuple[int, int]:
    """(width, height) of an opened file's pixels as they are stored."""
    width, height = image.size
    turned = image.format == "TIFF" and orientation_of(image) >= 5  # Pillow tells the upright size
    return (height, width) if turned else (width, height)


def upright_size(image: Any) -> tuple[int, int]:
    """(width, height) of an opened file once it is turned upright."""
    width, height = image.size
    return (height, width) if left_to_turn(image) >= 5 else (width, height)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Pixels of this orientation -> upright."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def upright(image: Image.Image) -> Image.Image:
    """Load an opened file's first frame and turn it upright.

    Raises:
        NoPhoto, Exception: as `photo_layouts.load`.
    """
    orientation = left_to_turn(image)
    return turned(load(image), orientation)


def turned_box(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """A box in pixels as they are stored -> the same pixels once they are upright.

    Args:
        box: left, top, right, bottom, half open.
        size: (width, height) as stored.
        orientation: of the stored pixels.
    """
    left, top, right, bottom = box
    width, height = size
    x, y = (left, right), (top, bottom)
    back_x, back_y = (width - right, width - left), (height - bottom, height - top)
    across, down = {
        2: (back_x, y), 3: (back_x, back_y), 4: (x, back_y), 5: (y, x),
        6: (back_y, x), 7: (back_y, back_x), 8: (y, back_x),
    }.get(orientation, (x, y))  # fmt: skip
    return across[0], down[0], across[1], down[1]


def stored_box(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """The way back: `box` and `size` of the upright image -> the box as stored."""
    return turned_box(box, size, {6: 8, 8: 6}.get(orientation, orientation))
