"""A folder of photos: every regular file below it."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.ingestion.regular import read_regular, too_large
from limbeck.ingestion.sources.base import NO_FACTS, Entry, Facts, Source, text_of, top_of
from limbeck.ingestion.sources.metadata import read_metadata


class FolderSource(Source):
    """Every regular file, hidden ones and side-cars too, sorted by name.

    Links to files are read wherever they lead, links to folders are not followed; devices, pipes
    and sockets are no files, nor are links to them, and one that takes a file's place later is not
    read. Licence, author and URL come from a `metadata.jsonl` or `.csv` at the root.

    Raises:
        DataError: a folder that cannot be listed.
    """

    archive = ""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.entries = sorted(_walk(self.path), key=lambda e: e.source)
        self._facts = read_metadata(self.entries, self.read)

    def read(self, entry: Entry) -> bytes:
        """See `Source.read`."""
        return read_regular(Path(self.path, entry.name))

    def path_of(self, entry: Entry) -> str:
        """See `Source.path_of`."""
        return entry.source

    def facts(self, entry: Entry) -> Facts:
        """See `Source.facts`."""
        return self._facts.get(entry.source, NO_FACTS)

    def digest(self) -> str:
        """See `Source.digest`."""
        return listing_digest(self.entries, [])


def listing_digest(entries: Sequence[Entry], stamp: list[int]) -> str:
    """16 hex of entries and what else tells a change."""
    rows: list[object] = [
        [e.source, e.bytes, e.stamp, e.refused, *([e.box] if e.box else [])] for e in entries
    ]
    return fsio.digest_json([*rows, stamp])


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
                text = text_of(str(below))
                yield Entry(text, str(below), 0, top_of(text), refused=why)
        for name in files:
            path = Path(folder, name)
            below = path.relative_to(root)
            text = text_of(str(below))
            top = top_of(text)
            try:
                facts = path.stat()
            except OSError as error:
                why = f"cannot be opened: {error.strerror}"
                yield Entry(text, str(below), 0, top, refused=why)
                continue
            if stat.S_ISREG(facts.st_mode):
                large = too_large(facts.st_size)
                yield Entry(text, str(below), facts.st_size, top, facts.st_mtime_ns, large)
