"""One file of the crawl as a pure function of its order: what to draw, how to save it.

Worker processes import this module; it must stay free of torch.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from limbeck.demo.odd_ones import OutlierKind, draw_outlier, snapshot
from limbeck.demo.scenes import ModeName, compose

Saved = Literal["jpeg", "png", "webp", "jpeg_rotated"]
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Order:
    """An image to be drawn: an in-domain `mode`, or an outlier `kind`."""

    file: str
    seed: int
    mode: ModeName | None
    kind: OutlierKind | None
    saved: Saved = "jpeg"


def picture_of(order: Order) -> Image.Image:
    """Draw one image: 128 to 160 px on the short side, sides from 3:4 to 16:9."""
    rng = np.random.default_rng(order.seed)
    short = int(rng.integers(128, 161))
    aspect = float(rng.choice((1, 1, 1.25, 4 / 3, 4 / 3, 1.5, 16 / 9)))
    size = (round(short * aspect), short)
    if rng.random() < 0.25:
        size = size[1], size[0]
    if order.kind is not None:
        return draw_outlier(order.kind, size, rng)
    assert order.mode is not None
    return snapshot(compose(order.mode, rng), size, rng)


def encode(picture: Image.Image, saved: Saved, seed: int) -> bytes:
    """A file's bytes; JPEG at a quality and colour sampling that the seed picks."""
    rng = np.random.default_rng([seed, 1])
    quality = int(np.clip(rng.normal(82, 9), 48, 96))
    buffer = io.BytesIO()
    match saved:
        case "png":
            picture.save(buffer, "PNG")
        case "webp":
            picture.save(buffer, "WEBP", quality=quality)
        case "jpeg":
            picture.save(buffer, "JPEG", quality=quality, subsampling=int(rng.integers(3)))
        case "jpeg_rotated":
            exif = Image.Exif()
            exif[_ORIENTATION] = 6  # viewers turn it a quarter clockwise
            turned = picture.transpose(Image.Transpose.ROTATE_90)
            turned.save(buffer, "JPEG", quality=quality, exif=exif)
    return buffer.getvalue()


def write_picture(order: Order, folder: str) -> str:
    """Draw and save one file into `folder`; returns the sha256 of its bytes."""
    data = encode(picture_of(order), order.saved, order.seed)
    (Path(folder) / order.file).write_bytes(data)
    return hashlib.sha256(data).hexdigest()
