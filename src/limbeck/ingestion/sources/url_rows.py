"""Rows of a list of URLs: CSV, TSV, one URL a line, JSON lines, parquet."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, AnyStr, cast

import pyarrow as pa

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.ingestion.regular import Unreadable, open_regular
from limbeck.ingestion.sources.base import Box, Facts
from limbeck.ingestion.sources.boxes import box_of
from limbeck.ingestion.sources.metadata import fact_columns, facts_of
from limbeck.kit.tables import ROWS, column_types, read_table

URL_NAMES = ("imageurl", "imgurl", "photoimageurl", "url", "originalurl", "sourceurl")
"""Columns that hold the photo's URL, the first of them that is there: lower case, letters alone."""

_BOX, _PAPER_BOX = "box", "boundingbox"
Fields = tuple[Mapping[str, Any], str]  # a row, and its URL
_LINE = 2**20  # letters of one line
_BATCH = 4096
_URL = re.compile(r"\s*https?://", re.IGNORECASE)
_CURE = (
    "a list of URLs is a .csv, .tsv, .jsonl or .parquet with a column url (or image_url, img_url, "
    "photo_image_url, original_url, source_url), or one URL a line"
)


@dataclass(frozen=True)
class Row:
    """One row of a list: its number (from 1, the heading not counted), and what it says."""

    number: int
    url: str
    box: Box | None
    facts: Facts


def list_kind(path: Path, start: bytes) -> str:
    """`parquet`, `jsonl` or `csv` for a list of URLs, empty for anything else.

    Args:
        path: its suffix decides where its content leaves it open.
        start: its first bytes.
    """
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return "jsonl"
    if start[:2] in (b"PK", b"\x1f\x8b") or not start:
        return ""
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        return "jsonl"
    if suffix in (".csv", ".tsv"):
        return "csv"
    first = start.decode("utf-8-sig", "replace").split("\n")[0]
    names = re.split(r"[,;\t]", first)
    return "csv" if _URL.match(first) or (len(names) > 1 and _url_column(names)) else ""


def lists_urls(path: Path) -> bool:
    """Whether a parquet file has a column of URLs, and none of structures (such as photos).

    Raises:
        DataError: it is damaged.
    """
    types = column_types(path, _CURE)
    column = _url_column(list(types))
    structures = any(pa.types.is_struct(kind) for kind in types.values())
    return bool(column) and _is_text(types[column]) and not structures


def rows_of(path: Path, kind: str) -> Iterator[Row]:
    """The rows of a list.

    Args:
        path: the file.
        kind: as `list_kind` says.

    Raises:
        DataError: it cannot be read, has no column of URLs or a box that is none (its row is
            named), or more than 10 million rows.
    """
    number = 0
    try:
        for number, (fields, url) in enumerate(_READERS[kind](path), 1):
            if number > ROWS:
                raise DataError(f"{path} has more than {ROWS} rows", "give it in parts")
            facts = facts_of(fields)
            box = _box(fields, f"{path}, row {number}")
            yield Row(number, url, box, Facts(facts.licence, facts.author, url or None))
    except (OSError, Unreadable, UnicodeError, csv.Error) as error:
        raise DataError(f"{path}, after row {number}: {error}", _CURE) from error


def _plain(name: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def _url_column(names: Sequence[str]) -> str:
    """The column of URLs among these, or nothing."""
    known = {_plain(name): name for name in reversed(names) if name}
    return next((known[name] for name in URL_NAMES if name in known), "")


def _box(fields: Mapping[str, Any], where: str) -> Box | None:
    """`box` [left, top, right, bottom], or the paper's `bounding_box` [y0, y1, x0, x1]."""
    for name, value in fields.items():
        plain = _plain(name)
        if plain not in (_BOX, _PAPER_BOX) or value is None or value == "":
            continue
        try:
            return box_of(_edges(value), rows_first=plain == _PAPER_BOX)
        except ValueError as why:
            shown = fsio.plain(repr(value))[:80]
            cure = "box is [left, top, right, bottom], bounding_box is [y0, y1, x0, x1]"
            raise DataError(f"{where}: {name} is {shown}, {why}", cure) from None
    return None


def _edges(value: object) -> object:
    """Numbers out of a cell: a list, or text such as `[1, 2, 3, 4]` or `1,2,3,4`."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(f"[{value.strip().removeprefix('[').removesuffix(']')}]"[:200])
    except (ValueError, RecursionError):
        raise ValueError("four numbers are wanted") from None


def _text_of(fields: Mapping[str, Any], column: str) -> str:
    value = fields.get(column)
    return value.strip() if isinstance(value, str) else ""


def _delimited(path: Path) -> Iterator[Fields]:
    """CSV, TSV or semicolons, told by the heading; without one, the first URL of each line."""
    with _opened(path) as file:
        utf16 = file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")
        text = io.TextIOWrapper(file, "utf-16" if utf16 else "utf-8-sig", newline="")
        lines = iter(lambda: _bounded(text.readline(_LINE)), "")
        first = next(lines, "")
        if _URL.match(first):
            for line in chain([first], lines):
                if line.strip():
                    yield {}, _first_url(line)
            return
        names, delimiter, column = _heading(first, path)
        for fields in csv.DictReader(lines, names, restkey="", delimiter=delimiter):
            yield fields, _text_of(fields, column)


def _heading(first: str, path: Path) -> tuple[list[str], str, str]:
    """Columns, what stands between them, and the column of URLs."""
    for delimiter in "\t,;" if path.suffix.lower() == ".tsv" else ",\t;":
        names = next(csv.reader([first], delimiter=delimiter), [])
        if column := _url_column(names):
            return names, delimiter, column
    raise DataError(f"{path} has no column of URLs", _CURE)


def _first_url(line: str) -> str:
    cells = line.strip().split("\t")
    return next((cell.strip() for cell in cells if _URL.match(cell)), line.strip())


def _json_lines(path: Path) -> Iterator[Fields]:
    with _opened(path) as file:
        column = ""
        for number, line in enumerate(iter(lambda: _bounded(file.readline(_LINE)), b""), 1):
            if not line.strip():
                continue
            fields = fsio.parse_json(line.removeprefix(b"\xef\xbb\xbf"), f"{path}, line {number}")
            if not isinstance(fields, dict):
                raise DataError(f"{path}, line {number} is no JSON object", _CURE)
            column = column if column in fields else _url_column(list(fields))
            if not column and number == 1:
                raise DataError(f"{path}, line 1 has no URL", _CURE)
            yield fields, _text_of(fields, column)


def _parquet(path: Path) -> Iterator[Fields]:
    types = column_types(path, _CURE)
    column = _url_column(list(types))
    if not column or not _is_text(types[column]):
        raise DataError(f"{path} has no column of URLs", _CURE)
    boxes = {name: kind for name, kind in types.items() if _plain(name) in (_BOX, _PAPER_BOX)}
    wanted = fact_columns(path) | boxes
    table = read_table(path, {column: types[column]}, _CURE, optional=wanted, nulls=True)
    for batch in table.to_batches(_BATCH):
        yield from ((fields, _text_of(fields, column)) for fields in batch.to_pylist())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


_READERS: Mapping[str, Callable[[Path], Iterator[Fields]]] = {
    "csv": _delimited,
    "jsonl": _json_lines,
    "parquet": _parquet,
}


@contextmanager
def _opened(path: Path) -> Iterator["io.BufferedReader[io.RawIOBase]"]:
    file, size = open_regular(path)
    with io.BufferedReader(cast(io.RawIOBase, file)) as whole:
        if not size:
            raise DataError(f"{path} is empty", _CURE)
        yield whole


def _bounded(line: AnyStr) -> AnyStr:
    if len(line) >= _LINE:
        raise Unreadable(f"a line of more than {_LINE} letters")
    return line
