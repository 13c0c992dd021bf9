"""One photo at a time: read, hash, look at its header, and later decode it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from pydantic import ValidationError

from limbeck.config import DataConfig
from limbeck.decoding import DEATH, Decoders, Photo, Rejected, Square
from limbeck.ingestion.acceptance import Decoded
from limbeck.ingestion.crop_copies import Embedder
from limbeck.ingestion.cropping import NOTHING, SIGHT, Eye, Sight
from limbeck.ingestion.duplicates import perceptual_hash, thumbnail
from limbeck.ingestion.earlier import Earlier, had_box, sight_of
from limbeck.ingestion.looks import Look
from limbeck.ingestion.out_of_memory import out_of_memory
from limbeck.ingestion.quality import measure
from limbeck.ingestion.regular import Unreadable
from limbeck.ingestion.sources import Entry, Source
from limbeck.records import ImageInfo, Quality, Reason, Status


@dataclass(frozen=True)
class Job:
    """A photo and whether it is to be decoded: of copies, same bytes and same box, the first."""

    entry: Entry
    info: ImageInfo
    first: bool


def jobs(entries: Sequence[Entry], infos: Sequence[ImageInfo]) -> Iterator[Job]:
    """A job for each photo, in listing order."""
    seen: set[str | None] = set()
    for entry, info in zip(entries, infos, strict=True):
        wanted = info.status is Status.ACCEPTED and info.id not in seen
        if wanted:
            seen.add(info.id)
        yield Job(entry, info, wanted)


def least_side(config: DataConfig) -> int:
    """Shorter side, pixels, below which a photo is too small."""
    return config.min_side or config.size // 2


class Reader:
    """Reads the entries of one source; its methods are safe from several threads.

    Args:
        photos: the source.
        config: sizes, and `crop`, decided.
        decoders: decode its photos.
        earlier: what is known of them.
        eye: looks at photos before they are cropped; None = nothing need look.
        embeds: embed squares where `config.cropped_copies` asks for it.
    """

    def __init__(
        self,
        photos: Source,
        config: DataConfig,
        decoders: Decoders,
        earlier: Earlier,
        eye: Eye | None = None,
        embeds: bool = True,
    ) -> None:
        self._photos = photos
        self._whole, self._boxes = config.crop == "none", config.crop == "boxes"
        self.least = least_side(config)
        self._decoders = decoders
        self._earlier = earlier
        self._eye = eye
        self._embedder = Embedder() if embeds and config.cropped_copies else None

    def look(self, entry: Entry) -> Look:
        """Read one file, hash it, read its header, and see what it shows where that counts.

        Raises:
            LimbeckError: there is too little memory.
        """
        try:
            return self._look(entry)
        except MemoryError as error:
            raise out_of_memory(entry.source) from error

    def decode(self, job: Job, side: int) -> Decoded | Rejected | None:
        """The square of a photo, why it has none, or None if it is not to be decoded.

        Raises:
            LimbeckError: there is too little memory.
        """
        if not job.first or job.info.box is None:
            return None
        try:
            return self._decode(job, side)
        except MemoryError as error:
            raise out_of_memory(job.entry.source) from error

    def _look(self, entry: Entry) -> Look:
        if entry.refused:
            return Look(_refused(entry, self._photos.facts(entry).url))
        failed = ImageInfo(source=entry.source, status=Status.FAILED, reason=Reason.UNREADABLE)
        try:
            data = self._photos.read(entry)
        except MemoryError:
            raise
        except Exception as error:  # disks and archives of strangers fail in many ways
            return Look(failed.model_copy(update={"detail": _words(error)}))
        content = hashlib.sha256(data)
        digest = content.hexdigest()
        rejected = ImageInfo(source=entry.source, sha256=digest, status=Status.REJECTED)
        try:
            with self._decoders.opened(data) as photo:
                boxed = self._boxes and entry.box is not None
                if not boxed and (known := self._earlier.row(digest)) is not None:
                    return self._seen_before(photo, entry, known, content)
                return self._look_at(photo, entry, rejected, content)
        except Rejected as found:
            update = {"reason": found.reason, "detail": found.detail}
            return Look(rejected.model_copy(update=update))

    def _facts(self, photo: Photo, entry: Entry) -> dict[str, str | None]:
        """What is known of a photo from beside it, and from its file where that says nothing."""
        said = {key: fact for key, fact in asdict(self._photos.facts(entry)).items() if fact}
        return asdict(photo.facts()) | said

    def _seen_before(
        self, photo: Photo, entry: Entry, known: ImageInfo, content: "hashlib._Hash"
    ) -> Look:
        if had_box(known):
            info = ImageInfo(
                source=entry.source, sha256=known.sha256, status=Status.ACCEPTED,
                width=known.width, height=known.height, bytes=known.bytes,
            ).model_copy(update=self._facts(photo, entry))  # fmt: skip
            return Look(info, sight_of(known), content)
        small = known.reason is Reason.TOO_SMALL
        update = {"source": entry.source, "label": None}
        return Look(known.model_copy(update=update), content=content if small else None)

    def _look_at(
        self, photo: Photo, entry: Entry, rejected: ImageInfo, content: "hashlib._Hash"
    ) -> Look:
        width, height = photo.upright_size()
        known: dict[str, object] = {"width": width, "height": height, "bytes": photo.size}
        if min(width, height) < self.least:
            why = f"shorter side below {self.least} pixels"
            small = known | {"reason": Reason.TOO_SMALL, "detail": why}
            return Look(rejected.model_copy(update=small), content=content)
        if self._whole and width != height:
            why = f"{width} x {height} pixels, and data.crop=none crops nothing"
            odd = known | {"reason": Reason.NOT_SQUARE, "detail": why}
            return Look(rejected.model_copy(update=odd))
        sight = NOTHING
        if self._boxes and entry.box is not None:
            sight = Sight(given=photo.upright_box(entry.box))
        elif self._eye is not None:
            sight = self._eye.look(photo.glance(SIGHT), width, height)
        known |= self._facts(photo, entry)
        accepted = rejected.model_copy(update=known | {"status": Status.ACCEPTED})
        return Look(accepted, sight, content)

    def _decode(self, job: Job, side: int) -> Decoded | Rejected:
        assert job.info.box is not None
        if (before := self._earlier.square(job.info, side)) is not None:
            box = job.info.box
            place = (job.info.width, job.info.height, box[2] - box[0])
            return self._decoded(before, measure(before.pixels, *place))
        try:
            data = self._photos.read(job.entry)
        except MemoryError:
            raise
        except Exception as error:  # the disk or archive failed between two readings
            return Rejected(Reason.UNREADABLE, _words(error))
        if hashlib.sha256(data).hexdigest() != job.info.sha256:
            return Rejected(Reason.UNREADABLE, "changed while it was read")
        try:
            return self._decoded_anew(job.info, data, side)
        except Rejected as why:
            return why

    def _decoded_anew(self, info: ImageInfo, data: bytes, side: int) -> Decoded:
        assert info.box is not None
        width, height = info.width, info.height
        with self._decoders.opened(data, pixels=width * height) as photo:
            picture, scores = photo.scored(info.box, side, width, height)
        try:
            quality = Quality.model_validate(scores)
        except ValidationError:
            raise Rejected(Reason.CORRUPT, f"{DEATH} answered nonsense") from None
        return self._decoded(picture, quality)

    def _decoded(self, picture: Square, quality: Quality) -> Decoded:
        thumb = thumbnail(picture.pixels)
        embedding = None if self._embedder is None else self._embedder.of(picture.pixels)
        return Decoded(picture, thumb, perceptual_hash(thumb), quality, embedding)


def _refused(entry: Entry, url: str | None) -> ImageInfo:
    status = Status.OPTED_OUT if entry.reason is Reason.OPTED_OUT else Status.FAILED
    return ImageInfo(
        source=entry.source, status=status, reason=entry.reason, detail=entry.refused, url=url
    )


def _words(error: Exception) -> str:
    known = isinstance(error, Unreadable)
    return (str(error) if known else f"{type(error).__name__}: {error}")[:200]
