"""The photos that a dataset was made of, found again by name and known by content."""

import hashlib
import re
from pathlib import Path, PurePosixPath
from typing import Self

from limbeck.decoding import Decoders, Rejected
from limbeck.ingestion.regular import Unreadable
from limbeck.ingestion.sources import Box, Entry, open_source
from limbeck.records import ImageInfo

_BOX = re.compile(r"#\d+,\d+,\d+,\d+$")  # after a manifest's second box of a photo


class Missing(Exception):
    """An original that is not there any more, in words for a person."""


class Originals:
    """Opens what a dataset was made of; use as a context manager.

    An archive may have been renamed or unpacked since, and photos of a folder packed: a name counts
    with and without the archive's.

    Args:
        path: a folder, archive, ...: whatever `ingest` reads.

    Raises:
        DataError: as `open_source`.
    """

    def __init__(self, path: Path) -> None:
        self._source = open_source(path)
        self._decoders = Decoders()
        self._entries: dict[str, Entry] = {}
        for entry in self._source.entries:
            self._entries.setdefault(self._source.path_of(entry), entry)
        self._entries |= {entry.source: entry for entry in self._source.entries}

    def __enter__(self) -> Self:
        self._decoders.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._decoders.close()
        self._source.close()

    def find(self, info: ImageInfo) -> tuple[str, Box]:
        """Of a photo with a box: its path and its box there.

        Returns:
            path below the photos' folder, or what it would be were the archive unpacked; and the
            box (left, top, right, bottom) in pixels of the file before EXIF turns it.

        Raises:
            Missing: there is no such file, it cannot be read, or its bytes are others.
        """
        found = (self._entries.get(name) for name in _names(info.source))
        entry = next((entry for entry in found if entry is not None), None)
        if entry is None or entry.refused:
            raise Missing("no such file" if entry is None else entry.refused)
        if info.box is None:
            raise Missing("the dataset has no box of it")
        try:
            data = self._source.read(entry)
            if hashlib.sha256(data).hexdigest() != info.sha256:
                raise Missing("its bytes are not those that were ingested")
            with self._decoders.opened(data) as photo:
                box = photo.stored_box(info.box)
        except (OSError, Unreadable) as error:
            raise Missing(str(error)) from error
        except Rejected as why:
            raise Missing(why.detail) from why
        return self._source.path_of(entry), box


def _names(source: str) -> tuple[str, ...]:
    """Names under which an original may be found: as listed, out of its archive, without a box."""
    archive, mark, member = source.partition("!")
    unpacked = (member, f"{PurePosixPath(archive).stem}/{member}") if mark else ()
    return (source, *unpacked, _BOX.sub("", source))
