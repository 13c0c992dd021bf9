"""Tables on disk (parquet), read with suspicion: what is in one is known before it is unfolded."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.kit.pages import pages, parts

Column = NDArray[np.float64]  # one number a row

# A million photos make an images.parquet of about 120 MB that unfolds to 300 MB; scores unfold to
# about their size. What unfolds further than `RATIO` to 1, beyond a first 64 MB, is made to harm.
ROWS = 10_000_000
TABLE_BYTES = 4 * 2**30
RATIO = 30
_FREE = 64 * 2**20
_FOOTER = 16 * 2**20
_COLUMNS = 1000
_ITEMS = 4  # of a list in one row: a box
_BATCH = 2**15
_MAGIC = b"PAR1"
_LIMITS = {"thrift_string_size_limit": _FOOTER, "thrift_container_size_limit": 10**6}
BROKEN = (
    pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError, OverflowError,
    MemoryError, RecursionError,
)  # fmt: skip


def read_table(
    path: Path,
    fields: Mapping[str, pa.DataType],
    do: str,
    *,
    others: Collection[pa.DataType] | None = None,
    optional: Mapping[str, pa.DataType] | None = None,
    nulls: bool = False,
) -> pa.Table:
    """Read a parquet file whose columns are known.

    Args:
        path: the file.
        fields: columns that it must have: numbers, flags, text, or lists of at most four numbers.
        do: what to do about a bad file.
        others: types that further columns may have; None = they are not read.
        optional: columns that it may have, and may lack.
        nulls: whether values may be missing.

    Raises:
        DataError: no ordinary or a damaged file; a column is missing, of another type or holds
            nulls; more than `ROWS` rows; or it unfolds to more than `TABLE_BYTES`, or to more than
            `RATIO` times its own size.
    """
    _, size = _end_of(path, do)
    most = min(TABLE_BYTES, _FREE + RATIO * size)
    facts = facts_of_table(path, do)
    try:
        columns = facts.schema.to_arrow_schema().names
        there = {name: kind for name, kind in (optional or {}).items() if name in columns}
        wanted = {**fields, **there}
        text = [name for name, kind in wanted.items() if pa.types.is_string(kind)]
        names = _checked_columns(path, facts, wanted, others, do)
        _check_sizes(path, facts, names, most, do)
        with pq.ParquetFile(path, metadata=facts, read_dictionary=text, **_LIMITS) as file:
            table = _unfold(path, file, names, most, do)
        table.validate(full=True)
    except BROKEN as error:
        raise fsio.misread(error, f"{path} cannot be read", do) from None
    if table.num_rows != facts.num_rows:
        raise DataError(
            f"{path} is damaged: it holds {table.num_rows} rows and says {facts.num_rows}", do
        )
    for name in () if nulls else table.column_names:
        if table.column(name).null_count:
            raise DataError(f"{path}: column {name!r} has rows without a value", do)
    return table


def _end_of(path: Path, do: str) -> tuple[bytes, int]:
    """The end of the file, which describes it, and the bytes of the whole."""
    with fsio.open_regular(path, TABLE_BYTES) as (file, size):
        if size > 12:
            file.seek(size - 8)
            last = file.read(8)
            length = int.from_bytes(last[:4], "little")
            if last[4:] == _MAGIC and length <= size - 12:
                if length > _FOOTER:
                    raise DataError(
                        f"{path} describes itself in {length} bytes, the limit is {_FOOTER}", do
                    )
                file.seek(size - 8 - length)
                return file.read(length), size
    raise DataError(f"{path} is damaged: no parquet file", do)


def _checked_columns(
    path: Path,
    facts: pq.FileMetaData,
    fields: Mapping[str, pa.DataType],
    others: Collection[pa.DataType] | None,
    do: str,
) -> list[str]:
    """Names of the columns to read."""
    if facts.num_columns > _COLUMNS:
        raise DataError(f"{path} has {facts.num_columns} columns, the limit is {_COLUMNS}", do)
    schema = facts.schema.to_arrow_schema()
    found = dict(zip(schema.names, schema.types, strict=True))
    if len(found) < len(schema.names):
        raise DataError(f"{path} has two columns of one name", do)
    for name, kind in fields.items():
        if name not in found:
            raise DataError(f"{path} has no column {name!r}", do)
        if found[name] != kind:
            raise DataError(f"{path}: column {name!r} is {found[name]}, wanted {kind}", do)
    for name, kind in found.items():
        if others is not None and name not in fields and kind not in others:
            raise DataError(f"{path}: column {fsio.plain(name)!r} of {kind} is not known", do)
    return list(fields) if others is None else schema.names


def column_types(path: Path, do: str) -> dict[str, pa.DataType]:
    """Names and types of a parquet file's columns; no value is read.

    Raises:
        DataError: no ordinary or a damaged file, or two columns of one name.
    """
    facts = facts_of_table(path, do)
    try:
        _checked_columns(path, facts, {}, None, do)
        schema = facts.schema.to_arrow_schema()
    except BROKEN as error:
        raise fsio.misread(error, f"{path} cannot be read", do) from None
    return dict(zip(schema.names, schema.types, strict=True))


def facts_of_table(path: Path, do: str) -> pq.FileMetaData:
    """What a parquet file says of itself.

    Raises:
        DataError: no ordinary or a damaged file.
    """
    _end_of(path, do)
    try:
        with pq.ParquetFile(path, **_LIMITS) as file:
            return file.metadata
    except BROKEN as error:
        raise fsio.misread(error, f"{path} cannot be read", do) from None


def group_sizes(path: Path, facts: pq.FileMetaData, names: Collection[str], do: str) -> list[int]:
    """Bytes to which each row group unfolds in the columns of these names, by its pages.

    Args:
        path: the file.
        facts: what it says of itself.
        names: columns; one with columns inside counts with all of them.
        do: what to do about a bad file.

    Raises:
        DataError: too many rows, or values for its rows; what it says of itself does not agree.
    """
    if not 0 <= facts.num_rows <= ROWS:
        raise DataError(f"{path} has {facts.num_rows} rows, the limit is {ROWS}", do)
    end, _ = _end_of(path, do)
    leaves = [facts.schema.column(n).path.split(".")[0] for n in range(facts.num_columns)]
    sizes = [0] * facts.num_row_groups
    try:
        with fsio.open_regular(path) as (file, _):
            for part in parts(end):
                if leaves[part.column] not in names:
                    continue
                if part.values > part.rows * (_ITEMS if part.nested else 1):
                    what = f"{part.values} values in {part.rows} rows"
                    raise DataError(f"{path}: a column has {what}", do)
                sizes[part.group] += sum(page.unfolded for page in pages(file, part))
    except BROKEN as error:
        raise fsio.misread(error, f"{path} cannot be read", do) from None
    return sizes


def _check_sizes(
    path: Path, facts: pq.FileMetaData, names: Collection[str], most: int, do: str
) -> None:
    """Compare with the limits what the file's end and the heads of its pages say."""
    _within(path, sum(group_sizes(path, facts, names, do)), most, do)


def _within(path: Path, unfolded: int, most: int, do: str) -> None:
    if unfolded > most:
        raise DataError(f"{path} unfolds to more than the limit of {most} bytes", do)


def _unfold(path: Path, file: pq.ParquetFile, names: list[str], most: int, do: str) -> pa.Table:
    """Read batch by batch; repeated text is counted before it is repeated in memory."""
    batches, unfolded = [], 0
    for batch in file.iter_batches(_BATCH, columns=names, use_threads=False):
        columns = []
        for column in batch.columns:
            if pa.types.is_dictionary(column.type):
                lengths = pc.binary_length(column.dictionary).take(column.indices)
                unfolded += (pc.sum(lengths).as_py() or 0) + 4 * len(column)
                _within(path, unfolded, most, do)
                column = column.dictionary_decode()
            else:
                unfolded += column.nbytes
                _within(path, unfolded, most, do)
            columns.append(column)
        batches.append(pa.RecordBatch.from_arrays(columns, names=names))
    if batches:
        return pa.Table.from_batches(batches)
    schema = file.metadata.schema.to_arrow_schema()
    return pa.schema([schema.field(name) for name in names]).empty_table()
