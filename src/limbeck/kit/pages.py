"""What a parquet file says of its columns and pages, read without the library.

The library ends the whole process on some damaged ends of files, and believes the end where the
heads of the pages say otherwise. Both are Thrift structures in the compact protocol (Apache
Parquet's parquet.thrift): in `FileMetaData` 4 = row groups, of which 1 = columns and 3 = rows; of a
column 1 = another file and 3 = `ColumnMetaData`: 3 = path, 5 = values, 7 = packed bytes, 9 and 11 =
where data and dictionary begin. In `PageHeader` 2 = unfolded bytes, 3 = packed bytes, and in 5
(data) or 8 (data, second version) 1 = values; a dictionary has none to count.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_MOST = 2**16  # bytes of one head: statistics may hold a long text
_DEPTH = 8
_TRUE, _FALSE, _BYTE, _INTEGERS, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = (
    1, 2, 3, (4, 5, 6), 7, 8, 9, 10, 12,
)  # fmt: skip


class NoPage(ValueError):
    """These bytes do not describe a column or a page."""


@dataclass(frozen=True)
class Part:
    """A column's part of one row group: where it lies, and what it should hold.

    `group` and `column` are numbers from 0; columns inside columns count for themselves.
    """

    group: int
    column: int
    start: int
    length: int
    rows: int
    values: int
    nested: bool


def parts(end: bytes) -> Iterator[Part]:
    """All parts of a file, out of its end (without its length and the magic word).

    Raises:
        NoPage: it does not describe columns.
    """
    for number, group in enumerate(_structures(_Reader(end).structure(), 4)):
        rows = _whole(group, 3)
        for place, column in enumerate(_structures(group, 1)):
            about, path = column.get(3), column.get(1)
            if not isinstance(about, dict) or path is not None:
                raise NoPage("a column that lies in another file, or nowhere")
            names = about.get(3)
            if not isinstance(names, list):
                raise NoPage("a column without a name")
            starts = [_whole(about, field) for field in (9, 11) if about.get(field)]
            start = min(starts, default=0)
            packed, values = _whole(about, 7), _whole(about, 5)
            yield Part(number, place, start, packed, rows, values, len(names) > 1)


def _structures(found: dict[int, object], field: int) -> list[dict[int, object]]:
    inner = found.get(field)
    if not isinstance(inner, list) or not all(isinstance(part, dict) for part in inner):
        raise NoPage("a list is missing")
    return inner


@dataclass(frozen=True)
class Page:
    """One page: `values` counts those of data pages; a dictionary has none."""

    unfolded: int
    values: int


def pages(file: BinaryIO, part: Part) -> Iterator[Page]:
    """The pages of one part, until its values were seen, as a reader goes.

    Raises:
        NoPage: a head cannot be read, or the pages do not end where they should.
    """
    at, end, seen = part.start, part.start + part.length, 0
    while seen < part.values:
        file.seek(at)
        head = _Reader(file.read(min(_MOST, max(end - at, 0))))
        found = head.structure()
        page = Page(_whole(found, 2), _values(found))
        packed = _whole(found, 3)
        at += head.at + packed
        seen += page.values
        if at > end:
            raise NoPage("a page reaches beyond its column")
        yield page
    if seen != part.values:
        raise NoPage(f"pages hold {seen} values, not {part.values}")


def _whole(found: dict[int, object], field: int) -> int:
    value = found.get(field)
    if not isinstance(value, int) or not 0 <= value < 2**48:
        raise NoPage("a number is missing")
    return value


def _values(found: dict[int, object]) -> int:
    inner = next((found[field] for field in (5, 8) if field in found), None)
    return _whole(inner, 1) if isinstance(inner, dict) else 0


class _Reader:
    """The compact protocol, as far as parquet uses it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def _byte(self) -> int:
        if self.at >= len(self.data):
            raise NoPage("a description is cut off")
        self.at += 1
        return self.data[self.at - 1]

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise NoPage("a number that does not end")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def structure(self, depth: int = 0) -> dict[int, object]:
        """Field number -> value: numbers, lists and structures; a text is an empty one."""
        if depth > _DEPTH:
            raise NoPage("a description is nested too deeply")
        found: dict[int, object] = {}
        field = 0
        while (byte := self._byte()) != 0:
            field = field + (byte >> 4) if byte >> 4 else self._integer()
            found[field] = self._value(byte & 15, depth)
        return found

    def _value(self, kind: int, depth: int, inside: bool = False) -> object:
        if kind in (_TRUE, _FALSE):
            return self._byte() if inside else kind == _TRUE
        if kind == _BYTE:
            return self._byte()
        if kind in _INTEGERS:
            return self._integer()
        if kind in (_DOUBLE, _BINARY):
            length = 8 if kind == _DOUBLE else self._varint()
            self.at += length
            return ""
        if kind == _STRUCT:
            return self.structure(depth + 1)
        if kind in (_LIST, _SET):
            head = self._byte()
            count = self._varint() if head >> 4 == 15 else head >> 4
            return [self._value(head & 15, depth + 1, inside=True) for _ in range(count)]
        raise NoPage(f"a field of kind {kind}")
