"""The README's pictures.

python scripts/picture.py demo/run docs/img/demo.png          # what came in, was dropped, is drawn
python scripts/picture.py models/dogs-64 docs/img/dogs.webp    # untruncated and truncated, unpicked
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from limbeck import Pipeline, open_dataset
from limbeck.artefacts.keep import read_keep
from limbeck.kit.images import grid, resize_area, to_pil

SIDE, COLUMNS, ROWS, GAP, BAND = 64, 6, 7, 28, 40
COUNT = COLUMNS * ROWS
PSI = 0.6


def of_run(run: Path) -> dict[str, Tensor]:
    """Photos that came in and that were dropped, and pictures; uint8 [N, 3, S, S] by title."""
    dataset = open_dataset(run / "data")
    dropped = dataset.select(read_keep(run / "keep").dropped)
    random = np.random.default_rng(0)
    panels = {}
    for title, photos in (("came in", dataset), ("was dropped", dropped)):
        rows = np.sort(random.choice(len(photos), min(COUNT, len(photos)), replace=False))
        panels[title] = torch.as_tensor(photos.at(SIDE)[rows])
    pipe = Pipeline.from_pretrained(run / "model", device="cpu")
    return panels | {"is drawn after": resize_area(pipe(range(COUNT)), SIDE)}


def of_model(model: Path) -> dict[str, Tensor]:
    """The same seeds as trained, and pulled to the mean and to the nearest mode."""
    pipe, seeds = Pipeline.from_pretrained(model, device="cpu"), range(COUNT)
    return {
        "psi 1: as trained": pipe(seeds, psi=1.0, truncation="none"),
        f"psi {PSI}, to the mean": pipe(seeds, psi=PSI, truncation="global"),
        f"psi {PSI}, to the nearest mode": pipe(seeds, psi=PSI, truncation="multimodal-lpips"),
    }


def main(folder: Path, out: Path) -> None:
    """Panels side by side, a title above each."""
    panels = of_run(folder) if (folder / "run.json").exists() else of_model(folder)
    sheets = [to_pil(grid(panel, COLUMNS)) for panel in panels.values()]
    width = sum(sheet.width for sheet in sheets) + GAP * (len(sheets) - 1)
    page = Image.new("RGB", (width, sheets[0].height + BAND), "white")
    draw, x = ImageDraw.Draw(page), 0
    for sheet, title in zip(sheets, panels, strict=True):
        draw.text((x, 4), title, fill="#333333", font=ImageFont.load_default(size=24))
        page.paste(sheet, (x, BAND))
        x += sheet.width + GAP
    out.parent.mkdir(parents=True, exist_ok=True)
    page.save(out, optimize=True, quality=92)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
