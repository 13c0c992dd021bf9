"""One photo at a time: read, hash, look at its header, and later decode it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from limbeck.config import DataConfig
from limbeck.ingestion.acceptance import Decoded
from limbeck.ingestion.decode import Rejected, centre_box, square, upright_size
from limbeck.ingestion.duplicates import perceptual_hash, thumbnail
from limbeck.ingestion.journal import Journal
from limbeck.ingestion.out_of_memory import out_of_memory
from limbeck.ingestion.regular import Unreadable
from limbeck.ingestion.source import Entry, Source
from limbeck.records import ImageInfo, Reason, Status

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """A photo and whether it is to be decoded: of byte-for-byte copies the first only."""

    entry: Entry
    info: ImageInfo
    first: bool


def jobs(entries: Sequence[Entry], infos: Sequence[ImageInfo]) -> Iterator[Job]:
    """A job for each photo, in listing order."""
    seen: set[str | None] = set()
    for entry, info in zip(entries, infos, strict=True):
        wanted = info.status is Status.ACCEPTED and info.sha256 not in seen
        if wanted:
            seen.add(info.sha256)
        yield Job(entry, info, wanted)


class Reader:
    """Reads the entries of one source; its methods are safe from several threads.

    Args:
        photos: the source.
        config: sizes.
        journal: where it is noted what is being read.
        aside: sha256 -> why, of photos that are not decoded.
    """

    def __init__(
        self, photos: Source, config: DataConfig, journal: Journal, aside: Mapping[str, str]
    ) -> None:
        self._photos = photos
        self._least = config.min_side or config.size // 2
        self._journal = journal
        self._aside = aside

    def look(self, entry: Entry) -> ImageInfo:
        """Read one file, hash it, read its header; the status is final unless accepted.

        Raises:
            LimbeckError: there is too little memory.
        """
        return self._noted(entry, lambda: self._look(entry))

    def decode(self, job: Job, side: int) -> Decoded | Rejected | None:
        """The square of a photo, why it has none, or None if it is not to be decoded.

        Raises:
            LimbeckError: there is too little memory.
        """
        if not job.first or job.info.box is None:
            return None
        return self._noted(job.entry, lambda: self._decode(job, side))

    def _noted(self, entry: Entry, work: Callable[[], T]) -> T:
        try:
            with self._journal.reading(entry.source):
                return work()
        except MemoryError as error:
            raise out_of_memory(entry.source) from error

    def _look(self, entry: Entry) -> ImageInfo:
        failed = ImageInfo(source=entry.source, status=Status.FAILED, reason=Reason.UNREADABLE)
        if entry.refused:
            return failed.model_copy(update={"detail": entry.refused})
        try:
            data = self._photos.read(entry)
        except MemoryError:
            raise
        except Exception as error:  # disks and archives of strangers fail in many ways
            return failed.model_copy(update={"detail": _words(error)})
        content = hashlib.sha256(data)
        digest = content.hexdigest()
        if why := self._aside.get(digest):
            return failed.model_copy(update={"sha256": digest, "detail": why})
        rejected = ImageInfo(source=entry.source, sha256=digest, status=Status.REJECTED)
        try:
            width, height = upright_size(data)
        except Rejected as found:
            return rejected.model_copy(update={"reason": found.reason, "detail": found.detail})
        box = centre_box(width, height)
        content.update(",".join(map(str, box)).encode())
        known = {"width": width, "height": height, "box": box, "id": content.hexdigest()[:16]}
        if min(width, height) < self._least:
            detail = f"shorter side below {self._least} pixels"
            small = {"reason": Reason.TOO_SMALL, "detail": detail}
            return rejected.model_copy(update=known | small)
        return rejected.model_copy(update=known | {"status": Status.ACCEPTED})

    def _decode(self, job: Job, side: int) -> Decoded | Rejected:
        assert job.info.box is not None
        try:
            data = self._photos.read(job.entry)
            if hashlib.sha256(data).hexdigest() != job.info.sha256:
                return Rejected(Reason.UNREADABLE, "changed while it was read")
            picture = square(data, job.info.box, side)
        except MemoryError:
            raise
        except Rejected as why:
            return why
        except Exception as error:  # the disk or archive failed between two readings
            return Rejected(Reason.UNREADABLE, _words(error))
        thumb = thumbnail(picture.pixels)
        return Decoded(picture, thumb, perceptual_hash(thumb))


def _words(error: Exception) -> str:
    known = isinstance(error, Unreadable)
    return (str(error) if known else f"{type(error).__name__}: {error}")[:200]
