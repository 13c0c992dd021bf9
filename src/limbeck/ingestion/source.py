"""Where photos lie: a folder or a zip, listed in a fixed order and only ever read."""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.ingestion.regular import read_regular, too_large
from limbeck.ingestion.zipentries import Member
from limbeck.ingestion.zips import Zip


@dataclass(frozen=True)
class Entry:
    """One listed file.

    Attributes:
        source: its name in the dataset: path below the root, or `archive!member`.
        name: what `Source.read` opens: a path, or the number of an archive's member.
        bytes: its size.
        top: first folder of its path; empty at the root.
        stamp: changes when it is written to: time of last change in ns, CRC of a member.
        refused: why it will not be opened; empty for ordinary files.
    """

    source: str
    name: str
    bytes: int
    top: str
    stamp: int = 0
    refused: str = ""


def _text(name: str) -> str:
    """A file name as valid UTF-8 (odd bytes as `\\xNN`), with forward slashes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace").replace(os.sep, "/")


class Source:
    """A folder or zip of photos; use as a context manager.

    Every regular file is an entry, hidden ones and side-cars too, sorted by name. Links to files
    are read wherever they lead, links to folders are not followed; devices, pipes and sockets are
    no files, nor are links to them, and one that takes a file's place later is not read. Archive
    members with an unsafe name, links, encrypted and damaged ones and bombs are listed and refused.

    Attributes:
        archive: what stands before the `!` in an entry's `source`; empty for a folder.

    Raises:
        DataError: nothing there, a folder that cannot be listed, or not a zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.archive = "" if self.path.is_dir() else _text(self.path.name)
        self._zip: Zip | None = None
        self._stamp: list[int] = []
        if self.path.is_dir():
            self.entries = sorted(_walk(self.path), key=lambda e: e.source)
        elif self.path.is_file():
            self._zip = Zip(self.path)
            facts = self.path.stat()
            self._stamp = [facts.st_size, facts.st_mtime_ns]
            self.entries = sorted(_members(self._zip.members, self.archive), key=lambda e: e.source)
        else:
            raise DataError(f"no photos at {self.path}", "check the name of the folder or zip")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._zip is not None:
            self._zip.close()

    def read(self, entry: Entry) -> bytes:
        """The bytes of an entry; safe from several threads.

        Raises:
            Unreadable: no longer a regular file, too large, or a damaged member of an archive.
            OSError: it cannot be read.
        """
        if self._zip is None:
            return read_regular(Path(self.path, entry.name))
        return self._zip.read(self._zip.members[int(entry.name)])

    def digest(self) -> str:
        """16 hex of the listing as it was when this was made (see `source_digest`)."""
        rows: list[object] = [[e.source, e.bytes, e.stamp, e.refused] for e in self.entries]
        return fsio.digest_json([*rows, self._stamp])


def _walk(root: Path) -> Iterator[Entry]:
    def stop(error: OSError) -> None:
        raise DataError(
            f"cannot list {error.filename}: {error.strerror}", "make it readable or move it away"
        ) from error

    for folder, folders, files in os.walk(root, onerror=stop):
        for name in folders:
            path = Path(folder, name)
            if path.is_symlink():
                below = path.relative_to(root)
                why = "a link to a folder, which is not followed"
                yield Entry(_text(str(below)), str(below), 0, _top(_text(str(below))), refused=why)
        for name in files:
            path = Path(folder, name)
            below = path.relative_to(root)
            text = _text(str(below))
            top = _top(text)
            try:
                facts = path.stat()
            except OSError as error:
                why = f"cannot be opened: {error.strerror}"
                yield Entry(text, str(below), 0, top, refused=why)
                continue
            if stat.S_ISREG(facts.st_mode):
                large = too_large(facts.st_size)
                yield Entry(text, str(below), facts.st_size, top, facts.st_mtime_ns, large)


def _members(members: Sequence[Member], archive: str) -> Iterator[Entry]:
    times = Counter(member.name for member in members)
    for number, member in enumerate(members):
        refused = member.refused
        if times[member.name] > 1:
            refused = "several members of this name"
        yield Entry(
            f"{archive}!{member.name}", str(number), member.size, _top(member.name), member.crc,
            refused,
        )  # fmt: skip


def _top(name: str) -> str:
    """The first folder of a name, or nothing."""
    return name.split("/", 1)[0] if "/" in name else ""
