"""What was being read when a process died: a decoder that takes the process down gets named.

The journal is the one file of limbeck that is written in place: a slot a thread, a write before
and after each photo, no flush. It outlives the process, not the machine, which is enough.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from limbeck import fsio
from limbeck.errors import DataError, advice

NAME = ".decoding"
_SLOT = 2048


def journal_home(out: Path) -> Path:
    """Where the journal of a dataset lies: in its place, not in the temporary it is made in."""
    return out.parent if fsio.is_temporary(out) else out


class Journal:
    """Names of the photos in flight, in `folder/.decoding`; use as a context manager.

    However the block ends, except by the death of the process, the file goes.

    Raises:
        DataError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._lock = threading.Lock()
        self._slots: dict[int, int] = {}

    def __enter__(self) -> Self:
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self._path, flags, 0o644)
        except OSError as error:
            raise DataError(
                f"cannot write {self._path}: {error.strerror}", advice(error)
            ) from error
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            os.close(self._handle)
            self._handle = -1
        fsio.erase(self._path.parent, [NAME])

    @contextmanager
    def reading(self, source: str) -> Iterator[None]:
        """Note that this thread reads `source` while the block runs."""
        with self._lock:
            slot = self._slots.setdefault(threading.get_ident(), len(self._slots))
        self._write(slot, key_of(source) + b"\0")
        try:
            yield
        finally:
            self._write(slot, b"\0")

    def _write(self, slot: int, data: bytes) -> None:
        with self._lock:
            if self._handle >= 0:
                os.lseek(self._handle, slot * _SLOT, os.SEEK_SET)
                os.write(self._handle, data)


def key_of(source: str) -> bytes:
    """What the journal keeps of a name: its beginning."""
    return source.encode()[: _SLOT - 1].replace(b"\0", b"?")


def in_flight(folder: Path) -> set[bytes]:
    """Keys of what was being read when the last process died; empty if it ended by itself."""
    try:
        data = (folder / NAME).read_bytes()
    except OSError:
        return set()
    slots = (data[at : at + _SLOT] for at in range(0, len(data), _SLOT))
    return {slot.split(b"\0")[0] for slot in slots} - {b""}


def forget_in_flight(folder: Path, sources: Iterable[str], *, dry: bool = False) -> bool:
    """Remove the journal that a killed process left, where it names one of these photos.

    Args:
        folder: of the dataset.
        sources: names of photos.
        dry: only say.

    Returns:
        Whether it names one of them. The next ingestion does not know then what the killed one was
        reading.
    """
    named = not in_flight(folder).isdisjoint(key_of(source) for source in sources)
    if named and not dry:
        fsio.erase(folder.resolve(), [NAME])
    return named
