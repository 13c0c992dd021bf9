"""Vectors of many photos, on disk instead of in memory, and what can be said of them in blocks."""

from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from limbeck.fsio import Scratch

_DENSE = 4  # a block of which more than one row in so many is wanted is read as a whole
_BLOCK = 1024

Block = NDArray[np.float32]


class StoredRows:
    """float32 [N, D], added block by block and read a few rows at a time.

    They are read through the system's cache of files, which gives way when memory is short, and not
    memory-mapped: what a process maps counts as its own.

    Args:
        disk: where they lie; others may lie there too.
    """

    def __init__(self, disk: Scratch) -> None:
        self._disk = disk
        self._width = 0
        self._starts = array("q")  # place of each block
        self._firsts = array("q", [0])  # row at which each begins, and the end

    def append(self, block: Block) -> None:
        """Add float32 [n, D] at the end."""
        assert block.ndim == 2, "rows of numbers"
        assert not self._width or block.shape[1] == self._width, "rows of one width"
        self._width = block.shape[1]
        data = np.ascontiguousarray(block, dtype=np.float32)
        self._starts.append(self._disk.append(data.tobytes()))
        self._firsts.append(len(self) + len(block))

    def __len__(self) -> int:
        return self._firsts[-1]

    @property
    def shape(self) -> tuple[int, int]:
        """N, D."""
        return len(self), self._width

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Block:
        """float32 [n, D] in the order of `rows`, row numbers from 0 on or a slice of them."""
        chosen = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        made = np.empty((len(chosen), self._width), dtype=np.float32)
        order = np.argsort(chosen, kind="stable")
        wanted = chosen[order]
        edges = np.searchsorted(wanted, np.frombuffer(self._firsts, dtype=np.int64))
        for block in np.flatnonzero(np.diff(edges)):
            part = slice(edges[block], edges[block + 1])
            made[order[part]] = self._of_block(int(block), wanted[part] - self._firsts[block])
        return made

    def _of_block(self, block: int, rows: NDArray[np.int64]) -> Block:
        """Rows of one block, ascending, counted from its first."""
        size = self._firsts[block + 1] - self._firsts[block]
        if len(rows) * _DENSE > size:
            return self._read(block, 0, size)[rows]
        return np.concatenate([self._read(block, int(row), 1) for row in rows])

    def _read(self, block: int, first: int, count: int) -> Block:
        each = 4 * self._width
        data = self._disk.read(self._starts[block] + first * each, count * each)
        return np.frombuffer(data, dtype=np.float32).reshape(count, self._width)


Rows = Block | StoredRows
"""float32 [N, D], in memory or on disk."""


def blocks(rows: Rows, size: int = _BLOCK) -> Iterator[Block]:
    """All rows, `size` at a time."""
    for start in range(0, len(rows), size):
        yield np.asarray(rows[start : start + size])


def mean_and_deviation(rows: Rows, dtype: DTypeLike = np.float32) -> tuple[Block, Block]:
    """Mean and standard deviation over all rows, float32 [D] each, a block of rows at a time.

    Sums run from the first row to the last as numpy's do, so in float32 the numbers are those of
    `rows.mean(0)` and `rows.std(0)`, and their error is about 6e-8 N^(1/2) of the sums.

    Args:
        rows: [N >= 1, D].
        dtype: in which sums run.
    """
    mean = mean_of(blocks(rows), dtype)
    apart = (np.square(block - mean) for block in blocks(rows))
    spread = np.sqrt(mean_of(apart, dtype))
    return np.asarray(mean, dtype=np.float32), np.asarray(spread, dtype=np.float32)


def mean_of(parts: Iterable[NDArray[Any]], dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Mean [D] over the rows of parts [n, D], summed from the first to the last in `dtype`."""
    total, count = None, 0
    for part in parts:
        more = part if total is None else np.concatenate([total[None], part])
        total = np.add.reduce(more, axis=0, dtype=dtype)
        count += len(part)
    assert total is not None, "no rows have no mean"
    return np.asarray(total / np.dtype(dtype).type(count))
