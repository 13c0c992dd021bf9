"""The README's picture from a finished run: what came in, what was dropped, what is drawn now.

python scripts/picture.py demo/run docs/img/demo.png
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from limbeck import Pipeline, open_dataset
from limbeck.curation import read_keep
from limbeck.kit.images import grid, resize_area, to_pil

SIDE, COLUMNS, ROWS, GAP, BAND = 64, 6, 7, 28, 40
TITLES = ("came in", "was dropped", "is drawn after")


def main(run: Path, out: Path) -> None:
    dataset = open_dataset(run / "data")
    dropped = dataset.select(read_keep(run / "keep").dropped)
    random = np.random.default_rng(0)
    count = COLUMNS * ROWS
    panels = []
    for photos in (dataset, dropped):
        rows = np.sort(random.choice(len(photos), min(count, len(photos)), replace=False))
        panels.append(photos.at(SIDE)[rows])
    pipe = Pipeline.from_pretrained(run / "model", device="cpu")
    panels.append(resize_area(pipe(range(count)), SIDE))
    sheets = [to_pil(grid(torch.as_tensor(panel), COLUMNS)) for panel in panels]
    width = sum(sheet.width for sheet in sheets) + GAP * (len(sheets) - 1)
    page = Image.new("RGB", (width, sheets[0].height + BAND), "white")
    draw, x = ImageDraw.Draw(page), 0
    for sheet, title in zip(sheets, TITLES, strict=True):
        draw.text((x, 4), title, fill="#333333", font=ImageFont.load_default(size=24))
        page.paste(sheet, (x, BAND))
        x += sheet.width + GAP
    out.parent.mkdir(parents=True, exist_ok=True)
    page.quantize(256).save(out, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
