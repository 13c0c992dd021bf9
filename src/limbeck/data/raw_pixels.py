"""The raw store: squares as they are, in .npy files that are memory-mapped."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.typing import NDArray

from limbeck import fsio
from limbeck.data.encoding import Encoded
from limbeck.data.index import AGAIN
from limbeck.errors import DataError

# A damaged header is Python text, so anything that parsing and indexing raise.
_NO_ARRAY = (
    OSError, ValueError, TypeError, KeyError, SyntaxError, EOFError, OverflowError, RecursionError,
    MemoryError, TokenError,
)  # fmt: skip


class RawPixels:
    """Reads squares of a raw store; see `dataset.Pixels`.

    Args:
        files: the shards and how many squares each of them holds.
        size: side of the squares.
        places: int64 [n, 2 or more]: shard and row of each square.

    Raises:
        DataError: a file is no array of that many squares.
    """

    def __init__(
        self, files: Sequence[tuple[Path, int]], size: int, places: NDArray[np.int64]
    ) -> None:
        self._size, self._places = size, places
        self._shards = [_mapped(path, rows, size) for path, rows in files]

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """As `dataset.Pixels`."""
        pixels = np.empty((len(rows), 3, self._size, self._size), dtype=np.uint8)
        for index, (shard, row) in enumerate(self._places[rows, :2]):
            pixels[index] = self._shards[shard][row]
        return pixels

    def packed(self, row: int) -> NDArray[np.uint8] | Encoded:
        """As `dataset.Pixels`."""
        shard, place = self._places[row, :2]
        square: NDArray[np.uint8] = self._shards[shard][place]
        return square


def _mapped(path: Path, rows: int, size: int) -> NDArray[np.uint8]:
    try:
        pixels: NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
    except _NO_ARRAY as error:
        raise fsio.misread(error, f"{path} cannot be read", AGAIN) from None
    if pixels.shape != (rows, 3, size, size) or pixels.dtype != np.uint8:
        raise DataError(f"{path} holds {pixels.dtype} {pixels.shape}, not its index's", AGAIN)
    return pixels


def npy_header(rows: int, size: int) -> bytes:
    """The .npy header; numpy pads it so that its length does not depend on `rows`."""
    buffer = io.BytesIO()
    fields = {"descr": "|u1", "fortran_order": False, "shape": (rows, 3, size, size)}
    np.lib.format.write_array_header_1_0(buffer, fields)
    return buffer.getvalue()


def write_raw(path: Path, pictures: Iterable[NDArray[np.uint8]], size: int) -> int:
    """Write one shard of uint8 [3, size, size] squares; returns how many they are."""
    rows = 0
    with fsio.atomic_file(path) as temporary, open(temporary, "wb") as file:
        length = file.write(npy_header(0, size))
        for pixels in pictures:
            file.write(pixels.data)
            rows += 1
        header = npy_header(rows, size)
        if len(header) != length:
            raise DataError(f"{path.name}: numpy wrote headers of two lengths")
        file.seek(0)
        file.write(header)
    return rows
