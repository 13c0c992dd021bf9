"""What every source of photos is: a fixed list of entries, each of which can be read."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from limbeck.decoding import Facts as Facts
from limbeck.ingestion.optout import Wish
from limbeck.records import Reason

Box = tuple[int, int, int, int]


NO_FACTS = Facts()


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
        reason: the same in a word, where it is refused.
        box: the square to keep (left, top, right, bottom), in pixels of the image as it is stored,
            before EXIF turns it; None = to be chosen.
    """

    source: str
    name: str
    bytes: int
    top: str
    stamp: int = 0
    refused: str = ""
    reason: Reason = Reason.UNREADABLE
    box: Box | None = None


class Source(Protocol):
    """Photos that are listed in a fixed order and only ever read; use as a context manager.

    Attributes:
        archive: what stands before the `!` in an entry's `source`; empty for a folder.
        entries: every listed file, sorted by `source`.
    """

    archive: str
    entries: Sequence[Entry]

    def read(self, entry: Entry) -> bytes:
        """The bytes of an entry; safe from several threads.

        Raises:
            Unreadable: no longer a regular file, too large, or a damaged member of an archive.
            OSError: it cannot be read.
        """
        ...

    def path_of(self, entry: Entry) -> str:
        """Where the file of an entry lies: below the root, or were its archive unpacked."""
        ...

    def facts(self, entry: Entry) -> Facts:
        """Licence, author and URL where they are known; safe from several threads."""
        ...

    def digest(self) -> str:
        """16 hex of the listing as it was when this was made (see `source_digest`)."""
        ...

    def home(self, entry: Entry) -> str:
        """What decides in which part of the listing an entry is (see `Shard`): its name, or more
        than one entry has in common."""
        return entry.source

    def keep_only(self, wanted: Callable[[Entry], bool]) -> None:
        """Leave all other entries alone from now on: they are not in `entries`, nor fetched."""
        self.entries = [entry for entry in self.entries if wanted(entry)]

    def bring(self, wishes: Sequence[Wish]) -> Mapping[str, str]:
        """Fetch what does not lie here (a URL list's photos) and settle `entries`; most sources
        have nothing to fetch.

        Args:
            wishes: the opt-out list: what it names is not fetched.

        Returns:
            sha256 of photos that opted out, as far as they are known -> why their copies are out
            as well.
        """
        return {}

    def close(self) -> None:
        """Close what is open, if anything is."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def text_of(name: str) -> str:
    """A file name as valid UTF-8 (odd bytes as `\\xNN`), with forward slashes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace").replace(os.sep, "/")


def top_of(name: str) -> str:
    """The first folder of a name, or nothing."""
    return name.split("/", 1)[0] if "/" in name else ""


def unsafe_name(name: str) -> bool:
    """Whether a name in an archive leads out of it."""
    plain = name.replace("\\", "/")
    return ".." in plain.split("/") or plain.startswith("/") or plain[1:2] == ":" or "\0" in plain
