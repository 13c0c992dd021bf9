"""Tensors on disk: safetensors, written whole, and read with suspicion.

What a file holds is known from its header, and compared with what is wanted, before any tensor is
read. Written so that a full disk is an OSError like any other.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.kit.headers import read_places
from limbeck.kit.stored import Stored as Stored

_NAMED = 8


def gathered(count: int, parts: Iterable[Tensor]) -> Tensor:
    """`torch.cat` of parts [n, ...] with `count` rows in all, never held twice."""
    made: Tensor | None = None
    start = 0
    for part in parts:
        if made is None:
            made = part.new_empty(count, *part.shape[1:])
        made[start : start + len(part)] = part
        start += len(part)
    assert made is not None, "at least one part"
    assert start == count, f"{start} rows instead of {count}"
    return made


def write_tensors(
    tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write `path`; call it inside `fsio.atomic_file` or `fsio.atomic_dir`.

    The library's own `save_file` turns a full disk into an error of its own kind, which the callers
    could not tell from a damaged tensor.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    path.write_bytes(save(dict(tensors), None if metadata is None else dict(metadata)))


def write_tensor(name: str, tensor: Tensor, metadata: Mapping[str, str], path: Path) -> None:
    """Write one tensor and its metadata, without a copy of it in memory; else as `write_tensors`.

    Args:
        name, tensor: float32.
        metadata: texts.
        path: the file.

    Raises:
        OSError: as `write_tensors`.
    """
    values = tensor.detach().cpu().contiguous().numpy()
    assert values.dtype == np.float32, "one kind is written so"
    about = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [0, values.nbytes]}
    header = json.dumps({"__metadata__": dict(metadata), name: about}).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.write(values.data)


def read_header(path: Path, do: str) -> tuple[dict[str, Stored], dict[str, str]]:
    """What a safetensors file says that it holds, and its metadata; no tensor is read.

    Args:
        path: the file.
        do: what to do about a bad one.

    Raises:
        DataError: missing, no ordinary file, a header of more than `HEADER_BYTES` or `ENTRIES`, an
            unknown dtype, or tensors that do not fill the file exactly.
    """
    found, metadata, _ = read_places(path, do)
    return {name: place.stored for name, place in found.items()}, metadata


def compare(
    found: Mapping[str, Stored], wanted: Mapping[str, tuple[int, ...]], dtypes: Collection[str]
) -> str:
    """How a header differs from the shapes and dtypes that are wanted; empty where it does not."""
    wrong = [f"{name} is missing" for name in wanted if name not in found]
    wrong += [f"{fsio.plain(name)} is not part of it" for name in found if name not in wanted]
    for name, shape in wanted.items():
        stored = found.get(name)
        if stored is None:
            continue
        if stored.shape != shape:
            wrong.append(f"{name} is {list(stored.shape)} instead of {list(shape)}")
        elif stored.dtype not in dtypes:
            wrong.append(f"{name} is {stored.dtype} instead of {' or '.join(sorted(dtypes))}")
    more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    return "; ".join(wrong[:_NAMED]) + more


def read_tensors(path: Path, do: str) -> dict[str, Tensor]:
    """All tensors of a file whose header was found sound, on the CPU.

    Raises:
        DataError: it cannot be read, or a value is not finite.
    """
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError, RuntimeError, ValueError, MemoryError) as error:
        raise fsio.misread(error, f"{path} is damaged", do) from None
    odd = [name for name, value in tensors.items() if not _finite(value)]
    if odd:
        more = f" and {len(odd) - 4} more" if len(odd) > 4 else ""
        raise DataError(f"{path}: {', '.join(odd[:4])}{more} not finite", do)
    return tensors


def _finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())
