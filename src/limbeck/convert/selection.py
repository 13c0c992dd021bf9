"""What is exported: some photos of a dataset, and what is said of each besides its pixels."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from torch import Tensor

from limbeck import logs
from limbeck.artefacts.keep import KEEP_TABLE, kept_ids
from limbeck.artefacts.run import RUN, TAKEDOWNS, RunDir
from limbeck.artefacts.stage import read_done
from limbeck.artefacts.takedowns import require_no_unfinished_takedown
from limbeck.data import Dataset, open_dataset
from limbeck.errors import DataError, UsageError
from limbeck.kit.images import encode_png
from limbeck.records import ImageInfo

_BATCH = 64
_ID = re.compile(r"[0-9a-z][0-9a-z_-]{0,63}")
Value = str | int | list[int] | None


@dataclass(frozen=True)
class Photo:
    """One photo of an export.

    Attributes:
        info: its row of the dataset.
        label: name of its class; None where the dataset has none.
    """

    info: ImageInfo
    label: str | None

    @property
    def id(self) -> str:
        """Its id, which names its file."""
        return str(self.info.id)

    def facts(self) -> dict[str, Value]:
        """What exports say of it, by column; None = not known."""
        info = self.info
        return {
            "id": self.id,
            "source": info.source,
            "licence": info.licence,
            "author": info.author,
            "url": info.url,
            "box": None if info.box is None else list(info.box),
            "crop": None if info.crop is None else info.crop.value,
            "label": self.label,
        }

    def known(self) -> dict[str, Value]:
        """`facts` without what is not known."""
        return {name: value for name, value in self.facts().items() if value is not None}


@dataclass(frozen=True)
class Selection:
    """The photos of an export, in dataset order.

    Attributes:
        dataset: holds them and no others.
        whole: accepted photos of the dataset that they were chosen from.
        kept_only: whether a keep list chose them.
        size: side of the exported images, pixels.
        shard_bytes: about how large a shard becomes, for kinds that have shards.
        source: what the dataset was made of, where its run says so.
    """

    dataset: Dataset
    whole: int
    kept_only: bool
    size: int
    shard_bytes: int
    source: Path | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def class_names(self) -> Sequence[str]:
        """Names of the classes 0, 1, ...; empty where there are none."""
        return self.dataset.class_names

    @property
    def photos(self) -> list[Photo]:
        """The photos, without pixels."""
        names = self.class_names
        return [
            Photo(info, names[info.label] if names and info.label is not None else None)
            for info in self.dataset.infos
        ]

    def pictures(self) -> Iterator[tuple[Photo, bytes]]:
        """Every photo and its PNG; progress is shown."""
        shown = logs.track(self._pixels(), "exporting", len(self))
        for photo, pixels in zip(self.photos, shown, strict=True):
            yield photo, encode_png(pixels)

    def only(self, ids: Sequence[str]) -> "Selection":
        """The same with fewer photos."""
        return replace(self, dataset=self.dataset.select(ids))

    def _pixels(self) -> Iterator[Tensor]:
        for batch in self.dataset.batches(self.size, _BATCH):
            yield from batch.images


class Writer(Protocol):
    """A kind of export."""

    def __call__(self, chosen: Selection, folder: Path) -> list[str]:
        """Write the export into an empty folder.

        Returns:
            the name of each photo in the export, in the order of `chosen`.
        """
        ...


def select(
    data: Path, *, keep: Path | None, everything: bool, size: int | None, shard_mb: int
) -> Selection:
    """Find the dataset and the photos of it that are exported.

    Args:
        data: a dataset, or a run: then its dataset, and the photos that its keep list keeps.
        keep: a keep list in place of the run's.
        everything: whether to take all photos, whatever a run's keep list says.
        size: side in pixels; None = as stored.
        shard_mb: about how large a shard becomes, in 10^6 bytes.

    Raises:
        UsageError: settings out of range, or `everything` with a keep list.
        DataError: no dataset, a keep list of another one, or no photo is left.
    """
    if keep is not None and everything:
        raise UsageError("--all and --keep contradict each other", "give one of them")
    if size is not None and not 1 <= size <= 4096:
        raise UsageError(f"size {size}", "give a side from 1 to 4096 pixels")
    if not 1 <= shard_mb <= 10**6:
        raise UsageError(f"shards of {shard_mb} MB", "give from 1 to 1000000 MB")
    run = RunDir(data) if (data / RUN).exists() else None
    for place in (data, data.parent):
        if (place / TAKEDOWNS).exists():
            require_no_unfinished_takedown(place)
    dataset = open_dataset(data if run is None else run.data)
    if keep is None and run is not None and not everything and _finished(run.keep):
        keep = run.keep
    chosen = dataset if keep is None else dataset.select(kept_ids(keep))
    if not len(chosen):
        raise DataError(f"{keep or data} leaves no photo to export", "--all exports every photo")
    for photo in chosen.ids:
        if not _ID.fullmatch(photo):
            raise DataError(
                f"{dataset.root}: the id {photo!r} cannot name a file", "ingest the photos again"
            )
    return Selection(
        chosen, len(dataset), keep is not None, size or dataset.size, shard_mb * 10**6,
        _source(dataset.root if run is None else run.root),
    )  # fmt: skip


def _finished(keep: Path) -> bool:
    return (keep / KEEP_TABLE).exists() and read_done(keep) is not None


def _source(folder: Path) -> Path | None:
    """What the run in this folder, or just above it, was made of; None where there is none."""
    for place in (folder, folder.parent):
        if (place / RUN).exists():
            photos = RunDir(place).read().get("photos")
            return None if photos is None else Path(str(photos))
    return None
