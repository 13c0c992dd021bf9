"""Opening files that strangers placed: regular ones only, and never more of one than was agreed.

A name can lead to a pipe, a device or a file of the kernel that never ends; opening or reading such
a thing can wait for ever. What counts is what was opened, not what was listed.
"""

import os
import stat
from pathlib import Path
from typing import IO

MAX_FILE_BYTES = 256 * 2**20
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)


class Unreadable(Exception):
    """Why a file or archive member is not read, in words for its record."""


def too_large(size: int) -> str:
    """Why a file of `size` bytes is refused; empty if it is not."""
    return f"{size} bytes, limit {MAX_FILE_BYTES}" if size > MAX_FILE_BYTES else ""


def open_regular(path: Path) -> tuple[IO[bytes], int]:
    """Open a regular file for reading; returns it, unbuffered, and its size in bytes.

    Never waits: a pipe that took the file's place is opened without blocking and refused.

    Raises:
        Unreadable: it is something else.
        OSError: it cannot be opened.
    """
    handle = os.open(path, _FLAGS)
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise Unreadable("a pipe, device or folder, not a file")
        return os.fdopen(handle, "rb", buffering=0), facts.st_size
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path) -> bytes:
    """All bytes of a regular file, by the size it has when it is opened.

    Files that call themselves empty (those of /proc do, and some never end) are not read at all,
    and of a file that grows no more is read than it held at first.

    Raises:
        Unreadable: it is not a regular file, or larger than `MAX_FILE_BYTES`.
        OSError: it cannot be opened or read.
    """
    file, size = open_regular(path)
    with file:
        if why := too_large(size):
            raise Unreadable(why)
        return read_exactly(file, size)


def read_exactly(file: IO[bytes], size: int) -> bytes:
    """`size` bytes from an unbuffered file, fewer only at its end."""
    pieces = []
    while size > 0 and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
