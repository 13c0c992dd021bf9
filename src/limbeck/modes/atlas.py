"""Images of the modes: one sheet each, and an atlas with a row per mode."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from limbeck import fsio
from limbeck.kit.images import grid, resize_area, save_png, to_pil, to_uint8
from limbeck.nets import AnyGenerator

CELL, GAP, TEXT = 96, 4, 150
_COLUMNS, _CHUNK = 4, 16


@torch.no_grad()
def images_of_latents(G: AnyGenerator, w: Tensor) -> Tensor:
    """float [N, w_dim] -> uint8 [N, 3, S, S] on the CPU, const noise."""
    parts = [
        to_uint8(G.synthesis(G.broadcast(part), noise="const")).cpu()
        for part in torch.split(w, _CHUNK)
    ]
    return torch.cat(parts)


def write_sheets(out: Path, examples: Sequence[Tensor]) -> None:
    """mode-00.png ...: the members nearest each centre (uint8 [n, 3, S, S]), the nearest first."""
    for number, pictures in enumerate(examples):
        save_png(grid(pictures, min(_COLUMNS, len(pictures))), out / f"mode-{number:02d}.png")


def write_atlas(
    path: Path, centres: Tensor, examples: Sequence[Tensor], sizes: Sequence[int]
) -> None:
    """One row a mode, the largest first: number, share in percent, centre, examples; as PNG.

    Args:
        path: the file.
        centres: uint8 [K, 3, S, S], the centres' images.
        examples: for each mode uint8 [n, 3, S, S].
        sizes: members of each mode.
    """
    columns = 1 + max(len(pictures) for pictures in examples)
    width = TEXT + columns * (CELL + GAP) + 3 * GAP
    sheet = Image.new("RGB", (width, len(sizes) * (CELL + GAP) + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(18), ImageFont.load_default(12)
    for number, (centre, pictures) in enumerate(zip(centres, examples, strict=True)):
        top = GAP + number * (CELL + GAP)
        share = 100 * sizes[number] / sum(sizes)
        draw.text((2 * GAP, top + CELL // 2 - 22), f"mode {number}", "black", large)
        draw.text((2 * GAP, top + CELL // 2 + 4), f"{share:.1f} % of {sum(sizes):,}", "gray", small)
        _paste(sheet, centre, TEXT, top)
        for index, picture in enumerate(pictures):
            _paste(sheet, picture, TEXT + 3 * GAP + (index + 1) * (CELL + GAP), top)
    with fsio.atomic_file(path) as temporary:
        sheet.save(temporary, "PNG")


def _paste(sheet: Image.Image, picture: Tensor, x: int, y: int) -> None:
    if picture.shape[-1] > CELL:
        picture = resize_area(picture[None], CELL)[0]
    image = to_pil(picture)
    if image.width < CELL:
        image = image.resize((CELL, CELL), Image.Resampling.NEAREST)
    sheet.paste(image, (x, y))
