"""From places in the file to a safetensors file, one tensor at a time, all numbers finite."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.kit.stored import BYTES, HEADER_BYTES
from limbeck.unpickling.found import MOST_NETWORKS, FoundFile, Leaf
from limbeck.unpickling.refusals import Refused

_AT_ONCE = 1 << 18  # numbers looked at
_SPARE = 1 << 20
_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
_BY_SIZE = {8: "<u8", 4: "<u4", 2: "<u2", 1: "u1"}
_EXPONENT = 0x7F80  # of bfloat16, all set where a number is not finite

Write = Callable[[memoryview], None]


def named(found: FoundFile) -> Iterator[tuple[str, Leaf]]:
    """Every tensor by `role/name`, in the order in which they are written."""
    for role, network in found.networks.items():
        for name, leaf in network.tensors.items():
            yield f"{role}/{name}", leaf


def header(found: FoundFile, size: int) -> bytes:
    """The header of the safetensors file.

    Args:
        found: what the file holds.
        size: bytes of the file; one network's tensors, which may share their numbers with one
            another and with other networks', may not become much more.

    Raises:
        Refused: they do, or it would be too long.
    """
    _bounded(found, size)
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, leaf in named(found):
        tensor = leaf.tensor
        entries[name] = {
            "dtype": tensor.storage.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [at, at + tensor.bytes],
        }
        at += tensor.bytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > HEADER_BYTES:
        raise Refused("its tensors have too many or too long names")
    return len(text).to_bytes(8, "little") + text


def most_written(size: int) -> int:
    """Bytes that are written at most of a file of `size` bytes, with the header."""
    return MOST_NETWORKS * (size + _SPARE) + HEADER_BYTES + 8


def _bounded(found: FoundFile, size: int) -> None:
    """Two networks may be one object, and are written twice; within one, nothing is repeated."""
    if len(found.networks) > MOST_NETWORKS:
        raise Refused(f"it holds {len(found.networks)} networks")
    for role, network in found.networks.items():
        count = sum(leaf.tensor.bytes for leaf in network.tensors.values())
        if count > size + _SPARE:
            raise Refused(f"the tensors of {role} have {count} bytes, the file has {size}")


def look_through(found: FoundFile, write: Write) -> None:
    """Check every number, and hand each tensor's bytes on, little-endian in C order.

    Raises:
        Refused: a number is not finite, or no truth value where one belongs.
    """
    for name, leaf in named(found):
        numbers = _numbers(leaf)
        dtype = leaf.tensor.storage.dtype
        for start in range(0, numbers.size, _AT_ONCE):
            if not _sound(numbers[start : start + _AT_ONCE], dtype):
                raise Refused(f"{name}: not all numbers are finite")
        if numbers.size:
            write(numbers.view(np.uint8).data)


def _numbers(leaf: Leaf) -> NDArray[np.unsignedinteger[Any]]:
    """The elements in C order, as unsigned integers of their size; a view where they lie so."""
    tensor = leaf.tensor
    size = BYTES[tensor.storage.dtype]
    if tensor.storage.raw is None:
        raise Refused("a tensor whose numbers are nowhere")
    if not tensor.bytes:
        return np.empty(0, _BY_SIZE[size])
    flat = np.frombuffer(tensor.storage.raw.view(), _BY_SIZE[size])[tensor.offset :]
    if tensor.dense:
        return flat[: tensor.bytes // size]
    strides = [stride * size for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(flat, tensor.shape, strides).ravel()


def _sound(numbers: NDArray[np.unsignedinteger[Any]], dtype: str) -> bool:
    if dtype in _FLOATS:
        return bool(np.isfinite(numbers.view(_FLOATS[dtype])).all())
    if dtype == "BF16":
        return not bool(((numbers & _EXPONENT) == _EXPONENT).any())
    return dtype != "BOOL" or int(numbers.max()) <= 1
