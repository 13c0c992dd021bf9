"""An LMDB of photos, as LSUN came: a folder with data.mdb, a photo a value."""

from pathlib import Path

from limbeck.errors import DataError
from limbeck.ingestion.regular import MAX_FILE_BYTES, Unreadable, too_large
from limbeck.ingestion.sources.base import NO_FACTS, Entry, Facts, Source, text_of, top_of
from limbeck.ingestion.sources.folder import listing_digest
from limbeck.ingestion.sources.lmdb_tree import Lmdb

DATA = "data.mdb"


def is_lmdb(folder: Path) -> bool:
    """Whether a folder is an LMDB and nothing else."""
    try:
        return {file.name for file in folder.iterdir()} in ({DATA}, {DATA, "lock.mdb"})
    except OSError:
        return False


class LmdbSource(Source):
    """Values of an LMDB, by key; a photo is called `FOLDER!KEY`.

    Raises:
        DataError: no LMDB, or one whose keys are damaged; a value that is costs itself alone.
    """

    def __init__(self, folder: Path) -> None:
        file = folder / DATA
        facts = file.stat()
        self._stamp = [facts.st_size, facts.st_mtime_ns]
        self.archive = text_of(folder.name)
        self._base = Lmdb(file)
        try:
            entries = (self._entry(key, size) for key, size in self._base.items())
            self.entries = sorted(entries, key=lambda e: e.source)
        except BaseException:
            self._base.close()
            raise

    def read(self, entry: Entry) -> bytes:
        """See `Source.read`."""
        try:
            value = self._base.get(bytes.fromhex(entry.name), MAX_FILE_BYTES)
        except DataError as error:
            raise Unreadable(error.what) from error
        if value is None:
            raise Unreadable("no longer in the database")
        return value

    def path_of(self, entry: Entry) -> str:
        """See `Source.path_of`."""
        return entry.source.removeprefix(f"{self.archive}!")

    def facts(self, entry: Entry) -> Facts:
        """See `Source.facts`: an LMDB tells none."""
        return NO_FACTS

    def digest(self) -> str:
        """See `Source.digest`."""
        return listing_digest(self.entries, self._stamp)

    def close(self) -> None:
        """See `Source.close`."""
        self._base.close()

    def _entry(self, key: bytes, size: int) -> Entry:
        name = key.decode("utf-8", "backslashreplace")
        return Entry(
            f"{self.archive}!{name}", key.hex(), size, top_of(name), refused=too_large(size)
        )
