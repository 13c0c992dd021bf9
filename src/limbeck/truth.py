"""Labels that people gave, for measuring and showing only (DESIGN, labels never leak)."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from limbeck.errors import DataError
from limbeck.records import ImageInfo

_MEMBERS = ("manifest.jsonl", "truth.jsonl", "labels.jsonl", "manifest.csv", "labels.csv")
_YES, _NO = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})
_FIELDS = "file or sha256, is_outlier, and if known outlier_kind, label, mode"


@dataclass(frozen=True)
class TruthRow:
    """What is known of one file; empty text and None mean unknown.

    `file` is its path under the photo folder or in the archive, `sha256` that of its bytes, `label`
    a class within the domain (a breed), `mode` the true mode of a drawn picture.
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
    if zipfile.is_zipfile(path):
        name, data = _from_zip(path)
    else:
        name, data = path.name, path.read_bytes()
    text = _text(data, path)
    parse = _parse_csv if name.endswith(".csv") else _parse_jsonl
    rows = [_row(values, f"{path}:{line}") for line, values in parse(text, path)]
    if not rows:
        raise DataError(f"{path} holds no labels", f"write one row a photo: {_FIELDS}")
    return Truth(rows)


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text: {error}", "give .jsonl, .csv or .zip"
        ) from error


def _from_zip(path: Path) -> tuple[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        inside = set(archive.namelist())
        for name in _MEMBERS:
            if name in inside:
                return name, archive.read(name)
    raise DataError(f"{path} holds no labels", f"it should contain one of {', '.join(_MEMBERS)}")


def _parse_jsonl(text: str, path: Path) -> list[tuple[int, Mapping[str, object]]]:
    rows: list[tuple[int, Mapping[str, object]]] = []
    for line, part in enumerate(text.splitlines(), 1):
        if not part.strip():
            continue
        try:
            values = json.loads(part)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path}:{line} is not JSON: {error}", "write one object a line"
            ) from error
        if not isinstance(values, dict):
            raise DataError(f"{path}:{line} is no JSON object", f"write {_FIELDS}")
        rows.append((line, values))
    return rows


def _parse_csv(text: str, path: Path) -> list[tuple[int, Mapping[str, object]]]:
    reader = csv.DictReader(io.StringIO(text))
    rows: list[tuple[int, Mapping[str, object]]] = []
    for values in reader:
        if None in values:
            raise DataError(f"{path}:{reader.line_num}: too many fields", "match the header")
        rows.append((reader.line_num, values))
    return rows


def _row(values: Mapping[str, object], where: str) -> TruthRow:
    def word(*names: str) -> str:
        for name in names:
            value = values.get(name)
            if value is not None and value != "":
                return str(value)
        return ""

    flag = word("is_outlier").lower()
    if flag and flag not in _YES | _NO:
        raise DataError(f"{where}: is_outlier is {flag!r}", "write true or false")
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
