"""Parquet files with photos inside, as Hugging Face's `datasets` writes them."""

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.ingestion.regular import Unreadable, open_regular, too_large
from limbeck.ingestion.sources.base import (
    NO_FACTS,
    Entry,
    Facts,
    Source,
    text_of,
    unsafe_name,
)
from limbeck.ingestion.sources.folder import listing_digest
from limbeck.ingestion.sources.metadata import fact_columns, facts_of
from limbeck.kit.tables import BROKEN, column_types, facts_of_table, group_sizes, read_table

_GROUP_BYTES = 2**29
_HELD = 3  # row groups in memory
_LETTERS = 255  # of a path
_CURE = (
    "a parquet file of photos has a column of {bytes, path}, as Hugging Face's datasets writes "
    "images, in row groups of at most 512 MiB"
)


@dataclass(frozen=True)
class _Shard:
    """One file.

    Attributes:
        path: where it lies.
        head: its name in those of photos.
        stamp: size and time of change.
        facts: what it says of itself.
        column: name of its images' column.
        rows: of each row group.
        starts: the first row of each.
    """

    path: Path
    head: str
    stamp: list[int]
    facts: pq.FileMetaData
    column: str
    rows: Sequence[int]
    starts: Sequence[int]


class ParquetSource(Source):
    """Rows of parquet files, in their order; of their columns the images' bytes and paths are read,
    and licence, author and URL, by the names that are in use for them.

    A photo is called `FILE.parquet!ROW/PATH`, ROW with eight digits.

    Raises:
        DataError: a damaged file, one without images, or with row groups of more than 512 MiB.
    """

    archive = ""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[int, int], pa.ChunkedArray] = OrderedDict()
        self._stamp: list[int] = []
        self._shards: list[_Shard] = []
        self._facts: dict[str, Facts] = {}
        entries: list[Entry] = []
        for number, path in enumerate(sorted(paths)):
            shard = _opened(path)
            self._shards.append(shard)
            self._stamp += shard.stamp
            entries += self._list(shard, number)
        self.archive = self._shards[0].head if len(paths) == 1 else ""
        self.entries = sorted(entries, key=lambda e: e.source)

    def read(self, entry: Entry) -> bytes:
        """See `Source.read`."""
        number, row = map(int, entry.name.split(":"))
        shard = self._shards[number]
        group = bisect_right(shard.starts, row) - 1
        with self._lock:
            pictures = self._held.get((number, group))
            if pictures is None:
                images = _images(shard, group, "bytes")
                pictures = self._held[number, group] = pc.struct_field(images, "bytes")
                if len(self._held) > _HELD:
                    self._held.popitem(last=False)
        data = pictures[row - shard.starts[group]].as_py()
        if not isinstance(data, bytes):
            raise Unreadable("no bytes in this row")
        return data

    def path_of(self, entry: Entry) -> str:
        """See `Source.path_of`; in a folder named like its file."""
        head = self._shards[int(entry.name.split(":")[0])].head
        return f"{Path(head).stem}/{entry.source.removeprefix(f'{head}!')}"

    def facts(self, entry: Entry) -> Facts:
        """See `Source.facts`."""
        return self._facts.get(entry.source, NO_FACTS)

    def digest(self) -> str:
        """See `Source.digest`."""
        return listing_digest(self.entries, self._stamp)

    def _list(self, shard: _Shard, number: int) -> Iterator[Entry]:
        texts = fact_columns(shard.path)
        table = read_table(shard.path, texts, _CURE, nulls=True).to_pylist() if texts else []
        row = 0
        for group in range(len(shard.starts)):
            try:
                images = _images(shard, group, "bytes", "path")
            except (OSError, Unreadable) as error:
                raise DataError(f"{shard.path} cannot be read: {error}", _CURE) from error
            sizes = _each(images, "bytes", lambda values: pc.binary_length(values).to_pylist())
            paths = _each(images, "path", lambda values: values.to_pylist())
            for size, path in zip(sizes, paths, strict=True):
                entry = _entry(shard, number, row, size, path)
                if table:
                    self._facts[entry.source] = facts_of(table[row])
                row += 1
                yield entry


def _entry(shard: _Shard, number: int, row: int, size: int | None, path: str | None) -> Entry:
    name = f"{shard.head}!{row:08d}"
    if path and len(path) <= _LETTERS and not unsafe_name(path):
        name += f"/{path}"
    refused = "no bytes in this row" if size is None else too_large(size)
    return Entry(name, f"{number}:{row}", size or 0, "", refused=refused)


def _opened(path: Path) -> _Shard:
    facts = facts_of_table(path, _CURE)
    types = column_types(path, _CURE)
    columns = [name for name, kind in types.items() if _holds_images(kind)]
    if not columns:
        raise DataError(f"{path} has no column of photos", _CURE)
    column = "image" if "image" in columns else columns[0]
    sizes = group_sizes(path, facts, [column], _CURE)
    if max(sizes, default=0) > _GROUP_BYTES:
        raise DataError(f"{path} has a row group of {max(sizes)} bytes", _CURE)
    rows = [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]
    if min(rows, default=0) < 0 or sum(rows) != facts.num_rows:
        raise DataError(f"{path} is damaged: its row groups do not have its rows", _CURE)
    starts = list(accumulate(rows, initial=0))[:-1]
    state = path.stat()
    stamp = [state.st_size, state.st_mtime_ns]
    return _Shard(path, text_of(path.name), stamp, facts, column, rows, starts)


def _holds_images(kind: pa.DataType) -> bool:
    """Whether a column is of {bytes, path}."""
    if not pa.types.is_struct(kind):
        return False
    inner = {field.name: field.type for field in kind}
    binary, text = (pa.binary(), pa.large_binary()), (pa.string(), pa.large_string())
    return inner.get("bytes") in binary and inner.get("path") in text


def _images(shard: _Shard, group: int, *parts: str) -> pa.ChunkedArray:
    """Parts of the images' column in one row group; what is repeated lies in memory once.

    Raises:
        Unreadable: damaged, or no longer the file that was listed.
        OSError: it cannot be opened.
    """
    names = [f"{shard.column}.{part}" for part in parts]
    file, size = open_regular(shard.path)
    with file:
        if [size, os.fstat(file.fileno()).st_mtime_ns] != shard.stamp:
            raise Unreadable("changed while it was read")
        try:
            table = pq.ParquetFile(file, metadata=shard.facts, read_dictionary=names)
            images = table.read_row_group(group, columns=names, use_threads=False)[shard.column]
            images.validate(full=True)  # the library believes the numbers of a dictionary's values
        except MemoryError:
            raise
        except BROKEN as error:
            raise Unreadable(f"damaged: {fsio.plain(str(error))}") from error
    if len(images) != shard.rows[group]:
        raise Unreadable(f"damaged: {len(images)} of {shard.rows[group]} rows in a group")
    return images


def _each(images: pa.ChunkedArray, part: str, of: Callable[[pa.Array], list[Any]]) -> Iterator[Any]:
    """A part of every image, as `of` gives it for the different ones; None where it is missing."""
    for chunk in pc.struct_field(images, part).chunks:
        values = of(chunk.dictionary)
        yield from (None if at is None else values[at] for at in chunk.indices.to_pylist())
