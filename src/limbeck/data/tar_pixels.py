"""The store of encoded shards: plain tars of lossless WebP files, any of which is read alone.

Where an image lies in its tar is a row's `offset` and `length`: one read and one decode bring it,
whatever the order. Its `crc32` is compared with every read, so damage is never taken for pixels.
"""

import hashlib
import io
import os
import tarfile
import weakref
import zlib
from array import array
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from limbeck import fsio
from limbeck.data.encoding import MOST_SIDE, SUFFIX, Encoded, decode, encode
from limbeck.data.index import AGAIN
from limbeck.data.raw_pixels import npy_header
from limbeck.errors import DataError
from limbeck.kit.cores import cores

_THREADS = 8  # that decode, at most
_TASK = 8  # squares a thread takes at once
_BLOCK = 256  # squares that are read back at once


class TarPixels:
    """Reads squares of encoded shards; see `dataset.Pixels`. Threads may share one.

    Memory: the squares that are asked for, and a file of each thread.

    Args:
        files: the shards and how many squares each of them holds.
        size: side of the squares.
        places: int64 [n, 5]: shard, row, offset, length and crc32 of each square.
    """

    def __init__(
        self, files: Sequence[tuple[Path, int]], size: int, places: NDArray[np.int64]
    ) -> None:
        self._paths = [path for path, _ in files]
        self._size, self._places = size, places
        self._count = min(cores(), _THREADS)
        self._threads: ThreadPoolExecutor | None = None
        self._lock = Lock()
        self._open: dict[int, int] = {}  # shard -> descriptor
        weakref.finalize(self, _close, self._open)

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """As `dataset.Pixels`; many squares are decoded on several threads."""
        pixels = np.empty((len(rows), 3, self._size, self._size), dtype=np.uint8)

        def some(start: int) -> None:
            for index in range(start, min(start + _TASK, len(rows))):
                pixels[index] = self._square(int(rows[index]))

        starts = range(0, len(rows), _TASK)
        if len(starts) > 1 and self._count > 1:
            list(self._pool().map(some, starts))
        else:
            for start in starts:
                some(start)
        return pixels

    def packed(self, row: int) -> NDArray[np.uint8] | Encoded:
        """As `dataset.Pixels`: the file as it lies in the tar."""
        shard, _, offset, length, crc32 = map(int, self._places[row])
        data = self._bytes(shard, offset, length)
        if zlib.crc32(data) != crc32:
            raise self._damaged(row, "its bytes differ from their crc32 in images.parquet")
        return Encoded(data)

    def _square(self, row: int) -> NDArray[np.uint8]:
        found = self.packed(row)
        assert isinstance(found, Encoded)
        try:
            return decode(found.data, self._size)
        except ValueError as error:
            raise self._damaged(row, str(error)) from None

    def _damaged(self, row: int, why: str) -> DataError:
        shard, place = self._places[row, :2]
        name = _name(int(place))
        return DataError(f"{self._paths[shard]} is damaged at row {place} ({name}): {why}", AGAIN)

    def _bytes(self, shard: int, offset: int, length: int) -> bytes:
        try:
            with self._lock:
                if shard not in self._open:
                    with fsio.open_regular(self._paths[shard]) as (file, _):
                        self._open[shard] = os.dup(file.fileno())
                if not hasattr(os, "pread"):  # this system reads from one place at a time
                    os.lseek(self._open[shard], offset, os.SEEK_SET)
                    return os.read(self._open[shard], length)
            return os.pread(self._open[shard], length, offset)
        except OSError as error:
            raise fsio.misread(error, f"{self._paths[shard]} cannot be read", AGAIN) from None

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._count, "limbeck-decode")
            return self._threads


def _close(files: dict[int, int]) -> None:
    for descriptor in files.values():
        os.close(descriptor)


def _name(row: int) -> str:
    return f"{row:06d}.{SUFFIX}"


@dataclass
class TarPlaces:
    """Where the squares of a tar lie in it, in their order, and `pixels`: sha256 of the .npy file
    that holds the same."""

    pixels: str = ""
    offsets: "array[int]" = field(default_factory=lambda: array("q"))
    lengths: "array[int]" = field(default_factory=lambda: array("q"))
    crc32s: "array[int]" = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.offsets)

    def table(self) -> NDArray[np.int64]:
        """int64 [n, 5], as `TarPixels` takes them; the shard is 0."""
        count = len(self)
        columns = (np.zeros(count), np.arange(count), self.offsets, self.lengths, self.crc32s)
        return np.stack([np.asarray(column, dtype=np.int64) for column in columns], axis=1)


def write_tar(path: Path, pictures: Iterable[NDArray[np.uint8] | Encoded], size: int) -> TarPlaces:
    """Write one shard and read it back.

    The tar holds `000000.webp`, ... and no name, time or owner.

    Args:
        path: of the tar.
        pictures: uint8 [3, size, size] or encoded ones, which are taken as they are.
        size: side of the squares.

    Raises:
        DataError: what was written is not what was given; or as `fsio.atomic_file`.
    """
    if size > MOST_SIDE:
        raise DataError(
            f"squares of {size} pixels: a WebP has at most {MOST_SIDE}", "give store=raw"
        )
    places, given = TarPlaces(), array("q")
    with fsio.atomic_file(path) as temporary:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            for row, picture in enumerate(pictures):
                given.append(-1 if isinstance(picture, Encoded) else zlib.crc32(picture.data))
                data = (picture if isinstance(picture, Encoded) else encode(picture)).data
                places.offsets.append(tar.offset + tarfile.BLOCKSIZE)
                places.lengths.append(len(data))
                places.crc32s.append(zlib.crc32(data))
                member = tarfile.TarInfo(_name(row))
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        places.pixels = _read_back(temporary, path, places, given, size)
    return places


def _read_back(
    temporary: Path, path: Path, places: TarPlaces, given: "array[int]", size: int
) -> str:
    """sha256 of the .npy file of what a tar holds, once it is known to be what was given."""
    digest = hashlib.sha256(npy_header(len(places), size))
    reader = TarPixels([(temporary, len(places))], size, places.table())
    for start in range(0, len(places), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(places)))
        for row, pixels in zip(rows, reader.read(rows), strict=True):
            if given[row] not in (-1, zlib.crc32(pixels.data)):
                raise DataError(
                    f"{path}: image {row} came back with other pixels than were written",
                    "the disk or the WebP library fails: give store=raw, or another disk",
                )
            digest.update(pixels.data)
    return digest.hexdigest()
