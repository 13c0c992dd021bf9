"""What becomes of each decoded file: kept, a copy of a kept one, or rejected with a reason."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck.decoding import Rejected, Square
from limbeck.ingestion.crop_copies import CropCopies, Embedding
from limbeck.ingestion.duplicates import NearDuplicates
from limbeck.records import ImageInfo, Reason, Status


@dataclass(frozen=True)
class Decoded:
    """A square with its uint8 [3, 32, 32] thumbnail, 64-bit hash, and embedding if asked for."""

    square: Square
    thumb: NDArray[np.uint8]
    phash: int
    embedding: Embedding | None = None


class Acceptance:
    """Settles one listed file after another; `rows` is complete when `pictures` has run dry."""

    def __init__(self, bits: int) -> None:
        self.rows: list[ImageInfo] = []
        self._near = NearDuplicates(bits)
        self._crops = CropCopies()
        self._kept: list[str | None] = []
        self._first: dict[str | None, ImageInfo] = {}

    def pictures(
        self, decoded: Iterable[Decoded | Rejected | None], infos: Sequence[ImageInfo]
    ) -> Iterator[NDArray[np.uint8]]:
        """uint8 [3, S, S] of each accepted file, in listing order."""
        for result, info in zip(decoded, infos, strict=True):
            row = self._settle(info, result)
            self.rows.append(row)
            if row.status is Status.ACCEPTED and isinstance(result, Decoded):
                yield result.square.pixels

    def _settle(self, info: ImageInfo, result: Decoded | Rejected | None) -> ImageInfo:
        if info.status is not Status.ACCEPTED:
            return info
        if result is None:
            return _like(info, self._first[info.id])
        if isinstance(result, Rejected):
            unreadable = result.reason is Reason.UNREADABLE
            status = Status.FAILED if unreadable else Status.REJECTED
            row = info.model_copy(
                update={"status": status, "reason": result.reason, "detail": result.detail}
                | {"id": None, "label": None}
            )
        else:
            row = self._compare(info, result)
        self._first[info.id] = row
        return row

    def _compare(self, info: ImageInfo, result: Decoded) -> ImageInfo:
        side = result.square.pixels.shape[-1]
        row = info.model_copy(
            update={
                "phash": f"{result.phash:016x}",
                "detail": result.square.note,
                "upscaled": info.box is not None and info.box[2] - info.box[0] < side,
            }
        )
        original = self._near.find(result.phash, result.thumb)
        if original is None and result.embedding is not None:
            original = self._crops.find(result.embedding, result.thumb)
        if original is None:
            self._near.add(result.phash, result.thumb)
            if result.embedding is not None:
                self._crops.add(result.embedding, result.thumb)
            self._kept.append(row.id)
            return row
        return row.model_copy(
            update={
                "status": Status.REJECTED,
                "reason": Reason.NEAR_DUPLICATE,
                "duplicate_of": self._kept[original],
                "label": None,
            }
        )


def _like(info: ImageInfo, first: ImageInfo) -> ImageInfo:
    """The row of a byte-for-byte copy: it shares its first one's fate, or names it."""
    update: dict[str, object] = {"id": None, "label": None, "status": Status.REJECTED}
    if first.status is Status.ACCEPTED or first.duplicate_of:
        update |= {"reason": Reason.DUPLICATE, "duplicate_of": first.duplicate_of or first.id}
    else:
        update |= {"status": first.status, "reason": first.reason, "detail": first.detail}
    return info.model_copy(update=update)
