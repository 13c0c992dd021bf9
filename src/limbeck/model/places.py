"""What a caller of a pipeline may name as places in latent space: seeds, latents, images, texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from limbeck.editing import (
    HoldsEncoder,
    Point,
    Seeding,
    parse_stop,
    photo_point,
    photos_of,
    points_of,
    seed_points,
)
from limbeck.errors import UsageError
from limbeck.latents import Seeds, check_latents, is_whole
from limbeck.model.images import Picture, centre_square

Places: TypeAlias = (
    Seeds | Picture | Point | Tensor | NDArray[Any] | Sequence[Picture | Point | int]
)
"""One place or many: seeds; latents float [N, w_dim] or [N, num_ws, w_dim]; images; `Point`s; texts
as the command line takes them (`0-7`, `mode:3`, `dog.safetensors:2`, `./dog.jpg`)."""


def points_for(networks: HoldsEncoder, what: Places, how: Seeding) -> list[Point]:
    """The places, on the generator's device. Images go where the encoder puts them.

    Args:
        networks: a generator, and its encoder.
        what: see `Places`.
        how: how seeds are truncated.

    Raises:
        UsageError: something that is no place; an image, and there is no encoder.
        DataError: a file that cannot be read.
    """
    if is_whole(what):
        return seed_points(networks, what, how)
    if isinstance(what, Point):
        return [what]
    if isinstance(what, Tensor | np.ndarray) and what.ndim:
        if _floats(what):
            ws = check_latents(networks, what)
            ws = ws if ws.ndim == 3 else networks.G_ema.broadcast(ws)
            return [Point(f"latent {row}", one.contiguous()) for row, one in enumerate(ws)]
        if what.ndim == 1:
            return seed_points(networks, what, how)
    if isinstance(what, str | Path):
        return _named(networks, str(what), how)
    if isinstance(what, Tensor | np.ndarray | Image.Image):
        return [_image(networks, what, "image")]
    if isinstance(what, Sequence):
        if all(is_whole(one) for one in what):
            return seed_points(networks, [int(one) for one in what if is_whole(one)], how)
        return [point for one in what for point in points_for(networks, one, how)]
    raise UsageError(
        f"a place in latent space of type {type(what).__name__}",
        "give seeds, latents (float), images, Points, or texts such as '0-7' and 'mode:3'",
    )


def _floats(values: Tensor | NDArray[Any]) -> bool:
    if isinstance(values, Tensor):
        return values.is_floating_point()
    return bool(np.issubdtype(values.dtype, np.floating))


def _named(networks: HoldsEncoder, text: str, how: Seeding) -> list[Point]:
    stops = [parse_stop(text)]
    size = networks.config.size
    return points_of(networks, stops, how, {p: centre_square(p, size) for p in photos_of(stops)})


def _image(networks: HoldsEncoder, picture: Picture, name: str) -> Point:
    return photo_point(networks, centre_square(picture, networks.config.size), name)


def stacked(points: Sequence[Point]) -> Tensor:
    """ws float32 [N, num_ws, w_dim] of the points.

    Raises:
        UsageError: there is none.
    """
    if not points:
        raise UsageError("no place in latent space", "give a seed, a latent or an image")
    return torch.stack([point.ws for point in points])
