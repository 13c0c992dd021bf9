"""Licence, author and URL beside photos, as Hugging Face's `imagefolder` keeps them.

`metadata.jsonl` or `metadata.csv` at the root, with a column `file_name`. Nothing else of it is
read: labels and captions are no business of a filter.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from limbeck import fsio, logs
from limbeck.errors import DataError
from limbeck.ingestion.regular import Unreadable
from limbeck.ingestion.sources.base import Entry, Facts

FILES = ("metadata.jsonl", "metadata.csv")
_NAMES = {
    "licence": ("licence", "license", "license_name", "rights"),
    "author": ("author", "creator", "artist", "owner", "photographer"),
    "url": ("url", "original_url", "image_url", "source_url"),
}
FACT_NAMES = frozenset(name for names in _NAMES.values() for name in names)
_MOST = 2000  # letters of one fact


def read_metadata(
    entries: Sequence[Entry], read: Callable[[Entry], bytes], archive: str = ""
) -> dict[str, Facts]:
    """`source` of an entry -> its facts; a file that cannot be understood is told and left out."""
    head = f"{archive}!" if archive else ""
    by_name = {entry.source: entry for entry in entries}
    found: dict[str, Facts] = {}
    for name in FILES:
        entry = by_name.get(head + name)
        if entry is None or entry.refused:
            continue
        try:
            data = read(entry)
            rows = list(_json_lines(data, name) if name.endswith("jsonl") else _csv_rows(data))
        except (DataError, Unreadable, OSError, UnicodeDecodeError, csv.Error) as error:
            logs.warn(f"{entry.source} is left out, so licences and authors are unknown: {error}")
            continue
        for row in rows:
            file = row.get("file_name")
            if isinstance(file, str) and (source := head + file.removeprefix("./")) in by_name:
                found[source] = facts_of(row)
    return found


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
