"""A network's tensors in safetensors files: one, or several of a limited size and their index.

The index is the one that other tools read: `{"metadata": {"total_size": bytes}, "weight_map":
{tensor: file}}`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import Field, NonNegativeInt
from safetensors.torch import save
from torch import Tensor, nn

from limbeck import fsio
from limbeck.artefacts.model_folder import (
    FileName,
    ModelConfig,
    ModelFile,
    Part,
    Precision,
    describe,
    index_of,
    shards_of,
)
from limbeck.errors import DataError, UsageError
from limbeck.kit.tensors import Stored, compare, read_header, read_tensors
from limbeck.latents import is_whole
from limbeck.nets import AnyNet
from limbeck.records import Record

SHARD_BYTES = 2_000_000_000
"""Bytes of tensors in a file, by default; a single tensor may be larger."""
_MOST_SHARDS = 1000
_STORED = {"float32": "F32", "float16": "F16"}
_AGAIN = "fetch the file again"
_Net = TypeVar("_Net", bound=nn.Module)


class _Totals(Record):
    total_size: NonNegativeInt


class _Index(Record):
    """PART.safetensors.index.json."""

    metadata: _Totals
    weight_map: dict[str, FileName] = Field(min_length=1, max_length=10_000)


def write_part(
    folder: Path, part: Part, module: nn.Module, dtype: Precision, most: int
) -> dict[str, ModelFile]:
    """Write a network's parameters and buffers, each file atomically.

    Args:
        folder: the model folder.
        part: which network.
        module: the network.
        dtype: of the stored numbers.
        most: bytes of tensors in one file; where they are more, there are several and an index.

    Returns:
        The files that were written.

    Raises:
        DataError: a value is not finite in `dtype`.
        UsageError: `most` is no number of bytes.
    """
    if not is_whole(most) or most < 1:
        raise UsageError(
            f"max_shard_size {most!r} is no number of bytes", "give e.g. 2_000_000_000"
        )
    stored = torch.float16 if dtype == "float16" else torch.float32
    tensors = {
        name: value.detach().to("cpu", stored).contiguous()
        for name, value in module.state_dict().items()
    }
    broken = [name for name, value in tensors.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise DataError(
            f"{part}.safetensors: {', '.join(broken[:4])} not finite in {dtype}",
            "use an earlier snapshot, or dtype float32",
        )
    shards = _divided(tensors, most)
    if len(shards) == 1:
        return {f"{part}.safetensors": _write(folder / f"{part}.safetensors", tensors)}
    if len(shards) > _MOST_SHARDS:
        raise UsageError(f"max_shard_size {most}: {len(shards)} files", "give a larger one")
    names = [f"{part}-{n:05d}-of-{len(shards):05d}.safetensors" for n in range(1, len(shards) + 1)]
    named = list(zip(names, shards, strict=True))
    files = {name: _write(folder / name, shard) for name, shard in named}
    where = {tensor: name for name, shard in named for tensor in shard}
    total = sum(_size(tensor) for tensor in tensors.values())
    index = folder / index_of(part)
    fsio.write_json(index, {"metadata": {"total_size": total}, "weight_map": where})
    return {**files, index.name: describe(index)}


def _divided(tensors: Mapping[str, Tensor], most: int) -> list[dict[str, Tensor]]:
    """The tensors in their order, in as few runs as fit into `most` bytes each."""
    shards: list[dict[str, Tensor]] = [{}]
    room = most
    for name, tensor in tensors.items():
        if shards[-1] and _size(tensor) > room:
            shards.append({})
            room = most
        shards[-1][name] = tensor
        room -= _size(tensor)
    return shards


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _write(path: Path, tensors: dict[str, Tensor]) -> ModelFile:
    with fsio.atomic_file(path) as temporary:
        temporary.write_bytes(save(tensors))
    return describe(path)


def load_part(new: Callable[[AnyNet], _Net], about: ModelConfig, folder: Path, part: Part) -> _Net:
    """Build without memory, compare with the files' headers, only then allocate and read (float32).

    Raises:
        DataError: names the tensors that differ, or are not finite; or where index, files and
            config.json contradict one another.
    """
    with torch.device("meta"):
        module = new(about.net)
    named, paths, found = _headers(about, folder, part)
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    if wrong := compare(found, wanted, {_STORED[about.dtype]}):
        raise DataError(
            f"{named} does not fit net in config.json: {wrong}",
            "the files are of different models; fetch the folder again",
        )
    tensors: dict[str, Tensor] = {}
    for path in paths:
        tensors |= {name: value.float() for name, value in read_tensors(path, _AGAIN).items()}
    module.load_state_dict(tensors, assign=True)
    return module.eval().requires_grad_(False)


def _headers(
    about: ModelConfig, folder: Path, part: Part
) -> tuple[Path, list[Path], dict[str, Stored]]:
    """The file that stands for a network, the files of its tensors, and what they hold."""
    shards = shards_of(part, about.files)
    if not shards:
        path = folder / f"{part}.safetensors"
        return path, [path], read_header(path, _AGAIN)[0]
    place = folder / index_of(part)
    index = fsio.read_record(place, _Index, _AGAIN)
    if odd := set(index.weight_map.values()) ^ set(shards):
        names = ", ".join(sorted(odd)[:4])
        raise DataError(f"{place} and config.json do not name the same files: {names}", _AGAIN)
    found: dict[str, Stored] = {}
    for name in shards:
        held, _ = read_header(folder / name, _AGAIN)
        mapped = {tensor for tensor, file in index.weight_map.items() if file == name}
        if odd := held.keys() ^ mapped:
            words = ", ".join(fsio.plain(tensor) for tensor in sorted(odd)[:4])
            raise DataError(
                f"{folder / name} does not hold what {place.name} says: {words}", _AGAIN
            )
        found |= held
    total = sum(stored.bytes for stored in found.values())
    if total != index.metadata.total_size:
        raise DataError(
            f"{place}: total_size {index.metadata.total_size}, the files hold {total}", _AGAIN
        )
    return place, [folder / name for name in shards], found
