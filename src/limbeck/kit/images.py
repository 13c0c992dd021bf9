"""Images as tensors: uint8 NCHW outside networks, float32 in [-1, 1] inside."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from limbeck import fsio


def to_float(pictures: Tensor) -> Tensor:
    """uint8 [..] -> float32 [..] in [-1, 1]: x / 127.5 - 1."""
    return pictures.to(torch.float32) / 127.5 - 1


def to_uint8(pictures: Tensor) -> Tensor:
    """float [..] in [-1, 1] (clamped) -> uint8 [..], rounded to nearest."""
    return ((pictures.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def resize_area(pictures: Tensor, size: int) -> Tensor:
    """NCHW (uint8 or float) -> [N, C, size, size] of the same dtype, averaging over areas.

    An integer factor is the exact block mean; growing is bilinear.
    """
    if pictures.shape[-2:] == (size, size):
        return pictures
    x = pictures.to(torch.float32)
    height, width = x.shape[-2:]
    if height % size == 0 and width % size == 0:
        x = F.avg_pool2d(x, (height // size, width // size))
    else:
        x = F.interpolate(
            x, size=(size, size), mode="bilinear", antialias=size < min(height, width),
            align_corners=False,
        )  # fmt: skip
    if pictures.dtype == torch.uint8:
        return x.round().clamp(0, 255).to(torch.uint8)
    return x.to(pictures.dtype)


def grid(pictures: Tensor, columns: int, gap: int = 2) -> Tensor:
    """uint8 [N, 3, H, W] -> one uint8 [3, H', W'] contact sheet, row by row, white gaps."""
    count, channels, height, width = pictures.shape
    rows = -(-count // columns)
    sheet = torch.full(
        (channels, rows * (height + gap) - gap, columns * (width + gap) - gap), 255,
        dtype=torch.uint8,
    )  # fmt: skip
    for index, picture in enumerate(pictures.cpu()):
        y, x = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[:, y : y + height, x : x + width] = picture
    return sheet


def to_pil(picture: Tensor) -> Image.Image:
    """uint8 [3, H, W] -> PIL RGB image."""
    return Image.fromarray(np.ascontiguousarray(picture.cpu().permute(1, 2, 0).numpy()))


def encode_png(picture: Tensor, text: Mapping[str, str] | None = None) -> bytes:
    """uint8 [3, H, W] -> PNG bytes.

    Args:
        picture: the pixels.
        text: words that the file carries, by their names: a text chunk each.
    """
    told = PngInfo()
    for name, words in (text or {}).items():
        told.add_text(name, words)
    buffer = io.BytesIO()
    to_pil(picture).save(buffer, "PNG", pnginfo=told)
    return buffer.getvalue()


def save_png(picture: Tensor, path: Path, text: Mapping[str, str] | None = None) -> None:
    """Write uint8 [3, H, W] as a PNG, atomically; `text` as `encode_png`."""
    with fsio.atomic_file(path) as temporary:
        temporary.write_bytes(encode_png(picture, text))
