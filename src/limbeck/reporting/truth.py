"""A person's labels, joined to files for display only (DESIGN, 'Labels never leak')."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from limbeck.errors import DataError
from limbeck.records import ImageInfo, Status

_INSIDE_ZIP = ("manifest.jsonl", "truth.jsonl", "labels.jsonl", "manifest.csv", "labels.csv")
_TRUE = {"1", "true", "yes"}


@dataclass(frozen=True)
class Label:
    """What a person said of one photo."""

    is_outlier: bool
    kind: str

    @property
    def words(self) -> str:
        """The kind of an outlier, or `ordinary`."""
        return (self.kind or "outlier") if self.is_outlier else "ordinary"


def join_labels(path: Path, files: Iterable[ImageInfo]) -> dict[str, Label]:
    """Labels by id of accepted photos; a row joins by `sha256`, else by `file` (path or member).

    Args:
        path: .jsonl or .csv with `is_outlier` and maybe `outlier_kind`; or a zip with one inside.
        files: the listed files.

    Raises:
        DataError: the file is missing, unreadable, has no `is_outlier`, or joins with no photo.
    """
    by_hash: dict[str, Label] = {}
    by_name: dict[str, Label] = {}
    for row in _rows(Path(path)):
        if row["is_outlier"] in (None, ""):
            continue
        label = Label(
            _truthy(row["is_outlier"]), str(row.get("outlier_kind") or row.get("kind") or "")
        )
        if row.get("sha256"):
            by_hash[str(row["sha256"])] = label
        if row.get("file"):
            by_name[str(row["file"])] = label
    joined: dict[str, Label] = {}
    for file in files:
        member = file.source.rsplit("!", 1)[-1]
        label_of = by_hash.get(file.sha256 or "") or by_name.get(file.source) or by_name.get(member)
        if file.id is None or file.status is not Status.ACCEPTED:
            continue
        if label_of is not None:
            joined[file.id] = label_of
    if not joined:
        raise DataError(
            f"{path}: no label joins with a photo of this run",
            "rows need `sha256` of the photo's bytes or `file`, its path below the photo folder",
        )
    return joined


def _truthy(value: object) -> bool:
    return value is True or value == 1 or str(value).strip().lower() in _TRUE


def _rows(path: Path) -> list[Mapping[str, object]]:
    name, text = _read(path)
    try:
        if name.endswith(".csv"):
            rows: list[Mapping[str, object]] = [dict(r) for r in csv.DictReader(io.StringIO(text))]
        else:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise DataError(f"{name} is not JSON lines: {error}", "give .jsonl or .csv") from error
    if not rows or any(not isinstance(row, dict) or "is_outlier" not in row for row in rows):
        raise DataError(f"{name}: every row needs `is_outlier`", "give a labels file")
    return rows


def _read(path: Path) -> tuple[str, str]:
    try:
        if not zipfile.is_zipfile(path):
            return path.name, path.read_text(encoding="utf-8")
        with zipfile.ZipFile(path) as archive:
            for name in _INSIDE_ZIP:
                if name in archive.namelist():
                    return name, archive.read(name).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read labels from {path}: {error}", "check the path") from error
    raise DataError(f"{path} holds none of {', '.join(_INSIDE_ZIP)}", "give the labels file itself")
