"""A domain beside dogs and the demo's teapots: bath ducks in any colour, pattern, place and light.

Drawn by the demo's own hands, with its outliers; what is another object there is one here too, and
so is a teapot. Hues, materials and settings say nothing, unlike those of the teapots' six modes.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from limbeck import fsio, logs
from limbeck.demo.cards import caption
from limbeck.demo.odd_ones import OUTLIER_KINDS, OUTLIER_SHARES, draw_outlier, snapshot, stranger
from limbeck.demo.shapes import OTHERS, Duck, Solid, Teapot
from limbeck.kit.rng import derive_seed

SIDE = 96
_ELSE: tuple[type[Solid], ...] = (*(solid for solid in OTHERS if solid is not Duck), Teapot)


def draw_ducks(out: Path, *, count: int, outliers: int, seed: int, workers: int = 2) -> Path:
    """Draw ducks and outliers as PNG of 96 px; writes out/photos/*.png and out/truth.jsonl.

    Args:
        out: a folder that is not there yet.
        count: ducks.
        outliers: of the demo's eight kinds in its shares.
        seed: of everything; the images do not depend on `workers`.
        workers: processes.

    Returns:
        The labels: out/truth.jsonl, a line an image with `file`, `is_outlier` and `outlier_kind`.
    """
    random = np.random.default_rng(derive_seed(seed, "ducks"))
    shares = np.array(OUTLIER_SHARES) / sum(OUTLIER_SHARES)
    kinds = [*[""] * count, *random.choice(OUTLIER_KINDS, outliers, p=shares)]
    kinds = [str(kind) for kind in random.permutation(kinds)]
    with fsio.atomic_dir(out) as folder:
        (folder / "photos").mkdir()
        drawn = _all(kinds, seed, folder / "photos", workers)
        files = list(logs.track(drawn, "drawing ducks", len(kinds)))
        lines = [
            json.dumps({"file": file, "is_outlier": bool(kind), "outlier_kind": kind or None})
            for file, kind in zip(files, kinds, strict=True)
        ]
        (folder / "truth.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return out / "truth.jsonl"


def _all(kinds: Sequence[str], seed: int, folder: Path, workers: int) -> Iterator[str]:
    job = partial(_one, seed=seed, folder=folder)
    if workers == 1:
        yield from map(job, range(len(kinds)), kinds)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from pool.map(job, range(len(kinds)), kinds, chunksize=8)


def _one(number: int, kind: str, *, seed: int, folder: Path) -> str:
    """Draw one image; its name."""
    name = f"{number:06d}.png"
    random = np.random.default_rng(derive_seed(seed, f"duck {number}"))
    picture(kind, random).resize((SIDE, SIDE)).save(folder / name)
    return name


def picture(kind: str, random: np.random.Generator) -> Image.Image:
    """A duck (no kind), or an outlier of a kind, as an RGB image of about 96 px."""
    size = (SIDE, SIDE)

    def duck(side: int = SIDE) -> Image.Image:
        return snapshot(stranger(random, (Duck,)), (side, side), random)

    if not kind:
        return duck()
    if kind == "other_object":
        return snapshot(stranger(random, _ELSE), size, random)
    if kind == "caption":
        return caption(duck(), random)
    if kind == "collage":
        page = Image.new("RGB", size)
        for x in (0, SIDE // 2):
            for y in (0, SIDE // 2):
                page.paste(duck(SIDE // 2), (x, y))
        return page
    (known,) = (one for one in OUTLIER_KINDS if one == kind)
    return draw_outlier(known, size, random)
