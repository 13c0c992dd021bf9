"""Reading a dataset: records, pixels at any size, batches."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from limbeck import fsio
from limbeck.data.encoding import Encoded
from limbeck.data.index import Index, accepted_of, check_file, read_index, read_rows
from limbeck.data.packed import PackedRows
from limbeck.data.raw_pixels import RawPixels
from limbeck.data.tar_pixels import TarPixels
from limbeck.errors import DataError
from limbeck.kit.images import resize_area
from limbeck.kit.memory import available_memory
from limbeck.records import ImageInfo, StoreKind

RESIDENT_BYTES = 2 * 2**30
_CHUNK = 256
_FEW = 32


@dataclass(frozen=True)
class Batch:
    """Images on their way between stages.

    Attributes:
        images: uint8 [N, 3, S, S] RGB.
        ids: N ids.
        labels: int64 [N] class labels, or None when the dataset is unconditional.
    """

    images: Tensor
    ids: tuple[str, ...]
    labels: Tensor | None = None


class Pixels(Protocol):
    """What reads the squares of a store; rows count from 0, in the order of the dataset."""

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """uint8 [n, 3, S, S] of these rows.

        Raises:
            DataError: a file is damaged; names it and the row.
        """
        ...

    def packed(self, row: int) -> NDArray[np.uint8] | Encoded:
        """One square as it lies on disk, uint8 [3, S, S] or encoded.

        Raises:
            DataError: as `read`.
        """
        ...


class PixelView:
    """Pixels of a dataset at one size: `view[rows]` is uint8 [n, 3, size, size].

    A pure function of `rows`: views of either store, resident or not, give the same bytes.
    """

    def __init__(self, store: Pixels, count: int, size: int, resident: bool) -> None:
        self.size = size
        self.resident = resident
        self._store = store
        self._count = count
        self._pixels: Tensor | None = None
        if resident:
            pixels = torch.empty((count, 3, size, size), dtype=torch.uint8)
            for start in range(0, count, _CHUNK):
                stop = min(start + _CHUNK, count)
                pixels[start:stop] = self._read(np.arange(start, stop))
            self._pixels = pixels

    def to(self, device: torch.device) -> "PixelView":
        """The same view with its pixels on a CUDA device, when they take at most half its room."""
        if device.type != "cuda" or self._pixels is None:
            return self
        free, _ = torch.cuda.mem_get_info(device)
        if self._pixels.numel() > free // 2:
            return self
        moved = copy.copy(self)
        moved._pixels = self._pixels.to(device)
        return moved

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, rows: ArrayLike) -> Tensor:
        """uint8 [n, 3, size, size] for int rows [n] (0 <= row < len).

        Raises:
            IndexError: a row outside the dataset.
        """
        chosen = np.asarray(rows, dtype=np.int64).reshape(-1)
        if len(chosen) and not (chosen.min() >= 0 and chosen.max() < len(self)):
            raise IndexError(f"rows {chosen.min()}..{chosen.max()} of a dataset of {len(self)}")
        if self._pixels is not None:
            return self._pixels[torch.from_numpy(chosen).to(self._pixels.device)]
        return self._read(chosen)

    def _read(self, rows: NDArray[np.int64]) -> Tensor:
        return resize_area(torch.from_numpy(self._store.read(rows)), self.size)


class Dataset:
    """Accepted images of a dataset folder, in row order; made by `open_dataset`.

    Attributes:
        root: the folder.
        size: side of the stored images, pixels.
        infos: one record per image, in row order (packed: see `PackedRows`).
        class_names: names of the labels; empty when unconditional.
        counts: listed, accepted, rejected by reason, opted_out, failed of the whole folder.
        part: which part of a listing it is; None for a whole dataset.
    """

    def __init__(self, root: Path, index: Index, infos: Iterable[ImageInfo]) -> None:
        self.root = root
        self.size = index.size
        self.class_names = index.class_names
        self.counts: dict[str, Any] = index.counts.model_dump()
        self.infos: Sequence[ImageInfo] = PackedRows.of(infos)
        self.part = index.part
        self._index = index

    def __len__(self) -> int:
        return len(self.infos)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Ids in row order."""
        return tuple(str(info.id) for info in self.infos)

    @property
    def num_classes(self) -> int:
        """Number of class labels; 0 = unconditional."""
        return len(self.class_names)

    @cached_property
    def labels(self) -> Tensor | None:
        """int64 [len] class labels in row order, or None when unconditional."""
        if not self.class_names:
            return None
        return torch.tensor([int(info.label or 0) for info in self.infos], dtype=torch.int64)

    @cached_property
    def digest(self) -> str:
        """16 hex of the content: pixels (through the shards' hashes), ids and labels; the same for
        either store."""
        return fsio.digest_json(
            {
                "size": self.size,
                "shards": self.contents,
                "rows": [[i.id, i.shard, i.row] for i in self.infos],
                "labels": [i.label for i in self.infos] if self.class_names else None,
            }
        )

    @property
    def kind(self) -> StoreKind:
        """How the pixels are stored."""
        return self._index.kind

    @property
    def shards(self) -> list[dict[str, Any]]:
        """What index.json says of each file of pixels: `file`, `bytes`, `sha256`, `rows`, and of a
        tar `pixels`."""
        return [shard.model_dump(exclude_none=True) for shard in self._index.shards]

    @property
    def contents(self) -> list[str]:
        """For each file of pixels the sha256 of the .npy file of its images, of either store."""
        return [shard.content for shard in self._index.shards]

    def stored(self) -> Iterator[NDArray[np.uint8]]:
        """uint8 [3, size, size] of each image, in row order."""
        store = self._pixels()
        for start in range(0, len(self), _FEW):
            yield from store.read(np.arange(start, min(start + _FEW, len(self))))

    def packed(self) -> Iterator[NDArray[np.uint8] | Encoded]:
        """Each image as it lies on disk, in row order."""
        store = self._pixels()
        yield from (store.packed(row) for row in range(len(self)))

    def listed(self) -> Sequence[ImageInfo]:
        """Every listed file of the folder, accepted or not, in listing order."""
        return PackedRows(read_rows(self.root))

    def select(self, ids: Iterable[str]) -> "Dataset":
        """The same folder with fewer rows, in row order whatever the order of `ids`.

        Raises:
            DataError: an id that this dataset does not hold.
        """
        wanted = set(ids)
        unknown = wanted - set(self.ids)
        if unknown:
            raise DataError(
                f"{len(unknown)} ids are not in {self.root}, e.g. {min(unknown)}",
                "the list was made for another dataset; make it again",
            )
        return Dataset(self.root, self._index, (i for i in self.infos if i.id in wanted))

    def at(self, size: int, *, resident: bool | None = None) -> PixelView:
        """Pixels brought to `size` by averaging over areas (bilinear where they must grow).

        Args:
            size: side in pixels.
            resident: hold the reduced set in memory; None = when it takes at most 2 GB, and at
                most a quarter of what this process may still take.
        """
        if resident is None:
            free = available_memory()
            most = RESIDENT_BYTES if free is None else min(RESIDENT_BYTES, free // 4)
            resident = len(self) * 3 * size * size <= most
        return PixelView(self._pixels(), len(self), size, resident)

    def batches(self, size: int, batch: int) -> Iterator[Batch]:
        """All images once, in row order; the last batch may be smaller."""
        if batch < 1:
            raise ValueError(f"batch is {batch}, must be at least 1")
        view = self.at(size, resident=False)
        labels = self.labels
        for start in range(0, len(self), batch):
            stop = min(start + batch, len(self))
            yield Batch(
                view[np.arange(start, stop)],
                self.ids[start:stop],
                None if labels is None else labels[start:stop],
            )

    def _pixels(self) -> Pixels:
        """What reads these rows.

        Raises:
            DataError: a file of pixels is missing or damaged.
        """
        files = []
        for shard in self._index.shards:
            check_file(self.root, shard, verify=False)
            files.append((self.root / shard.file, shard.rows))
        places = [(i.shard, i.row, i.offset or 0, i.length or 0, i.crc32 or 0) for i in self.infos]
        table = np.array(places, dtype=np.int64).reshape(-1, 5)
        reader = TarPixels if self.kind is StoreKind.SHARDS else RawPixels
        return reader(files, self.size, table)


def open_dataset(path: Path | str, *, verify: bool = False, part: bool = False) -> Dataset:
    """Open a dataset folder.

    Args:
        path: the folder that holds index.json.
        verify: also read every file and compare its sha256 (sizes are always compared).
        part: open a part of a listing, too (see `Dataset.part`).

    Raises:
        DataError: missing, half-written, of another format, or damaged; a part of a listing, which
            is no dataset to train on.
    """
    root = Path(path)
    index = read_index(root, part=part)
    check_file(root, index.table, verify)
    for shard in index.shards:
        check_file(root, shard, verify)
    return Dataset(root, index, accepted_of(root, index, read_rows(root)))
