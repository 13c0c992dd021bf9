"""Files that are either whole or absent: write beside, flush to disk, rename.

Nothing in limbeck opens an output file for writing in any other way, so a reader never meets
half a file, and a machine that loses power keeps the version before.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from limbeck.errors import DataError
from limbeck.reading import as_record as as_record
from limbeck.reading import misread as misread
from limbeck.reading import open_regular as open_regular
from limbeck.reading import parse_json as parse_json
from limbeck.reading import plain as plain
from limbeck.reading import read_bytes as read_bytes
from limbeck.reading import read_json as read_json
from limbeck.reading import read_jsonl as read_jsonl
from limbeck.reading import read_object as read_object
from limbeck.reading import read_record as read_record
from limbeck.reading import read_text as read_text

_BLOCK = 2**20
_TEMPORARY = ".tmp-"


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _beside(path: Path) -> Path:
    return path.parent / f"{_TEMPORARY}{path.name}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _cannot_write(path: Path, error: OSError) -> DataError:
    return DataError(
        f"cannot write {path}: {error.strerror or error}",
        "free some space or choose another folder, then run the same command again",
    )


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write; on success it becomes `path`, on an exception it is removed.

    Raises:
        DataError: the disk is full or the folder cannot be written; the old file stays intact.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        yield temporary
        _fsync(temporary)
        os.replace(temporary, path)
        _fsync(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_dir(path: Path) -> Iterator[Path]:
    """Like `atomic_file` for a folder: fill the yielded folder, then it replaces `path`.

    Raises:
        DataError: as `atomic_file`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            _fsync(file)
        _fsync(temporary)
        if path.exists():
            old = _beside(path)
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
        _fsync(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(folder: Path) -> int:
    """Remove what a killed process left behind under `folder`; returns how many entries went."""
    leftovers = [p for p in Path(folder).rglob(f"{_TEMPORARY}*") if p.exists()]
    for entry in leftovers:
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    return len(leftovers)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document (2-space indent, NaN refused, final newline) atomically."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def json_line(row: Mapping[str, Any]) -> str:
    """One JSON object as one line."""
    return json.dumps(dict(row), allow_nan=False) + "\n"


def append_jsonl(path: Path, row: Mapping[str, Any]) -> None:
    """Append one JSON object as one line; a line is written by a single system call.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    line = json_line(row)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(line)
    except OSError as error:
        raise _cannot_write(path, error) from error


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file's bytes.

    Raises:
        DataError: missing, no ordinary file, or it cannot be read.
    """
    digest = hashlib.sha256()
    with open_regular(path) as (file, size):
        for _ in range(0, size, _BLOCK):
            digest.update(file.read(_BLOCK))
    return digest.hexdigest()


def digest_json(value: Any) -> str:
    """First 16 hex of the sha256 of a value's canonical JSON: equal values, equal digest."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
