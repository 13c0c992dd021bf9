"""Tars of photos, read in place: plain ones, WebDataset shards and what img2dataset writes."""

import tarfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.ingestion.regular import Unreadable, open_regular, read_exactly, too_large
from limbeck.ingestion.sources.base import (
    NO_FACTS,
    Entry,
    Facts,
    Source,
    text_of,
    top_of,
    unsafe_name,
)
from limbeck.ingestion.sources.folder import listing_digest
from limbeck.ingestion.sources.metadata import facts_of

SIDE_CARS = (".json", ".txt", ".cls", ".caption")
_PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic")
_HEADER_BYTES = 2**20
_MEMBERS = 10_000_000
_PACKED = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_CURE = "unpack the tar, or make it again; photos in it are already compressed, so leave it plain"


@dataclass(frozen=True)
class _Place:
    """Where the bytes of a member lie: number of the tar, offset, size."""

    tar: int
    offset: int
    size: int


class TarSource(Source):
    """Members of one tar or of several, sorted by name; nothing is extracted.

    Links, devices, sparse members and unsafe names are listed and refused. Of a WebDataset's sample
    (`000012.jpg`, `000012.json`, `000012.txt`) the photo alone is listed, and licence, author and
    URL are read from its `.json`.

    Raises:
        DataError: no plain tar, or a damaged one; how far it could be read is said.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._lock = threading.Lock()
        self._places: list[_Place] = []
        self._side_cars: dict[int, _Place] = {}
        self._stamp: list[int] = []
        self._files: list[IO[bytes]] = []
        self._heads = [text_of(path.name) for path in paths]
        self.archive = self._heads[0] if len(paths) == 1 else ""
        entries: list[Entry] = []
        with ExitStack() as closing:
            for number, path in enumerate(paths):
                try:
                    file, size = open_regular(path)
                except (OSError, Unreadable) as error:
                    raise DataError(f"{path} cannot be read: {error}", _CURE) from error
                closing.enter_context(file)
                self._files.append(file)
                self._stamp += [size, path.stat().st_mtime_ns]
                entries += self._list(path, number, size)
            self._closing = closing.pop_all()
        times = Counter(entry.source for entry in entries)
        self.entries = sorted(
            (e if times[e.source] == 1 else _refuse(e, "several members of this name")
             for e in entries),
            key=lambda e: e.source,
        )  # fmt: skip

    def close(self) -> None:
        """See `Source.close`."""
        self._closing.close()

    def read(self, entry: Entry) -> bytes:
        """See `Source.read`."""
        return self._at(self._places[int(entry.name)])

    def path_of(self, entry: Entry) -> str:
        """See `Source.path_of`; of several tars, each in a folder of its name."""
        head = self._heads[self._places[int(entry.name)].tar]
        member = entry.source.removeprefix(f"{head}!")
        return member if self.archive else f"{PurePosixPath(head).stem}/{member}"

    def facts(self, entry: Entry) -> Facts:
        """See `Source.facts`; a side-car that is no JSON object says nothing."""
        place = self._side_cars.get(int(entry.name))
        if place is None or place.size > _HEADER_BYTES:
            return NO_FACTS
        try:
            row: Any = fsio.parse_json(self._at(place), entry.source)
        except (DataError, Unreadable, OSError):
            return NO_FACTS
        return facts_of(row) if isinstance(row, Mapping) else NO_FACTS

    def digest(self) -> str:
        """See `Source.digest`."""
        return listing_digest(self.entries, self._stamp)

    def _at(self, place: _Place) -> bytes:
        file = self._files[place.tar]
        with self._lock:
            file.seek(place.offset)
            data = read_exactly(file, place.size)
        if len(data) < place.size:
            raise Unreadable(f"cut short: {len(data)} of {place.size} bytes")
        return data

    def _list(self, path: Path, number: int, size: int) -> list[Entry]:
        head = self._heads[number]
        members = list(_members(path, self._files[number], size))
        photos = {_key(member.name) for member in members if member.name.lower().endswith(_PHOTOS)}
        beside = {
            member.name: _key(member.name)
            for member in members
            if member.isreg()
            and member.name.lower().endswith(SIDE_CARS)
            and _key(member.name) in photos
        }
        notes = {
            beside[member.name]: _Place(number, member.offset_data, member.size)
            for member in members
            if member.name in beside and member.name.lower().endswith(".json")
        }
        entries = []
        for member in members:
            if member.name in beside:
                continue
            place = _Place(number, member.offset_data, member.size)
            if note := notes.get(_key(member.name)):
                self._side_cars[len(self._places)] = note
            source = f"{head}!{text_of(member.name)}"
            refused = _refusal(member)
            entries.append(
                Entry(source, str(len(self._places)), member.size, top_of(member.name),
                      int(member.mtime), refused)
            )  # fmt: skip
            self._places.append(place)
        return entries


class _Careful:
    """A file that hands no more to tarfile at once than a header may take."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= _HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {count} bytes")
        return read_exactly(self._file, count)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _members(path: Path, file: IO[bytes], size: int) -> Iterator[tarfile.TarInfo]:
    """Everything but folders.

    Raises:
        DataError: no plain tar, or damaged.
    """
    start = read_exactly(file, 6)
    if kind := next((name for magic, name in _PACKED if start.startswith(magic)), ""):
        raise DataError(
            f"{path} is packed by {kind}, and only plain tars can be read in place", _CURE
        )
    file.seek(0)
    count = 0
    try:
        with tarfile.open(fileobj=_Careful(file), mode="r:") as tar:  # type: ignore[call-overload]
            for member in tar:
                count += 1
                if count > _MEMBERS:
                    raise DataError(f"{path} has more than {_MEMBERS} members", "split it")
                if member.offset_data + member.size > size:
                    raise tarfile.ReadError(f"{member.name!r} reaches beyond its end")
                if not member.isdir():
                    yield member
    except (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError) as error:
        what = f"is damaged after {count} members" if count else "is no tar"
        raise DataError(f"{path} {what}: {error}", _CURE) from error


def _refusal(member: tarfile.TarInfo) -> str:
    if not member.name or unsafe_name(member.name):
        return "unsafe name in the archive"
    if member.issparse() or not member.isreg():
        return "a link, device or sparse member in the archive"
    return too_large(member.size)


def _refuse(entry: Entry, why: str) -> Entry:
    return Entry(entry.source, entry.name, entry.bytes, entry.top, entry.stamp, why)


def _key(name: str) -> str:
    """What the parts of a sample share: the name up to the first dot of its last part."""
    path = PurePosixPath(name)
    return str(path.with_name(path.name.split(".", 1)[0] or path.name)) if path.name else name
