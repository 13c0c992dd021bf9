"""What an older dataset in the same place knows of photos whose bytes have not changed.

Of a folder that has grown, only what is new is decoded. What was decoded before was decoded by the
same code under the same settings, or it is decoded again.
"""

from collections.abc import Sequence
from pathlib import Path

from limbeck import fsio, logs
from limbeck.artefacts.stage import read_done
from limbeck.config import DataConfig
from limbeck.data import Dataset, PackedRows, open_dataset
from limbeck.decoding import DEATH, DECODING, Square
from limbeck.errors import DataError
from limbeck.ingestion.cropping import Sight
from limbeck.kit.photos import codec_versions, photo_formats
from limbeck.metrics import forget_features
from limbeck.records import CropKind, ImageInfo, Reason, Status

_AT_SIGHT = (
    Reason.NOT_AN_IMAGE, Reason.UNSUPPORTED, Reason.CORRUPT, Reason.TOO_SMALL, Reason.TOO_LARGE,
    Reason.NOT_SQUARE,
)  # fmt: skip
"""Verdicts on a header; what was too costly may fare better on an idle machine."""
_LATER = (
    Reason.NONE, Reason.NEAR_DUPLICATE, Reason.UNSUPPORTED, Reason.CORRUPT, Reason.TOO_COSTLY,
)  # fmt: skip
"""What may become of a photo that had a box."""
_SEEN = (CropKind.CENTER, CropKind.DETECT, CropKind.ATTENTION)


def way_of(config: DataConfig, least: int) -> str:
    """Digest of all that decides what is read from a photo's bytes.

    Args:
        config: with `crop` decided.
        least: shorter side of a photo, pixels.
    """
    versions = codec_versions()
    return fsio.digest_json(
        [DECODING, versions, photo_formats(), config.crop, config.crop_score, least]
    )


class Earlier:
    """Rows and pixels by what the bytes are; knows nothing where there is no such dataset."""

    def __init__(self, dataset: Dataset | None = None) -> None:
        self._pixels = dataset.at(dataset.size, resident=False) if dataset else None
        self._place = {one: row for row, one in enumerate(dataset.ids)} if dataset else {}
        self._infos: Sequence[ImageInfo] = dataset.infos if dataset else ()
        self._known = PackedRows()
        self._rows: dict[str, int] = {}
        for info in dataset.listed() if dataset else []:
            if info.sha256 and _known(info) and info.sha256 not in self._rows:
                self._rows[info.sha256] = len(self._known)
                self._known.append(info)

    def row(self, sha256: str) -> ImageInfo | None:
        """The row of a file with these bytes: had a box (`had_box`), or rejected at sight."""
        place = self._rows.get(sha256)
        return None if place is None else self._known[place]

    def holds(self, id: str | None, side: int) -> bool:
        """Whether a photo, by its id (bytes and crop), is stored at this side."""
        return self._pixels is not None and id in self._place and self._pixels.size == side

    def square(self, photo: ImageInfo, side: int) -> Square | None:
        """A photo as it was decoded, where it is held."""
        if self._pixels is None or photo.id is None or not self.holds(photo.id, side):
            return None
        row = self._place[photo.id]
        info = self._infos[row]
        if info.sha256 != photo.sha256:
            return None
        return Square(self._pixels[[row]][0].numpy(), info.detail, info.format or "")


def earlier_in(out: Path, way: str) -> Earlier:
    """The dataset that `out` (or, of a temporary, its place) holds, if it was made the same way."""
    home = out.parent if fsio.is_temporary(out) else out
    try:
        done = read_done(home)
        if done is None or done.summary.get("way") != way:
            return Earlier()
        return Earlier(open_dataset(home, verify=True, part=True))
    except DataError as error:
        logs.warn(f"the older dataset there is of no use, so every photo is decoded: {error}")
        return Earlier()


def forget_replaced(out: Path, made: Path) -> None:
    """Remove cached features of the dataset that the one in `made` replaces, where it holds other
    pixels: nobody asks for them any more, and a take-down would not find them."""
    home = out.parent if fsio.is_temporary(out) else out
    try:
        before = open_dataset(home)
    except DataError:
        return
    if before.contents != open_dataset(made).contents:
        forget_features(before)


def sight_of(row: ImageInfo) -> Sight:
    """What was seen in a photo, from its row."""
    return Sight(row.objects, row.box if row.crop is CropKind.ATTENTION else None)


def had_box(row: ImageInfo) -> bool:
    """Whether the photo was to be decoded, whatever became of it then."""
    return row.box is not None and row.reason in _LATER


def _known(info: ImageInfo) -> bool:
    if info.reason is Reason.CORRUPT and info.detail.startswith(DEATH):
        return False  # it may have been killed for another reason
    if had_box(info):
        return info.crop in _SEEN
    return info.status is Status.REJECTED and info.reason in _AT_SIGHT
