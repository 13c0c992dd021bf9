"""Labels that people gave: for measuring and showing only, never for training or filtering."""

import csv
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.records import ImageInfo

_MEMBERS = ("manifest.jsonl", "truth.jsonl", "labels.jsonl", "manifest.csv", "labels.csv")
_YES, _NO = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})
BYTES = 256 * 2**20  # of labels, out of an archive too: a million photos and their words
ROWS = 2_000_000
_LINE = 2**16  # bytes of one line
_RATIO = 200  # packed text is about a tenth of its size
_DIRECTORY = 64 * 2**20  # bytes of an archive's list of members
_BROKEN = (
    OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError,
    RuntimeError, EOFError, MemoryError, IndexError,
)  # fmt: skip
_FIELDS = "file or sha256, is_outlier, and if known outlier_kind, label, mode"


@dataclass(frozen=True, slots=True)
class TruthRow:
    """What is known of one file; empty text and None mean unknown.

    `file` is its path under the photo folder or in the archive, `sha256` that of its bytes, `label`
    a class within the domain (a breed), `mode` the true mode of a synthetic photo.
    """

    file: str
    sha256: str
    is_outlier: bool | None
    kind: str
    label: str
    mode: str


class Truth:
    """Labels of many files, joined to photos by sha256, else path, else unique file name."""

    def __init__(self, rows: Sequence[TruthRow]) -> None:
        self.rows = tuple(rows)
        self._by_sha = {row.sha256: row for row in self.rows if row.sha256}
        self._by_file = {row.file: row for row in self.rows if row.file}
        names: dict[str, TruthRow | None] = {}
        for row in self.rows:
            if row.file:
                name = PurePosixPath(row.file).name
                names[name] = None if name in names else row
        self._by_name = {name: row for name, row in names.items() if row is not None}

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, info: ImageInfo) -> TruthRow | None:
        """The row of a photo, or None."""
        if info.sha256 and info.sha256 in self._by_sha:
            return self._by_sha[info.sha256]
        member = info.source.rsplit("!", 1)[-1].replace("\\", "/")
        return self._by_file.get(member) or self._by_name.get(PurePosixPath(member).name)

    def join(self, infos: Sequence[ImageInfo]) -> dict[str, TruthRow]:
        """Photo id -> row, for the photos that have both.

        Raises:
            DataError: not one photo has a row.
        """
        found = {info.id: self.of(info) for info in infos if info.id is not None}
        joined = {photo: row for photo, row in found.items() if row is not None}
        if not joined:
            raise DataError(
                f"none of {len(infos)} photos is named in the labels",
                "labels join by sha256 of the file's bytes or by its path under the photo folder",
            )
        return joined


def read_truth(path: Path) -> Truth:
    """Read labels from a .jsonl or .csv file, or from a zip that holds manifest.jsonl.

    Fields: `file`, `sha256` (one of them), `is_outlier`, `outlier_kind` (or `kind`), `label`,
    `mode`; others are ignored. An empty `is_outlier` means unknown.

    Raises:
        DataError: missing, another format, or a bad line (its number is named).
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no labels at {path}", "give a .jsonl, .csv or .zip file")
    rows = []
    with _labels(path) as (name, file):
        parse = _parse_csv if name.endswith(".csv") else _parse_jsonl
        for line, values in parse(_lines(file, path), path):
            rows.append(_row(values, f"{path}:{line}"))
            if len(rows) > ROWS:
                raise DataError(
                    f"{path} has more than {ROWS} labels", "give the labels of these photos alone"
                )
    if not rows:
        raise DataError(f"{path} holds no labels", f"write one row a photo: {_FIELDS}")
    return Truth(rows)


@contextmanager
def _labels(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The name of the file that holds the labels, and its bytes as a stream."""
    with fsio.open_regular(path) as (file, size):
        if not _is_zip(file, size):
            if size > BYTES:
                raise DataError(
                    f"{path} has {size} bytes, the limit is {BYTES}",
                    "give the labels of these photos alone",
                )
            file.seek(0)
            yield path.name, file
            return
        try:
            _check_directory(file, path, size)
            with zipfile.ZipFile(file) as archive:
                member = _member(archive, path)
                with archive.open(member) as inner:
                    yield member.filename, inner
        except _BROKEN as error:
            raise fsio.misread(error, f"{path} cannot be read", "pack the labels again") from None


def _is_zip(file: IO[bytes], size: int) -> bool:
    """Whether it begins like an archive; what merely ends like one is text to us."""
    return size >= 4 and file.read(4) in (b"PK\3\4", b"PK\5\6")


def _check_directory(file: IO[bytes], path: Path, size: int) -> None:
    """See that the list of members, which is read as a whole, is not absurdly long."""
    file.seek(-min(size, 2**16 + 22), 2)
    _, mark, end = file.read().rpartition(b"PK\5\6")
    length = int.from_bytes(end[8:12], "little") if mark else 0
    if length > _DIRECTORY and length != 2**32 - 1:
        raise DataError(
            f"{path} lists its members in {length} bytes, the limit is {_DIRECTORY}",
            "pack the labels alone",
        )


def _member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    inside = {member.filename: member for member in archive.infolist()}
    for name in _MEMBERS:
        if name not in inside:
            continue
        member = inside[name]
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImplementedError(f"{name} is packed in a way that is not read")
        most = min(BYTES, _RATIO * max(member.compress_size, 1))
        if member.file_size > most:
            raise DataError(
                f"{path}: {name} unfolds to {member.file_size} bytes, the limit is {most}",
                "unpack it yourself and give the file, if you trust it",
            )
        return member
    raise DataError(f"{path} holds no labels", f"it should contain one of {', '.join(_MEMBERS)}")


def _lines(file: IO[bytes], path: Path) -> Iterator[str]:
    """Lines of UTF-8 text with their ends; never more than `BYTES`, whatever an archive says."""
    read = number = 0
    while data := file.readline(_LINE + 1):
        number += 1
        read += len(data)
        if len(data) > _LINE or read > BYTES:
            what = f"longer than {_LINE} bytes" if len(data) > _LINE else f"past {BYTES} bytes"
            raise DataError(f"{path}:{number} is {what}", f"write one row a photo: {_FIELDS}")
        try:
            yield data.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path} is not UTF-8 text: line {number}: {error}", "give .jsonl, .csv or .zip"
            ) from error


def _parse_jsonl(lines: Iterator[str], path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    for line, part in enumerate(lines, 1):
        if not part.strip():
            continue
        values = fsio.parse_json(part.encode(), f"{path}:{line}", "write one object a line")
        if not isinstance(values, dict):
            raise DataError(f"{path}:{line} is no JSON object", f"write {_FIELDS}")
        yield line, values


def _parse_csv(lines: Iterator[str], path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    reader = csv.DictReader(lines)
    try:
        for values in reader:
            if None in values:
                raise DataError(f"{path}:{reader.line_num}: too many fields", "match the header")
            yield reader.line_num, values
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num} is not CSV: {error}", "save it as CSV") from None


def _row(values: Mapping[str, object], where: str) -> TruthRow:
    def word(*names: str) -> str:
        for name in names:
            value = values.get(name)
            if value is not None and value != "":
                if not isinstance(value, str | int | float) or "\0" in str(value):
                    raise DataError(f"{where}: {name} is no text or number", f"write {_FIELDS}")
                return str(value)
        return ""

    flag = word("is_outlier").lower()
    if flag and flag not in _YES | _NO:
        raise DataError(f"{where}: is_outlier is {fsio.plain(flag)!r}", "write true or false")
    row = TruthRow(
        file=word("file").replace("\\", "/"),
        sha256=word("sha256").lower(),
        is_outlier=None if not flag else flag in _YES,
        kind=word("outlier_kind", "kind"),
        label=word("label"),
        mode=word("mode"),
    )
    if not row.file and not row.sha256:
        raise DataError(f"{where}: neither file nor sha256", f"write {_FIELDS}")
    return row
