"""What was fetched: bodies by their sha256, and an index that says what became of every URL.

FOLDER/fetched.json          marks the folder as limbeck's
FOLDER/bodies/ab/abcd...     one body, named by its sha256
FOLDER/index/ab.jsonl        lines for the URLs whose sha256 begins with ab; the last one counts

A body is there whole or not at all, and is compared with its name whenever it is read. An index is
only ever appended to, a line at a time, so that nothing is lost that another process writes. A line
that cannot be read (the process was killed while writing it) is no line: its URL is asked again.
"""

import hashlib
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import Field, NonNegativeInt

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.ingestion.fetching.outcomes import Fate
from limbeck.ingestion.regular import Unreadable, read_regular
from limbeck.records import Record

MARK = "fetched.json"
_FORMAT = {"format": "limbeck-fetched", "format_version": 1}
_SHARD_BYTES = 2**28
_BEGINS = re.compile(rb'(?=\{"url": ")')  # what no text in a line holds: its quotes are escaped
_OTHER = "give another folder with --fetched"


class Kept(Record):
    """One line of the index.

    `when` is UTC; `sha256` and `bytes` are those of the body as it was unpacked, and of what opted
    out since, those that it had; `headers` are some of the answer's.
    """

    url: str
    fate: Fate
    when: str
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    bytes: NonNegativeInt = 0
    detail: str = ""
    headers: dict[str, str] = Field(default_factory=dict)

    def older(self, days: float) -> bool:
        """Whether it was written more than so many days ago."""
        try:
            return datetime.now(UTC) - datetime.fromisoformat(self.when) > timedelta(days=days)
        except (ValueError, TypeError):  # no time, or one without a zone
            return True


class Store:
    """The folder of fetched photos; safe from several threads, and processes may share it.

    Args:
        folder: it need not exist until something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._lock = threading.Lock()
        self._shards: dict[str, dict[str, Kept]] = {}

    def begin(self) -> None:
        """Make the folder, or check that it is limbeck's, and clear what killed processes left.

        Raises:
            DataError: it holds something else, or cannot be written.
        """
        mark = self.folder / MARK
        if not mark.exists():
            if self.folder.exists() and any(self.folder.iterdir()):
                raise DataError(f"{self.folder} holds other things than fetched photos", _OTHER)
            fsio.write_json(mark, _FORMAT)
        elif fsio.read_json(mark) != _FORMAT:
            raise DataError(f"{mark} is not of this limbeck's format", _OTHER)
        fsio.sweep(self.folder)

    def find(self, url: str) -> Kept | None:
        """What is known of a URL."""
        name = _shard(url)
        with self._lock:
            return self._shard(name).get(url)

    def read(self, sha256: str) -> bytes:
        """A body.

        Raises:
            Unreadable: it is not there as it was.
        """
        try:
            data = read_regular(self.body(sha256))
        except OSError as error:
            raise Unreadable(f"its copy in {self.folder} is gone: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Unreadable(f"its copy in {self.folder} is damaged")
        return data

    def sound(self, sha256: str | None) -> bool:
        """Whether a body is there as it was."""
        try:
            return sha256 is not None and bool(self.read(sha256))
        except Unreadable:
            return False

    def keep(self, url: str, data: bytes, headers: dict[str, str]) -> Kept:
        """Keep a body, then say so in the index.

        Raises:
            DataError: the disk is full, or the folder cannot be written.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        if not self.sound(sha256):
            with fsio.atomic_file(self.body(sha256)) as temporary:
                temporary.write_bytes(data)
        return self._note(
            Kept(url=url, fate=Fate.FETCHED, when=_now(), sha256=sha256, bytes=len(data),
                 headers=headers)
        )  # fmt: skip

    def fail(self, url: str, fate: Fate, detail: str) -> Kept:
        """Say in the index that a URL was not fetched; of what opted out no body stays.

        Raises:
            DataError: as `keep`.
        """
        before = self.find(url)
        known = {"sha256": before.sha256, "bytes": before.bytes} if before else {}
        if fate is Fate.OPTED_OUT and before is not None and before.sha256:
            self.forget(before.sha256)
        line = Kept(url=url, fate=fate, when=_now(), detail=detail[:300])
        return self._note(line.model_copy(update=known if fate is Fate.OPTED_OUT else {}))

    def forget(self, sha256: str) -> None:
        """Remove a body, whichever URLs gave it."""
        fsio.erase(self.folder, [f"bodies/{sha256[:2]}/{sha256}"])

    def body(self, sha256: str) -> Path:
        """Where a body lies, if it does."""
        return self.folder / "bodies" / sha256[:2] / sha256

    def _note(self, line: Kept) -> Kept:
        name = _shard(line.url)
        with self._lock:
            self._shard(name)[line.url] = line
            fsio.append_jsonl(self._index(name), line.model_dump(mode="json"), apart=True)
        return line

    def _index(self, name: str) -> Path:
        return self.folder / "index" / f"{name}.jsonl"

    def _shard(self, name: str) -> dict[str, Kept]:
        if name not in self._shards:
            path = self._index(name)
            data = fsio.read_bytes(path, _SHARD_BYTES) if path.exists() else b""
            self._shards[name] = {kept.url: kept for kept in _lines(data)}
        return self._shards[name]


def fetched_bodies(folder: Path, urls: Iterable[str], sha256: Iterable[str]) -> list[Path]:
    """Files that hold the bodies of these URLs, or these bodies; none where there is no store."""
    if not (folder / MARK).exists():
        return []
    store = Store(folder)
    kept = (store.find(url) for url in urls)
    wanted = {*sha256, *(one.sha256 for one in kept if one is not None and one.sha256)}
    return sorted(file for file in map(store.body, wanted) if file.exists())


def forget_fetched(folder: Path, urls: Iterable[str], sha256: Iterable[str]) -> None:
    """Remove these bodies, and those of these URLs; note that the URLs opted out, so that nobody
    asks for them while that is remembered.

    Raises:
        DataError: the folder cannot be written.
    """
    store = Store(folder)
    for url in urls:
        if store.find(url) is not None:
            store.fail(url, Fate.OPTED_OUT, "taken down")
    for body in sha256:
        store.forget(body)


def _lines(data: bytes) -> Iterator[Kept]:
    """All whole lines, also one that follows a torn one without a break."""
    for line in data.split(b"\n"):
        for piece in _BEGINS.split(line):
            with suppress(DataError):
                yield fsio.as_record(fsio.parse_json(piece, "a line"), Kept, "a line", "")


def _shard(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:2]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
