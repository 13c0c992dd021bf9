"""Images into and out of a pipeline: PIL images, files, arrays and tensors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from limbeck.errors import DataError, UsageError
from limbeck.kit.images import resize_area, to_pil
from limbeck.kit.photo_colours import colours_of, opaque, to_srgb
from limbeck.kit.photo_turning import upright
from limbeck.kit.photos import MAX_PIXELS, photo_formats

Output = Literal["pil", "uint8", "float"]
"""Kinds of image that come out: PIL RGB image; uint8 tensor; float32 tensor in [-1, 1]."""
Picture: TypeAlias = Image.Image | Tensor | NDArray[Any] | Path | str
"""Kinds of image that go in."""

_HOW = (
    "give a PIL image or uint8 [3, H, W], a uint8 array [H, W, 3], or the path of an image's file"
)


def check_output(output: str) -> None:
    """Whether such images can come out.

    Raises:
        UsageError: they cannot.
    """
    if output not in get_args(Output):
        raise UsageError(f"no output {output!r}", f"choose one of {', '.join(get_args(Output))}")


def packed(pictures: Sequence[Tensor], output: Output, size: int) -> Tensor | list[Image.Image]:
    """Images [3, S, S] -> list of PIL images, or one tensor [N, 3, S, S] of their dtype."""
    if output == "pil":
        return [to_pil(picture) for picture in pictures]
    dtype = torch.float32 if output == "float" else torch.uint8
    return torch.stack(list(pictures)) if pictures else torch.empty(0, 3, size, size, dtype=dtype)


def centre_square(picture: Picture, size: int) -> Tensor:
    """The centre square of an image of any kind as uint8 [1, 3, size, size].

    PIL images, arrays and files are decoded as ingestion decodes photos: upright by EXIF, alpha on
    white, 16 bits scaled to 8, embedded colour profile to sRGB, Lanczos. Tensors are averaged.

    Args:
        picture: PIL image; uint8 tensor [3, H, W] or [1, 3, H, W]; uint8 array [H, W, 3]; path.
        size: side in pixels.

    Raises:
        UsageError: something else.
        DataError: no image lies at that path, or it cannot be decoded.
    """
    if isinstance(picture, Tensor):
        return _of_tensor(picture, size)
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise UsageError(f"an image as array {picture.dtype} {list(picture.shape)}", _HOW)
        if 0 in picture.shape:
            raise UsageError(f"an empty image {list(picture.shape)}", _HOW)
        return _of_image(Image.fromarray(picture), size, "the array")
    if isinstance(picture, Image.Image):
        return _of_image(picture, size, "the PIL image")
    if isinstance(picture, str | Path):
        with _opened(Path(picture)) as image:
            return _of_image(image, size, str(picture))
    raise UsageError(f"an image of type {type(picture).__name__}", _HOW)


def _of_tensor(picture: Tensor, size: int) -> Tensor:
    batch = picture[None] if picture.ndim == 3 else picture
    if batch.dtype != torch.uint8 or batch.ndim != 4 or batch.shape[:2] != (1, 3):
        raise UsageError(f"an image as {picture.dtype} {list(picture.shape)}", _HOW)
    height, width = batch.shape[-2:]
    side = min(height, width)
    if side == 0:
        raise UsageError(f"an empty image {list(picture.shape)}", _HOW)
    top, left = (height - side) // 2, (width - side) // 2
    return resize_area(batch[..., top : top + side, left : left + side], size)


def _opened(path: Path) -> Image.Image:
    """The header of an image's file; its format is sniffed, the name counts for nothing.

    Raises:
        DataError: there is no such file, or it is no image that limbeck reads.
    """
    try:
        if not path.exists():
            raise DataError(
                f"{path}: no such file",
                "check the name; limbeck opens files of this machine and downloads nothing",
            )
        if path.is_dir():
            raise DataError(f"{path} is a folder", "give the path of one image's file")
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)[:200]!r} cannot be opened: {error}", "check it") from None
    try:
        image = Image.open(path, formats=photo_formats())
    except Exception as error:  # a decoder may raise anything on a stranger's bytes
        raise _undecoded(str(path), error) from None
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise DataError(
            f"{path}: {image.width} x {image.height} pixels, the limit is {MAX_PIXELS:,}",
            "make it smaller first",
        )
    return image


def _undecoded(name: str, error: Exception) -> DataError:
    return DataError(
        f"{name} is no image that can be read ({type(error).__name__}: {str(error)[:200]})",
        "give a whole JPEG, PNG, WebP, GIF, BMP or TIFF file",
    )


def _of_image(image: Image.Image, size: int, name: str) -> Tensor:
    try:
        colours = colours_of(image)
        whole, colours, _ = opaque(_central(upright(image)), colours)
        fitted, _ = to_srgb(whole.resize((size, size), Image.Resampling.LANCZOS), colours)
    except MemoryError:
        raise
    except Exception as error:  # a decoder may raise anything on a stranger's bytes
        raise _undecoded(name, error) from None
    flat = torch.frombuffer(bytearray(fitted.tobytes()), dtype=torch.uint8)
    return flat.view(1, size, size, 3).permute(0, 3, 1, 2).contiguous()


def _central(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))
