"""Bytes of a stranger's file -> an upright sRGB square, or a reason why not."""

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from limbeck.kit import photo_turning
from limbeck.kit.photo_colours import colours_of, opaque, to_srgb
from limbeck.kit.photo_layouts import load
from limbeck.kit.photo_turning import Box as Box
from limbeck.kit.photos import MAX_PIXELS, NoPhoto, eight_bit, photo_formats
from limbeck.verdicts import Reason

DECODING = 4
"""Counts changes of what a photo's bytes become; datasets remember it."""
_KNOWN = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WEBP"),
)
ARCHIVE = "an archive inside; unpack it"
HEIC = "HEIC"
_ARCHIVES = tuple(
    (at, magic, ARCHIVE)
    for at, magic in (
        (0, b"PK\3\4"), (0, b"PK\5\6"), (0, b"PK\7\x08"), (0, b"7z\xbc\xaf\x27\x1c"),
        (0, b"Rar!\x1a\7"), (0, b"\x1f\x8b\x08"), (0, b"BZh"), (0, b"\xfd7zXZ\0"),
        (0, b"\x28\xb5\x2f\xfd"), (257, b"ustar"),
    )
)  # fmt: skip
_UNSUPPORTED = (
    *(
        (4, b"ftyp" + brand, f"{HEIC}; needs pip install 'limbeck[heif]'")
        for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
    ),
    (4, b"ftypavi", "AVIF, which this Pillow does not read"),
    (4, b"ftyp", "a video"),
    (0, b"II*\0", "this kind of TIFF"),
    (0, b"MM\0*", "this kind of TIFF"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%PDF", "PDF"),
)


class Rejected(Exception):
    """A file that cannot become an image: why, and the decoder's own words."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Square:
    """A decoded image: uint8 RGB [3, S, S], what was odd about its file (or empty), and the file's
    format as Pillow names it."""

    pixels: NDArray[np.uint8]
    note: str
    format: str


def centre_box(width: int, height: int) -> Box:
    """The largest centred square of an image: (left, top, right, bottom), pixels, half-open."""
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Turn Pillow's bomb warning into a rejection and keep its chatter off the screen.

    Filters are the process's.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _matches(data: bytes, table: tuple[tuple[int, bytes, str], ...]) -> str:
    return next((name for at, magic, name in table if data[at : at + len(magic)] == magic), "")


def _open(data: bytes) -> Image.Image:
    """Read the header only; the format is sniffed, names count for nothing.

    Raises:
        Rejected: not an image, unsupported, damaged in its header, or more than 64 MP.
    """
    if not data:
        raise Rejected(Reason.NOT_AN_IMAGE, "empty file")
    try:
        image = Image.open(io.BytesIO(data), formats=photo_formats())
    except UnidentifiedImageError:
        if known := _matches(data, _KNOWN):
            raise Rejected(Reason.CORRUPT, f"{known} with an unreadable header") from None
        if other := _matches(data, _UNSUPPORTED):
            if other.startswith(HEIC) and "HEIF" in photo_formats():
                raise Rejected(Reason.CORRUPT, f"{HEIC} with an unreadable header") from None
            raise Rejected(Reason.UNSUPPORTED, other) from None
        if archive := _matches(data, _ARCHIVES):
            raise Rejected(Reason.NOT_AN_IMAGE, archive) from None
        raise Rejected(Reason.NOT_AN_IMAGE, "no known image format") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Rejected(Reason.TOO_LARGE, str(error)) from None
    except MemoryError:
        raise
    except Exception as error:  # a decoder may raise anything on a stranger's bytes
        raise Rejected(Reason.CORRUPT, _words(error)) from None
    if image.width * image.height > MAX_PIXELS:
        raise Rejected(
            Reason.TOO_LARGE, f"{image.width} x {image.height} pixels, limit {MAX_PIXELS}"
        )
    return image


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def upright_size(data: bytes) -> tuple[int, int]:
    """(width, height) after EXIF rotation, from the header alone.

    Raises:
        Rejected: as `square`, for what the header shows.
        MemoryError: there is too little memory.
    """
    return photo_turning.upright_size(_open(data))


def glance(data: bytes, longest: int) -> Image.Image:
    """Decode and turn upright, as RGB whose longer side is at most `longest` pixels.

    Colours are as stored, without a profile: this is for looking, not for keeping.

    Raises:
        Rejected: as `square`.
        MemoryError: there is too little memory.
    """
    image = _open(data)
    factor = min(1.0, longest / max(image.size))
    with _damage():
        if image.format in ("JPEG", "MPO"):
            image.draft(image.mode, (int(image.width * factor), int(image.height * factor)))
        image = eight_bit(photo_turning.upright(image))
        factor = min(1.0, longest / max(image.size))
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        if size != image.size:
            image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
        return image.convert("RGB")


@contextmanager
def _damage() -> Iterator[None]:
    """What a decoder raises on a stranger's bytes, as a rejection."""
    try:
        yield
    except (Rejected, MemoryError):
        raise
    except NoPhoto as error:
        raise Rejected(Reason.UNSUPPORTED, str(error)) from None
    except Exception as error:  # a decoder may raise anything
        raise Rejected(Reason.CORRUPT, _words(error)) from None


def upright_box(data: bytes, box: Box) -> Box:
    """A box in pixels of the image as it is stored -> the same pixels once it is turned upright.

    Raises:
        Rejected: as `upright_size`; or the box reaches beyond the image.
        MemoryError: there is too little memory.
    """
    image = _open(data)
    size = photo_turning.stored_size(image)
    if box[2] > size[0] or box[3] > size[1]:
        detail = f"the box {box} reaches beyond {size[0]} x {size[1]} pixels"
        raise Rejected(Reason.BAD_BOX, detail)
    return photo_turning.turned_box(box, size, photo_turning.orientation_of(image))


def stored_box(data: bytes, box: Box) -> Box:
    """The inverse of `upright_box`: a box in the upright image -> in the image as it is stored.

    Raises:
        Rejected, MemoryError: as `upright_box`.
    """
    image = _open(data)
    size = photo_turning.upright_size(image)
    if box[2] > size[0] or box[3] > size[1]:
        detail = f"the box {box} reaches beyond {size[0]} x {size[1]} pixels"
        raise Rejected(Reason.BAD_BOX, detail)
    return photo_turning.stored_box(box, size, photo_turning.orientation_of(image))


def square(data: bytes, box: Box, side: int) -> Square:
    """Decode, turn upright, crop `box` (pixels of the upright image), Lanczos to `side`, sRGB.

    The first frame counts; alpha is laid on white; 16 bits are scaled to 8. A JPEG more than twice
    as large as needed is first reduced by its own block transform (never below 2 x `side`).

    Raises:
        Rejected: truncated, damaged, or a pixel layout that is not a photo's.
        MemoryError: there is too little memory.
    """
    image = _open(data)
    kind = image.format or ""
    with _damage():
        colours = colours_of(image)
        orientation = photo_turning.left_to_turn(image)
        stored = photo_turning.stored_box(box, photo_turning.upright_size(image), orientation)
        scale = 1.0
        if image.format in ("JPEG", "MPO"):
            factor = min(1.0, 2 * side / (box[2] - box[0]))
            width, height = image.size
            wanted = (int(width * factor) + 1, int(height * factor) + 1)
            reduced = image.draft(image.mode, wanted)
            scale = reduced[1][2] / width if reduced else 1.0  # 1, 1/2, 1/4 or 1/8
        left, top, right, bottom = (edge * scale for edge in stored)
        x, y = math.floor(left), math.floor(top)
        image = load(image).crop((x, y, math.ceil(right), math.ceil(bottom)))
        within = (left - x, top - y, right - x, bottom - y)
        image, colours, note = opaque(image, colours)
        image = image.resize((side, side), Image.Resampling.LANCZOS, within)
        image, more = to_srgb(photo_turning.turned(image, orientation), colours)
    pixels = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
    return Square(pixels, note or more, kind)
