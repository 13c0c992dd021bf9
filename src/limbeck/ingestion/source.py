"""Where photos lie: a folder or a zip, listed in a fixed order and only ever read."""

import os
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.ingestion.regular import Unreadable, open_regular, read_regular, too_large

MAX_ZIP_RATIO = 200


@dataclass(frozen=True)
class Entry:
    """One listed file.

    Attributes:
        source: its name in the dataset: path below the root, or `archive!member`.
        name: what `Source.read` opens.
        bytes: its size.
        top: first folder of its path; empty at the root.
        refused: why it will not be opened; empty for ordinary files.
    """

    source: str
    name: str
    bytes: int
    top: str
    refused: str = ""


def _text(name: str) -> str:
    """A file name as valid UTF-8 (odd bytes as `\\xNN`), with forward slashes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace").replace(os.sep, "/")


class Source:
    """A folder or zip of photos; use as a context manager.

    Every regular file is an entry, hidden ones and side-cars too, sorted by name. Links to files
    are read wherever they lead, links to folders are not followed; devices, pipes and sockets are
    no files, nor are links to them, and one that takes a file's place later is not read. Archive
    members with an unsafe name, links, encrypted ones and bombs are listed and refused.

    Attributes:
        archive: what stands before the `!` in an entry's `source`; empty for a folder.

    Raises:
        DataError: nothing there, a folder that cannot be listed, or not a zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.archive = "" if self.path.is_dir() else _text(self.path.name)
        self._zip: zipfile.ZipFile | None = None
        if self.path.is_dir():
            self.entries = sorted(_walk(self.path), key=lambda e: e.source)
        elif self.path.is_file():
            try:
                self._file, _ = open_regular(self.path)
                try:
                    self._zip = zipfile.ZipFile(self._file)
                except BaseException:
                    self._file.close()
                    raise
            except (zipfile.BadZipFile, OSError, Unreadable) as error:
                raise DataError(
                    f"{self.path} is neither a folder nor a readable zip: {error}",
                    "give a folder of photos or a .zip",
                ) from error
            self.entries = sorted(_members(self._zip, self.archive), key=lambda e: e.source)
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
            self._file.close()

    def read(self, entry: Entry) -> bytes:
        """The bytes of an entry; safe from several threads.

        Raises:
            Unreadable: it is no longer a regular file, or too large.
            OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError: it cannot be read.
        """
        if self._zip is None:
            return read_regular(Path(self.path, entry.name))
        with self._zip.open(entry.name) as file:
            return file.read()

    def digest(self) -> str:
        """16 hex of the listing: names and sizes (not contents, not times)."""
        return fsio.digest_json([[e.source, e.bytes, e.refused] for e in self.entries])


def source_digest(path: Path) -> str:
    """16 hex that change when a photo comes, goes, is renamed or changes size; reads no photo.

    Raises:
        DataError: as `ingest` for a source that cannot be listed.
    """
    with Source(path) as source:
        return source.digest()


def _walk(root: Path) -> Iterator[Entry]:
    def stop(error: OSError) -> None:
        raise DataError(
            f"cannot list {error.filename}: {error.strerror}", "make it readable or move it away"
        ) from error

    for folder, _, files in os.walk(root, onerror=stop):
        for name in files:
            path = Path(folder, name)
            below = path.relative_to(root)
            text = _text(str(below))
            top = text.split("/", 1)[0] if "/" in text else ""
            try:
                facts = path.stat()
            except OSError as error:
                yield Entry(text, str(below), 0, top, f"cannot be opened: {error.strerror}")
                continue
            if stat.S_ISREG(facts.st_mode):
                large = too_large(facts.st_size)
                yield Entry(text, str(below), facts.st_size, top, large)


def _members(archive: zipfile.ZipFile, name: str) -> Iterator[Entry]:
    times = Counter(member.filename for member in archive.infolist())
    for member in archive.infolist():
        if member.is_dir():
            continue
        refused = _refusal(member) or too_large(member.file_size)
        if times[member.filename] > 1:
            refused = "several members of this name"
        text = member.filename.encode("utf-8", "backslashreplace").decode()
        top = text.split("/", 1)[0] if "/" in text else ""
        yield Entry(f"{name}!{text}", member.filename, member.file_size, top, refused)


def _refusal(member: zipfile.ZipInfo) -> str:
    """Why an archive member is not opened (RELIABILITY 2); empty for an ordinary one."""
    name = member.orig_filename
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if ".." in parts or name.startswith(("/", "\\")) or name[1:2] == ":" or "\0" in name:
        return "unsafe name in the archive"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        return "a link or device in the archive"
    if member.flag_bits & 1:
        return "encrypted"
    if member.file_size > MAX_ZIP_RATIO * max(member.compress_size, 1):
        return f"compressed more than {MAX_ZIP_RATIO} to 1"
    return ""
