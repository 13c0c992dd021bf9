"""Images inside the page: contact sheets with transparent gaps, encoded as data URIs."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, features
from torch import Tensor

from limbeck.errors import DataError
from limbeck.kit.images import resize_area, to_pil

SMALL = 64


@dataclass(frozen=True)
class Picture:
    """A data URI with the words that stand in for it; width and height in pixels.

    `crisp`: the images in it are so small that the page shows their pixels as squares.
    """

    uri: str
    width: int
    height: int
    alt: str
    crisp: bool = False


def picture(image: Image.Image, alt: str, *, exact: bool, crisp: bool = False) -> Picture:
    """Encode as WebP (PNG where Pillow has none): lossless if `exact`, else at quality 86."""
    buffer = io.BytesIO()
    kind = "webp" if features.check("webp") else "png"
    if kind == "webp":
        image.save(buffer, "WEBP", lossless=exact, quality=80 if exact else 86, method=4)
    else:
        image.save(buffer, "PNG", optimize=True)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Picture(f"data:image/{kind};base64,{text}", image.width, image.height, alt, crisp)


def single(image: Tensor, alt: str, *, at_most: int = 128) -> Picture:
    """uint8 [3, S, S] -> image, reduced to `at_most` pixels a side."""
    if image.shape[-1] > at_most:
        image = resize_area(image[None], at_most)[0]
    side = image.shape[-1]
    return picture(to_pil(image), alt, exact=side < SMALL, crisp=side < SMALL)


def sheet(images: Tensor, columns: int, alt: str, *, at_most: int = 96) -> Picture:
    """uint8 [N, 3, S, S] -> one image, row by row, cells of at most `at_most` pixels."""
    if images.shape[-1] > at_most:
        images = resize_area(images, at_most)
    count, _, side, _ = images.shape
    columns = max(1, min(columns, count))
    gap = max(1, side // 24)
    rows = -(-count // columns)
    canvas = np.zeros((rows * (side + gap) - gap, columns * (side + gap) - gap, 4), dtype=np.uint8)
    cells = images.cpu().permute(0, 2, 3, 1).numpy()
    for index in range(count):
        y, x = (index // columns) * (side + gap), (index % columns) * (side + gap)
        canvas[y : y + side, x : x + side, :3] = cells[index]
        canvas[y : y + side, x : x + side, 3] = 255
    return picture(Image.fromarray(canvas), alt, exact=side < SMALL, crisp=side < SMALL)


def from_file(path: Path, alt: str, *, at_most: int = 1024, crisp: bool = False) -> Picture:
    """An image that a stage left on disk, its longer side reduced to `at_most` pixels.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error}", "run `limbeck resume RUN`: it makes again what changed"
        ) from error
    if max(image.size) > at_most:
        image.thumbnail((at_most, at_most), Image.Resampling.LANCZOS)
    return picture(image, alt, exact=max(image.size) <= 512, crisp=crisp)
