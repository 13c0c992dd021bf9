"""A zip of photos, read in place."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from limbeck.ingestion.sources.base import NO_FACTS, Entry, Facts, Source, text_of, top_of
from limbeck.ingestion.sources.folder import listing_digest
from limbeck.ingestion.sources.metadata import read_metadata
from limbeck.ingestion.sources.zipentries import Member
from limbeck.ingestion.sources.zips import Zip


class ZipSource(Source):
    """Members of a zip, sorted by name; nothing is extracted.

    Members with an unsafe name, links, encrypted and damaged ones and bombs are listed and refused.

    Raises:
        DataError: not a zip, or one that is damaged or made to harm as a whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.archive = text_of(self.path.name)
        self._zip = Zip(self.path)
        facts = self.path.stat()
        self._stamp = [facts.st_size, facts.st_mtime_ns]
        self.entries = sorted(_members(self._zip.members, self.archive), key=lambda e: e.source)
        self._facts = read_metadata(self.entries, self.read, self.archive)

    def close(self) -> None:
        """See `Source.close`."""
        self._zip.close()

    def read(self, entry: Entry) -> bytes:
        """See `Source.read`."""
        return self._zip.read(self._zip.members[int(entry.name)])

    def path_of(self, entry: Entry) -> str:
        """See `Source.path_of`."""
        return entry.source.removeprefix(f"{self.archive}!")

    def facts(self, entry: Entry) -> Facts:
        """See `Source.facts`."""
        return self._facts.get(entry.source, NO_FACTS)

    def digest(self) -> str:
        """See `Source.digest`."""
        return listing_digest(self.entries, self._stamp)


def _members(members: Sequence[Member], archive: str) -> Iterator[Entry]:
    times = Counter(member.name for member in members)
    for number, member in enumerate(members):
        refused = member.refused
        if times[member.name] > 1:
            refused = "several members of this name"
        yield Entry(
            f"{archive}!{member.name}", str(number), member.size, top_of(member.name), member.crc,
            refused,
        )  # fmt: skip
