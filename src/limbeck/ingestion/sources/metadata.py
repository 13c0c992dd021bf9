"""Licence, author and URL beside photos, as Hugging Face's `imagefolder` keeps them.

`metadata.jsonl`, `.csv` or `.parquet` in any folder, with a column `file_name`: a path from there.
Nothing else of it is read: labels and captions are no business of a filter.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from limbeck import fsio, logs
from limbeck.errors import DataError
from limbeck.ingestion.regular import Unreadable
from limbeck.ingestion.sources.base import Entry, Facts
from limbeck.kit.tables import column_types, read_table

FILES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
_NAMES = {
    "licence": ("licence", "license", "license_name", "rights"),
    "author": ("author", "creator", "artist", "owner", "photographer"),
    "url": ("url", "original_url", "image_url", "source_url"),
}
_CURE = "write it again, with columns of text"
_MOST = 2000  # letters of one fact


def read_metadata(
    entries: Sequence[Entry], read: Callable[[Entry], bytes], archive: str = ""
) -> dict[str, Facts]:
    """`source` of an entry -> its facts; a file that cannot be understood is told and left out.

    What a deeper folder says of a photo counts.
    """
    head = f"{archive}!" if archive else ""
    by_name = {entry.source: entry for entry in entries}
    found: dict[str, Facts] = {}
    files = [entry for entry in entries if _last(entry, head) in FILES]
    for entry in sorted(files, key=lambda e: (e.source.count("/"), FILES.index(_last(e, head)))):
        if entry.refused:
            continue
        folder = entry.source[: -len(_last(entry, head))]
        try:
            rows = list(_rows(read(entry), _last(entry, head)))
        except (DataError, Unreadable, OSError, UnicodeDecodeError, csv.Error) as error:
            logs.warn(f"{entry.source} is left out, so licences and authors are unknown: {error}")
            continue
        for row in rows:
            file = row.get("file_name")
            if isinstance(file, str) and (source := folder + file.removeprefix("./")) in by_name:
                found[source] = facts_of(row)
    return found


def _last(entry: Entry, head: str) -> str:
    return entry.source.removeprefix(head).rsplit("/", 1)[-1]


def _rows(data: bytes, name: str) -> Iterator[Mapping[str, Any]]:
    if name.endswith(".parquet"):
        return _table_rows(data, name)
    return _json_lines(data, name) if name.endswith(".jsonl") else _csv_rows(data)


def facts_of(row: Mapping[str, Any]) -> Facts:
    """The facts in a row, by the names that are in use for them; case counts for nothing."""
    lower = {str(key).lower(): value for key, value in row.items()}

    def first(names: Sequence[str]) -> str | None:
        values = (lower.get(name) for name in names)
        return next((v.strip()[:_MOST] for v in values if isinstance(v, str) and v.strip()), None)

    return Facts(**{fact: first(names) for fact, names in _NAMES.items()})


def _json_lines(data: bytes, name: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            row = fsio.parse_json(line, f"{name}, line {number}")
            if isinstance(row, dict):
                yield row


def _csv_rows(data: bytes) -> Iterator[Mapping[str, Any]]:
    return iter(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def _table_rows(data: bytes, name: str) -> Iterator[Mapping[str, Any]]:
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / name
        path.write_bytes(data)
        texts = fact_columns(path, "file_name")
        table = read_table(path, texts, _CURE, nulls=True)
    return iter(table.to_pylist())


def fact_columns(path: Path, *more: str) -> dict[str, pa.DataType]:
    """Columns of text in a parquet file that hold facts, or are named here; with their types.

    Raises:
        DataError: a damaged file.
    """
    names = {name for names in _NAMES.values() for name in names}
    return {
        name: kind
        for name, kind in column_types(path, _CURE).items()
        if (name.lower() in names or name in more)
        and (pa.types.is_string(kind) or pa.types.is_large_string(kind))
    }
