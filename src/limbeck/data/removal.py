"""Photos that are taken out of a dataset: no pixels, no name, no facts; their hash alone stays."""

from collections.abc import Collection
from pathlib import Path

from limbeck.data.dataset import Dataset
from limbeck.data.packed import PackedRows
from limbeck.data.store import write_dataset, write_index
from limbeck.records import ImageInfo, Reason, Status

_NAME = "taken-down/"
_DETAIL = "taken down"


def taken_row(info: ImageInfo) -> ImageInfo:
    """The row of a photo that was taken down: the sha256 of its bytes, and nothing else of it."""
    return ImageInfo(
        source=f"{_NAME}{(info.sha256 or 'never read')[:16]}",
        sha256=info.sha256,
        status=Status.OPTED_OUT,
        reason=Reason.OPTED_OUT,
        detail=_DETAIL,
    )


def is_taken(info: ImageInfo) -> bool:
    """Whether `taken_row` made this row."""
    return info.status is Status.OPTED_OUT and info.detail == _DETAIL


def write_without(dataset: Dataset, taken: Collection[int], out: Path) -> None:
    """Write the files of `dataset` anew, without some of the photos.

    The shards come out as `write_dataset` makes them of the photos that stay, so that the digest is
    that of a dataset which never held the others; encoded images are taken over as they are. Where
    no pixels are to go, only the table and index.json are written.

    Args:
        dataset: all accepted photos of a folder.
        taken: places in `dataset.listed()` of the rows to take out.
        out: an empty folder; the dataset's own is only read.

    Raises:
        DataError: the dataset is damaged, or the disk is full.
    """
    listed = dataset.listed()
    rows = PackedRows(
        taken_row(info) if place in taken else info for place, info in enumerate(listed)
    )
    accepted = [str(info.id) for info in rows if info.status is Status.ACCEPTED]
    if len(accepted) == len(dataset):
        write_index(out, rows, rows, dataset.shards, dataset.size, dataset.class_names)
        return
    stay = dataset.select(accepted)
    write_dataset(
        out, rows, stay.packed(), dataset.size, class_names=dataset.class_names, kind=dataset.kind
    )
