"""The atlas of directions: a row each, a column for each strength, where the picture changes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from limbeck import fsio
from limbeck.editing.directions.effects import Measured, effect_mask
from limbeck.editing.directions.records import About, Entry
from limbeck.editing.steering import steered
from limbeck.errors import DataError
from limbeck.kit.images import resize_area, to_pil, to_uint8
from limbeck.nets import AnyGenerator

ATLAS = "atlas.png"
CELL, GAP, TEXT, HEAD = 128, 4, 250, 30
STEPS = 7
"""Strengths."""
SHOWN = 2
"""Base images of each direction, one below the other."""
_ROW = SHOWN * (CELL + GAP) + 2 * GAP
_WIDTH = TEXT + (STEPS + 1) * (CELL + GAP) + 3 * GAP
_SMALLEST, _LARGE, _SMALL = 9, 17, 12


@torch.no_grad()
def draw_atlas(
    G: AnyGenerator,
    found: Sequence[tuple[Measured, Tensor]],
    about: About,
    path: Path,
) -> None:
    """Write the atlas as PNG.

    Args:
        G: the generator.
        found: measured directions, each with its base images float32 [B, num_ws, w_dim].
        about: what is written beside them, and the strengths.
        path: the file.
    """
    sheet = Image.new("RGB", (_WIDTH, HEAD + len(found) * _ROW), "white")
    draw = ImageDraw.Draw(sheet)
    heads = [f"{strength:+g}" if strength else "0" for strength in about.strengths] + ["where"]
    for column, head in enumerate(heads):
        draw.text((_left(column) + CELL // 2, HEAD // 2), head, "black", _font(_LARGE), "mm")
    for number, (one, bases) in enumerate(found):
        shown, top = bases[:SHOWN], HEAD + number * _ROW
        for column, strength in enumerate(about.strengths):
            pictures = steered(G, shown, [(one.candidate.direction, strength)])
            _paste(sheet, to_uint8(pictures).cpu(), column, top)
        _paste(sheet, _heat(to_uint8(steered(G, shown, [])).cpu(), one.map), len(heads) - 1, top)
    _label(sheet, about.directions)
    _save(sheet, path)


def relabel(path: Path, entries: Sequence[Entry], to: Path) -> None:
    """Write the labels of an atlas anew.

    Args:
        path: the atlas.
        entries: of its rows, in order.
        to: where the new one goes.

    Raises:
        DataError: it is no such atlas.
    """
    try:
        with Image.open(path, formats=["PNG"]) as opened:
            sheet = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise fsio.misread(error, f"{path} is damaged", "run `limbeck directions` again") from None
    if sheet.size != (_WIDTH, HEAD + len(entries) * _ROW):
        raise DataError(f"{path} is not the atlas of these directions", "move it away")
    _label(sheet, entries)
    _save(sheet, to)


def _save(sheet: Image.Image, path: Path) -> None:
    with fsio.atomic_file(path) as temporary:
        sheet.save(temporary, "PNG")


def _left(column: int) -> int:
    """Where a column begins; the last one stands apart."""
    return TEXT + column * (CELL + GAP) + (2 * GAP if column == STEPS else 0)


def _paste(sheet: Image.Image, pictures: Tensor, column: int, top: int) -> None:
    for index, picture in enumerate(pictures):
        if picture.shape[-1] > CELL:
            picture = resize_area(picture[None], CELL)[0]
        image = to_pil(picture)
        if image.width < CELL:
            image = image.resize((CELL, CELL), Image.Resampling.NEAREST)
        sheet.paste(image, (_left(column), top + index * (CELL + GAP)))


def _heat(pictures: Tensor, map_: Tensor) -> Tensor:
    """uint8 [N, 3, S, S] in grey with the map in red, the mask's edge in white."""
    size = pictures.shape[-1]
    weight = F.interpolate(map_[None, None], size=(size, size), mode="bilinear")[0]
    grey = pictures.float().mean(1, keepdim=True).expand(-1, 3, -1, -1)
    red = torch.tensor([255.0, 40.0, 0.0]).view(1, 3, 1, 1)
    mixed = torch.lerp(grey, red.expand_as(grey), 0.75 * weight)
    mask = effect_mask(weight).float()[None]
    edge = (F.max_pool2d(mask, 3, 1, 1) > mask)[0]
    return torch.where(edge, torch.tensor(255.0), mixed).round().to(torch.uint8)


def _label(sheet: Image.Image, entries: Sequence[Entry]) -> None:
    """Write the first column: names, and the figures that matter most."""
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((0, HEAD, TEXT - GAP, sheet.height), "white")
    for number, entry in enumerate(entries):
        top = HEAD + number * _ROW + 3 * GAP
        _line(draw, (2 * GAP, top), f"{number}  {entry.name or entry.id}", "black", _LARGE)
        lines = [entry.id] if entry.name else []
        for row, text in enumerate([*lines, *_facts(entry)]):
            _line(draw, (2 * GAP, top + 28 + 19 * row), text, (90, 90, 90), _SMALL)


def _facts(entry: Entry) -> list[str]:
    effects = entry.effects
    lines = [
        f"LPIPS a unit {effects.lpips_per_unit:.3f}",
        f"{effects.inside:.0%} of it in {effects.area:.0%} of the picture",
        f"monotonic {effects.monotonic:.2f}",
    ]
    if effects.mode_changes is not None:
        lines.append(f"mode changes in {effects.mode_changes:.0%}")
    if entry.explained is not None:
        lines.append(f"{entry.explained:.1%} of the variance of w")
    if entry.label is not None:
        what = "accuracy" if entry.label.value is not None else "R2"
        lines.append(f"{what} {entry.label.score:.2f} on {entry.label.rows} rows")
    return lines


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _line(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    colour: str | tuple[int, int, int],
    size: int,
) -> None:
    """Text as large as fits into the column."""
    room = TEXT - at[0] - 2 * GAP
    while size > _SMALLEST and draw.textlength(text, _font(size)) > room:
        size -= 1
    while draw.textlength(text, _font(size)) > room:
        text = text[:-2] + "…"
    draw.text(at, text, colour, _font(size))
