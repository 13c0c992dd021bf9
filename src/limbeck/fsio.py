"""Files that are either whole or absent: write beside, flush to disk, rename.

Nothing in limbeck opens an output file for writing in any other way, so a reader never meets
half a file, and a machine that loses power keeps the version before; `Scratch` has no name and
outlives nothing. `erase` and the temporaries
of this file are also the only places where limbeck removes anything.
"""

import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from limbeck.errors import DataError, advice
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
_PROCESS = uuid.uuid4().hex[:8]  # tells this process from an earlier one with the same number
_TEMPORARY = re.compile(
    r"\.tmp-(?P<old>old-)?(?P<name>.+)-(?P<pid>\d+)-(?P<process>[0-9a-f]{8})-[0-9a-f]{8}", re.DOTALL
)
_ABANDONED = 24 * 3600.0  # seconds after which a temporary is nobody's, whatever its process number


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def beside(path: Path, kind: str = "") -> Path:
    """A name for a temporary next to `path` that nobody else uses; `sweep` knows it again."""
    unique = f"{os.getpid()}-{_PROCESS}-{uuid.uuid4().hex[:8]}"
    return path.parent / f".tmp-{kind}{path.name}-{unique}"


def _cannot_write(path: Path, error: OSError) -> DataError:
    return DataError(
        f"cannot write {path}: {error.strerror or error}",
        advice(error, "choose another folder, then run the same command again"),
    )


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write; on success it becomes `path`, on an exception it is removed.

    Raises:
        DataError: the disk is full or the folder cannot be written; the old file stays intact.
    """
    path = Path(path)
    temporary = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _fsync(temporary)
        os.replace(temporary, path)
        _fsync(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        drop(temporary)


@contextmanager
def atomic_dir(path: Path, own: Sequence[str] = ()) -> Iterator[Path]:
    """Like `atomic_file` for a folder: fill the yielded folder, then it replaces `path`.

    What else lay in the folder before, under other names, lies in it afterwards too.

    Args:
        path: the folder.
        own: patterns of files in it that are the caller's: of an older folder they go as well.

    Raises:
        DataError: as `atomic_file`.
    """
    path = Path(path)
    temporary = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            _fsync(file)
        _fsync(temporary)
        if os.path.lexists(path):
            old = beside(path, "old-")
            os.replace(path, old)
            os.replace(temporary, path)
            _merge(old, path, own)
        else:
            os.replace(temporary, path)
        _fsync(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        drop(temporary)


def _merge(old: Path, new: Path, own: Sequence[str] = ()) -> None:
    """Take over from the folder `old` what `new` does not have; the rest of `old` goes."""
    if old.is_symlink() or not old.is_dir():
        os.replace(old, new.with_name(f"{new.name}.{uuid.uuid4().hex[:8]}"))
        return
    gone = [file.relative_to(new).as_posix() for file in files_under(new)]
    gone += [file.relative_to(old).as_posix() for pattern in own for file in old.glob(pattern)]
    erase(old, gone)
    for file in files_under(old):
        target = new / file.relative_to(old)
        if os.path.lexists(target) or not target.parent.is_dir():
            target = new / f"{file.name}.{uuid.uuid4().hex[:8]}"
        os.replace(file, target)
    remove_empty(old)


def files_under(folder: Path) -> list[Path]:
    """All files and links under a folder, sorted; links are listed and never followed."""
    found = []
    for root, folders, names in os.walk(folder, followlinks=False):
        here = Path(root)
        found += [here / name for name in names]
        found += [here / name for name in folders if (here / name).is_symlink()]
    return sorted(found)


def erase(folder: Path, files: Iterable[str]) -> None:
    """Remove these files of a folder, and the folders in it that this leaves empty.

    Nothing else goes: folders that hold something stay, a link goes as a link, and a name that
    leads out of the folder, or through a link, is passed over.

    Args:
        folder: which itself goes too where nothing is left in it.
        files: names relative to it, with forward slashes.
    """
    root = Path(folder)
    for name in files:
        path = root / name
        inner = path.parents[: len(Path(name).parts) - 1]
        if Path(name).is_absolute() or ".." in Path(name).parts:
            continue
        if any(part.is_symlink() for part in (root, *inner)):
            continue
        if path.is_symlink() or path.is_file():
            path.unlink(missing_ok=True)
        _remove_empty([*inner, root])


def remove_empty(folder: Path) -> None:
    """Remove a folder and those in it, as far as they hold no file."""
    _remove_empty([Path(root) for root, *_ in os.walk(folder, topdown=False, followlinks=False)])


def _remove_empty(folders: Iterable[Path]) -> None:
    """Innermost first; one that holds something stays."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            continue


def is_temporary(path: Path) -> bool:
    """Whether this name is one of `beside`."""
    return _TEMPORARY.fullmatch(path.name) is not None


def drop(temporary: Path) -> None:
    """Remove a temporary made by the name of `beside`, whole."""
    assert is_temporary(temporary), temporary
    if temporary.is_dir() and not temporary.is_symlink():
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> int:
    """Remove what killed processes left half-written under `folder`; returns how many entries went.

    Temporaries of a process that lives are left alone. A folder that was about to be replaced
    comes back under its name.
    """
    count = 0
    for root, folders, names in os.walk(folder, followlinks=False):
        for name in [*folders, *names]:
            match = _TEMPORARY.fullmatch(name)
            if match is not None:
                count += _clear(Path(root) / name, match)
        folders[:] = [name for name in folders if not name.startswith(".tmp-")]
    return count


def recover(path: Path) -> None:
    """Bring back a file or folder that a killed process was about to replace, and drop what it had
    ready for it; nothing else of the folder around is looked at."""
    for found in sorted(path.parent.glob(f".tmp-*{glob.escape(path.name)}-*")):
        match = _TEMPORARY.fullmatch(found.name)
        if match and match["name"] == path.name:
            _clear(found, match)


def _clear(path: Path, match: re.Match[str]) -> bool:
    if _in_use(path, int(match["pid"]), match["process"]):
        return False
    if match["old"]:
        _bring_back(path, path.with_name(match["name"]))
    else:
        drop(path)
    return True


def _in_use(path: Path, pid: int, process: str) -> bool:
    if pid == os.getpid():
        return process == _PROCESS
    try:
        if time.time() - path.lstat().st_mtime > _ABANDONED:
            return False
    except OSError:
        return True  # gone meanwhile
    if os.name != "posix":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _bring_back(old: Path, path: Path) -> None:
    if os.path.lexists(path):
        _merge(old, path)
    else:
        os.replace(old, path)


class Scratch:
    """Bytes that wait on disk, in a file without a name: it is gone when it is closed, and when the
    process ends. Use as a context manager, from one thread.

    Args:
        folder: on the disk to use.

    Raises:
        DataError: here and in `append`: the disk is full or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        except OSError as error:
            raise _cannot_write(folder, error) from error

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, data: bytes) -> int:
        """Add bytes at the end; returns where they begin."""
        try:
            start = self._file.seek(0, os.SEEK_END)
            self._file.write(data)
            return start
        except OSError as error:
            raise _cannot_write(self._folder, error) from error

    def handle(self) -> int:
        """Its descriptor, once all that was added is in the file.

        Raises:
            DataError: as of `append`.
        """
        try:
            self._file.flush()
        except OSError as error:
            raise _cannot_write(self._folder, error) from error
        return self._file.fileno()

    def read(self, start: int, length: int) -> bytes:
        """`length` bytes from `start` on; fewer at the end."""
        try:
            self._file.seek(start)
            return self._file.read(length)
        except OSError as error:  # what was buffered is written here
            raise _cannot_write(self._folder, error) from error


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


def append_jsonl(path: Path, row: Mapping[str, Any], *, apart: bool = False) -> None:
    """Append one JSON object as one line; a line is written by a single system call, at the end of
    what the file is then, so that several processes may append.

    Args:
        path: the file, made where it is not there.
        row: the object.
        apart: begin a line of its own where the last one was torn; where it is only being written,
            an empty line comes between.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    line = json_line(row).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab+", buffering=0) as file:
            if apart and file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            while line:
                line = line[file.write(line) :]
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
