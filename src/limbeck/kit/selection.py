"""Some out of many: always the same ones, without a random number."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


def even_rows(total: int, count: int) -> NDArray[np.int64]:
    """At most `count` of the rows 0 to total - 1, ascending, from the first to the last."""
    return np.linspace(0, total - 1, num=min(count, total)).round().astype(np.int64)


def evenly(items: Sequence[T], count: int) -> tuple[T, ...]:
    """At most `count` of them, in their order."""
    return tuple(items[row] for row in even_rows(len(items), count))


def held_out(ids: Sequence[str], share: float) -> frozenset[str]:
    """About this share of them, 0 to 1.

    Each id decides for itself, by its sha256: whatever else is in the set, added or removed later,
    it is held out or not.
    """
    return frozenset(one for one in ids if _fraction(one) < share)


def _fraction(name: str) -> float:
    """0 to 1, as good as at random."""
    return int.from_bytes(hashlib.sha256(f"hold out {name}".encode()).digest()[:8]) / 2**64
