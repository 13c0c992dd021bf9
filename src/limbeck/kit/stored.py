"""What the header of a safetensors file says: which tensors, and where they lie. Needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

# The header of the largest networks takes 60 KB for 500 tensors.
HEADER_BYTES = 2**20
ENTRIES = 10_000
BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
    "BOOL": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Stored:
    """A tensor as a file holds it: dtype by its safetensors name (`F32`), and shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """What it takes in the file."""
        return prod(self.shape) * BYTES[self.dtype]


@dataclass(frozen=True)
class Place:
    """Where a tensor lies, counted from the end of the header, and what it is."""

    start: int
    end: int
    stored: Stored


def places(header: Any, length: int) -> tuple[dict[str, Place], dict[str, str]]:
    """Places of the tensors that a parsed header lists, and its metadata.

    Args:
        header: its JSON.
        length: bytes of the file behind it.

    Raises:
        ValueError: says what is wrong: no list of tensors, more than `ENTRIES`, an unknown dtype,
            or tensors that do not fill those bytes exactly.
    """
    try:
        metadata = header.get("__metadata__", {})
        found = {n: _place(entry) for n, entry in header.items() if n != "__metadata__"}
        if len(found) > ENTRIES or not all(isinstance(v, str) for v in metadata.values()):
            raise ValueError
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("its header does not list tensors") from None
    at = 0
    for place in sorted(found.values(), key=lambda place: (place.start, place.end)):
        if place.start != at:
            raise ValueError("its tensors overlap or leave gaps")
        at = place.end
    if at != length:
        raise ValueError(f"{at} bytes of tensors in {length}")
    return found, metadata


def _place(entry: Mapping[str, Any]) -> Place:
    start, end = entry["data_offsets"]
    shape, dtype = entry["shape"], entry["dtype"]
    if any(type(n) is not int or n < 0 for n in (start, end, *shape)):
        raise ValueError
    if len(entry) != 3 or len(shape) > 8 or end - start != prod(shape) * BYTES[dtype]:
        raise ValueError
    return Place(start, end, Stored(dtype, tuple(shape)))
