"""What becomes of each decoded file: kept, a copy of a kept one, or rejected with a reason.

Of copies the best is kept, and the best may be listed last. So all squares wait on disk
(`fsio.Scratch`) until every file was decoded; then the photos are gone through from the best to the
worst, and one that repeats a better one is left out. So no two kept photos repeat one another, and
what is kept depends neither on the order of the listing nor on the timing of threads.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck import fsio
from limbeck.data import Encoded, PackedRows, decode, encode, flags_of
from limbeck.decoding import Rejected, Square
from limbeck.ingestion.crop_copies import CropCopies, Embedding
from limbeck.ingestion.duplicates import THUMB, NearDuplicates
from limbeck.records import ImageInfo, Quality, Reason, Status, StoreKind

Pixels = NDArray[np.uint8]

_DENSITY = {"WEBP": 1.4, "AVIF": 2.0, "HEIF": 2.0}
"""How many bytes of a JPEG hold what a byte of another format holds. Bytes a pixel tell how much a
photo was compressed the last time: saved again with less compression, a copy passes for better."""


@dataclass(frozen=True)
class Decoded:
    """A square with its uint8 [3, 32, 32] thumbnail, 64-bit hash, scores, and embedding if asked
    for."""

    square: Square
    thumb: NDArray[np.uint8]
    phash: int
    quality: Quality
    embedding: Embedding | None = None


_Rank = tuple[int, float, float, str]


def _rank(info: ImageInfo) -> _Rank:
    """The smallest is the best: the largest crop in the photo's own pixels, then the least
    compressed, then the sharpest, then the first by name."""
    assert info.box is not None, "decoded photos have one"
    assert info.quality is not None, "decoded photos have scores"
    detail = (info.bytes or 0) * _DENSITY.get(info.format or "", 1) / (info.width * info.height)
    return info.box[0] - info.box[2], -detail, -info.quality.blur, info.source


class _Thumbs:
    """Thumbnails on disk; see `duplicates.Thumbs`."""

    def __init__(self, disk: fsio.Scratch) -> None:
        self._disk = disk
        self._places = array("q")

    def append(self, thumb: Pixels) -> None:
        self._places.append(self._disk.append(thumb.tobytes()))

    def __getitem__(self, index: int) -> Pixels:
        return _read_thumb(self._disk, self._places[index])


def _read_thumb(disk: fsio.Scratch, place: int) -> Pixels:
    data = disk.read(place, 3 * THUMB * THUMB)
    return np.frombuffer(data, dtype=np.uint8).reshape(3, THUMB, THUMB)


class Acceptance:
    """Settles every listed file, once all are decoded.

    Squares and thumbnails lie on disk, squares as the dataset will hold them. Memory: about 2 KB a
    photo, and 5 to 10 KB more with embeddings.

    Args:
        bits: of `NearDuplicates`.
        squares: an empty place for the squares.
        kind: how the dataset stores them.

    Attributes:
        rows: one row a listed file, in listing order, when `take` is done.
    """

    def __init__(self, bits: int, squares: fsio.Scratch, kind: StoreKind = StoreKind.RAW) -> None:
        self.rows: Sequence[ImageInfo] = ()
        self._bits = bits
        self._squares = squares
        self._kind = kind
        self._places: dict[str, tuple[int, int]] = {}  # id -> begin and bytes of its square
        self._side = 0

    def take(
        self, decoded: Iterable[Decoded | Rejected | None], infos: Sequence[ImageInfo]
    ) -> None:
        """Decide about all files.

        Args:
            decoded: what became of each, in listing order; None = not decoded: it was not accepted,
                or another of its `id` came before.
            infos: their rows; they are gone through three times.
        """
        candidates = _Candidates()
        fates = _Fates()
        for result, info in zip(decoded, infos, strict=True):
            if isinstance(result, Decoded):
                row = decoded_row(info, result)
                fates.add(row)
                candidates.add(row, self._store(info, result), result)
            elif result is not None and info.status is Status.ACCEPTED:
                fates.add(refused_row(info, result))
        for one, original in self._settle(candidates):
            fates.leave_out(one, original)
        copies = Counter(fates.of(info).duplicate_of for info in infos)
        self.rows = PackedRows(_counted(fates.of(info), copies) for info in infos)

    def pictures(self) -> Iterator[Pixels | Encoded]:
        """uint8 [3, S, S], or encoded, of each accepted file, in listing order."""
        for row in self.rows:
            if row.status is Status.ACCEPTED:
                yield self._stored(row)

    def square(self, info: ImageInfo) -> Pixels:
        """uint8 [3, S, S] of a file that was decoded, or of a copy of it.

        Raises:
            KeyError: it was not.
        """
        found = self._stored(info)
        return decode(found.data, self._side) if isinstance(found, Encoded) else found

    def _stored(self, info: ImageInfo) -> Pixels | Encoded:
        data = self._squares.read(*self._places[str(info.id)])
        if self._kind is StoreKind.SHARDS:
            return Encoded(data)
        return np.frombuffer(data, dtype=np.uint8).reshape(3, self._side, self._side)

    def _store(self, info: ImageInfo, result: Decoded) -> int:
        """Keep a square; returns where its thumbnail lies."""
        self._side = result.square.pixels.shape[-1]
        assert info.id not in self._places, f"{info.source} was decoded twice"
        pixels = result.square.pixels
        data = encode(pixels).data if self._kind is StoreKind.SHARDS else pixels.tobytes()
        self._places[str(info.id)] = self._squares.append(data), len(data)
        return self._squares.append(result.thumb.tobytes())

    def _settle(self, candidates: "_Candidates") -> Iterator[tuple[str, str]]:
        """Ids of photos that are left out, and of those they repeat."""
        kept: list[str] = []
        near = NearDuplicates(self._bits, _Thumbs(self._squares))
        crops = CropCopies(_Thumbs(self._squares))
        for one in candidates.best_first():
            thumb = _read_thumb(self._squares, one.thumb)
            original = near.find(one.phash, thumb)
            if original is None and one.embedding is not None:
                original = crops.find(one.embedding, thumb)
            if original is not None:
                yield one.id, kept[original]
                continue
            near.add(one.phash, thumb)
            if one.embedding is not None:
                crops.add(one.embedding, thumb)
            kept.append(one.id)


@dataclass(frozen=True)
class _Candidate:
    """A decoded photo that waits for its fate; `thumb` is where its thumbnail lies on disk."""

    id: str
    thumb: int
    phash: int
    embedding: Embedding | None


class _Candidates:
    """All of them: of each what decides, and no more."""

    def __init__(self) -> None:
        self._ranks: list[tuple[_Rank, str, int]] = []
        self._thumbs, self._hashes = array("q"), array("Q")
        self._embeddings: list[Embedding | None] = []

    def add(self, row: ImageInfo, thumb: int, result: Decoded) -> None:
        self._ranks.append((_rank(row), str(row.id), len(self._ranks)))
        self._thumbs.append(thumb)
        self._hashes.append(result.phash)
        self._embeddings.append(result.embedding)

    def best_first(self) -> Iterator[_Candidate]:
        """From the best to the worst; each is forgotten when it was given."""
        self._ranks.sort(reverse=True)
        while self._ranks:
            _, name, number = self._ranks.pop()
            embedding, self._embeddings[number] = self._embeddings[number], None
            yield _Candidate(name, self._thumbs[number], self._hashes[number], embedding)


class _Fates:
    """What became of the files that were to be decoded, by id."""

    def __init__(self) -> None:
        self._rows = PackedRows()
        self._number: dict[str | None, int] = {}
        self._originals: dict[str, str] = {}

    def add(self, row: ImageInfo) -> None:
        self._number[row.id] = len(self._rows)
        self._rows.append(row)

    def leave_out(self, one: str, original: str) -> None:
        self._originals[one] = original

    def of(self, info: ImageInfo) -> ImageInfo:
        """The final row of a listed file, without its number of copies."""
        if info.status is not Status.ACCEPTED:
            return info
        first = self._rows[self._number[info.id]]
        if original := self._originals.get(str(info.id)):
            update = {
                "status": Status.REJECTED,
                "reason": Reason.NEAR_DUPLICATE,
                "duplicate_of": original,
                "label": None,
            }
            first = first.model_copy(update=update)
        row = first if first.source == info.source else _like(info, first)
        refused = row.reason not in (Reason.NONE, Reason.NEAR_DUPLICATE)
        return row.model_copy(update={"id": None}) if refused else row


def _counted(row: ImageInfo, copies: Mapping[str | None, int]) -> ImageInfo:
    if row.status is not Status.ACCEPTED:
        return row
    return row.model_copy(update={"copies": copies.get(row.id, 0)})


def decoded_row(info: ImageInfo, result: Decoded) -> ImageInfo:
    """The row of a photo with what its square tells."""
    side = result.square.pixels.shape[-1]
    known = {
        "phash": f"{result.phash:016x}",
        "detail": result.square.note,
        "format": result.square.format,
        "upscaled": info.box is not None and info.box[2] - info.box[0] < side,
        "quality": result.quality,
        "flags": flags_of(result.quality),
    }
    return info.model_copy(update=known)


def refused_row(info: ImageInfo, why: Rejected) -> ImageInfo:
    """The row of a photo that could not be decoded."""
    unreadable = why.reason is Reason.UNREADABLE
    status = Status.FAILED if unreadable else Status.REJECTED
    known = {"status": status, "reason": why.reason, "detail": why.detail}
    return info.model_copy(update=known | {"label": None})


def _like(info: ImageInfo, first: ImageInfo) -> ImageInfo:
    """The row of a byte-for-byte copy: it shares its first one's fate, or names it."""
    update: dict[str, object] = {"label": None, "status": Status.REJECTED}
    if first.status is Status.ACCEPTED or first.duplicate_of:
        update |= {"reason": Reason.DUPLICATE, "duplicate_of": first.duplicate_of or first.id}
    else:
        update |= {"status": first.status, "reason": first.reason, "detail": first.detail}
    return info.model_copy(update=update)
