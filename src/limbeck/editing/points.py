"""Places in latent space with names, and the file that holds them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.kit.tensors import read_header, read_tensors, write_tensor

_AGAIN = "give latents that `limbeck invert` wrote"


@dataclass(frozen=True, eq=False)
class Point:
    """A place in latent space.

    Attributes:
        name: what a person calls it: `seed 5`, `mode 3`, a photo's file.
        ws: float32 [num_ws, w_dim], one w for each layer.
        z: float32 [z_dim] of a seed, so that ways can lead through z; else None.
        label: class of a seed, where the generator has classes; else None.
    """

    name: str
    ws: Tensor
    z: Tensor | None = None
    label: int | None = None


def write_points(points: Sequence[Point], path: Path) -> None:
    """Write `ws` [N, num_ws, w_dim] as safetensors, the names in its metadata; all or nothing.

    Raises:
        DataError: the file cannot be written.
    """
    ws, names = _written(points)
    with fsio.atomic_file(path) as temporary:
        write_tensor("ws", ws, names, temporary)


def points_as_bytes(points: Sequence[Point]) -> bytes:
    """What `write_points` would write, for who has no file."""
    ws, names = _written(points)
    data: bytes = save({"ws": ws}, metadata=names)
    return data


def _written(points: Sequence[Point]) -> tuple[Tensor, dict[str, str]]:
    ws = torch.stack([point.ws.detach().float().cpu() for point in points]).contiguous()
    return ws, {"names": json.dumps([point.name for point in points])}


def read_points(path: Path) -> list[Point]:
    """Read what `write_points` wrote; tensors on the CPU.

    Raises:
        DataError: no such file, damaged, or something else.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file of latents", _AGAIN)
    _, metadata = read_header(path, _AGAIN)
    ws = read_tensors(path, _AGAIN).get("ws")
    if ws is None or ws.ndim != 3 or not ws.is_floating_point():
        raise DataError(f"{path} holds no latents ws [N, num_ws, w_dim]", _AGAIN)
    try:
        names = json.loads(metadata.get("names", "null"))
    except ValueError:
        names = None
    if not isinstance(names, list) or len(names) != len(ws):
        names = [f"{path.name} {row}" for row in range(len(ws))]
    return [Point(str(name), each) for name, each in zip(names, ws.float(), strict=True)]
