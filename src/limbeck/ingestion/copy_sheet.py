"""A picture of copies to the eye: each kept photo beside those that were left out for it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from limbeck import fsio
from limbeck.data import CopyGroup, shown_groups
from limbeck.records import ImageInfo

_SIDE, _GAP, _LINE, _COLUMNS = 112, 8, 14, 4
_KEPT, _LEFT_OUT = "#0f6f6a", "#e0457b"


def save_copy_sheet(
    infos: Sequence[ImageInfo], square: Callable[[ImageInfo], NDArray[np.uint8]], out: Path
) -> None:
    """Write `out`: the groups of `shown_groups`, numbered; none, no file.

    Kept photos are framed in green; beside each, in red, what was left out and differs most.

    Args:
        infos: every listed file.
        square: uint8 [3, S, S] of a row that was decoded.
        out: a .jpg.
    """
    groups = shown_groups(infos)
    if not groups:
        return
    wide, high = 2 * (_SIDE + _GAP) + 2 * _GAP, _SIDE + _LINE + _GAP
    columns = min(_COLUMNS, len(groups))
    sheet = Image.new("RGB", (columns * wide, -(-len(groups) // columns) * high), "white")
    for number, group in enumerate(groups):
        corner = number % columns * wide + _GAP, number // columns * high
        _draw(sheet, corner, number + 1, group, square)
    with fsio.atomic_file(out) as temporary:
        sheet.save(temporary, "JPEG", quality=88)


def _draw(
    sheet: Image.Image,
    corner: tuple[int, int],
    number: int,
    group: CopyGroup,
    square: Callable[[ImageInfo], NDArray[np.uint8]],
) -> None:
    """One group: the kept photo, then the first left out, each below what it is."""
    pen = ImageDraw.Draw(sheet)
    more = len(group.left_out) - 1
    for place, info in enumerate((group.kept, group.left_out[0])):
        left, top = corner[0] + place * (_SIDE + _GAP), corner[1] + _LINE
        image = Image.fromarray(np.ascontiguousarray(square(info).transpose(1, 2, 0)))
        sheet.paste(image.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), (left, top))
        colour = _LEFT_OUT if place else _KEPT
        pen.rectangle((left, top, left + _SIDE - 1, top + _SIDE - 1), outline=colour, width=2)
        words = _facts(info) if place else f"{number}: {_facts(info)}"
        if place and more:
            words += f" +{more}"
        pen.text((left, corner[1] + 1), words, fill="black")


def _facts(info: ImageInfo) -> str:
    """What the best is chosen by, first of all."""
    assert info.box is not None, "decoded photos have one"
    pixels = info.width * info.height
    return f"{info.box[2] - info.box[0]} px, {(info.bytes or 0) / pixels:.2f} B/px"
