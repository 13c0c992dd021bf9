"""Exporting a dataset: choose photos, write them beside the place, move the whole in at once."""

from collections.abc import Mapping
from pathlib import Path

from limbeck import fsio
from limbeck.artefacts.folders import check_new, keep_apart
from limbeck.convert.dataset_json import tell_side, write_dataset_json, zip_files
from limbeck.convert.hf_parquet import write_hf_parquet
from limbeck.convert.imagefolder import image_files, write_imagefolder
from limbeck.convert.manifest import Placed, find_originals, manifest, place, write_manifest
from limbeck.convert.selection import Selection, Writer, select
from limbeck.convert.tables import attribution, metadata_lines, write_attribution
from limbeck.convert.webdataset import write_webdataset
from limbeck.errors import UsageError
from limbeck.kit.images import encode_png
from limbeck.kit.selection import evenly
from limbeck.records import ExportKind, ExportSummary

SHARD_MB = 256
_LOOKED_AT = 64
_WRITERS: Mapping[ExportKind, Writer] = {
    ExportKind.IMAGEFOLDER: write_imagefolder,
    ExportKind.DATASET_JSON: write_dataset_json,
    ExportKind.WEBDATASET: write_webdataset,
    ExportKind.HF_PARQUET: write_hf_parquet,
}
_SHARDED = (ExportKind.WEBDATASET, ExportKind.HF_PARQUET)


def export_data(
    data: Path,
    out: Path,
    to: ExportKind | str,
    *,
    keep: Path | None = None,
    everything: bool = False,
    originals: Path | None = None,
    size: int | None = None,
    shard_mb: int = SHARD_MB,
) -> ExportSummary:
    """Write a dataset in a format of other tools, with attribution.csv beside it.

    Images are PNGs of the pixels as they are stored; licence, author and URL go along where they
    are known, and of labels the dataset's own classes (`class_from`) alone. Files are named by ids.
    See docs/formats.md for each kind.

    Args:
        data: a dataset that `ingest` made, or a run: then its dataset, and of it what the run's
            keep list keeps, where there is one.
        out: a new or empty folder; it appears when all of it is written.
        to: imagefolder, dataset-json, webdataset, manifest or hf-parquet.
        keep: folder of a keep list (or its keep.parquet) in place of the run's.
        everything: export all photos, whatever the run's keep list says.
        originals: the photos that the dataset was made of, for `manifest`; default: what the run
            says.
        size: side of the images in pixels, brought to it as for a training (by averaging over
            areas); default: as stored.
        shard_mb: about how large a shard of webdataset or hf-parquet becomes, in 10^6 bytes.

    Returns:
        what was written.

    Raises:
        UsageError: no such kind; settings that contradict each other; `out` lies in `data` or in
            the photos, or they in it.
        DataError: no dataset, `out` is not empty, a keep list of another dataset, no photo left;
            for `manifest`, the originals are not to be found.
    """
    kind, chosen = _prepared(data, out, to, keep, everything, originals, size, shard_mb)
    placed: Placed = {}
    total = len(chosen)
    if kind is ExportKind.MANIFEST:
        placed = place(chosen, find_originals(chosen, originals))
        chosen = chosen.only(list(placed))
    out = Path(out).resolve()
    fsio.sweep_beside(out)
    with fsio.atomic_dir(out) as folder:
        if kind is ExportKind.MANIFEST:
            files = write_manifest(chosen, placed, folder)
        else:
            files = _WRITERS[kind](chosen, folder)
        write_attribution(chosen, files, folder)
        written = [file.stat().st_size for file in fsio.files_under(folder)]
    return _summary(kind, chosen, total - len(chosen), len(written), sum(written))


def foresee(
    data: Path,
    out: Path,
    to: ExportKind | str,
    *,
    keep: Path | None = None,
    everything: bool = False,
    originals: Path | None = None,
    size: int | None = None,
    shard_mb: int = SHARD_MB,
) -> ExportSummary:
    """What `export_data` would write, from some of the images; nothing is written.

    Args:
        data, out, to, keep, everything, originals, size, shard_mb: as of `export_data`.

    Returns:
        photos as they would be exported, and about how many files and bytes. The originals of a
        manifest are not looked at.

    Raises:
        UsageError, DataError: as `export_data`.
    """
    kind, chosen = _prepared(data, out, to, keep, everything, originals, size, shard_mb)
    photos = chosen.photos
    if kind is ExportKind.MANIFEST:
        boxed = {p.id: (p.info.source, p.info.box) for p in photos if p.info.box is not None}
        names = [photo.info.source for photo in photos]
        text = manifest([p for p in photos if p.id in boxed], boxed)
        return _summary(kind, chosen, 0, 2, len(text) + len(attribution(photos, names)))
    if kind is ExportKind.DATASET_JSON:
        tell_side(chosen)
    names = zip_files(len(chosen)) if kind is ExportKind.DATASET_JSON else image_files(chosen)
    said = len(metadata_lines(chosen, names).encode())
    images = round(len(chosen) * _mean_png(chosen)) + said
    shards = max(1, -(-images // chosen.shard_bytes)) if kind in _SHARDED else 1
    files = len(chosen) + 2 if kind is ExportKind.IMAGEFOLDER else shards + 1
    return _summary(kind, chosen, 0, files, images + len(attribution(photos, names).encode()))


def _prepared(
    data: Path,
    out: Path,
    to: ExportKind | str,
    keep: Path | None,
    everything: bool,
    originals: Path | None,
    size: int | None,
    shard_mb: int,
) -> tuple[ExportKind, Selection]:
    """The kind and the photos, once all that can be wrong before writing was checked."""
    if to not in tuple(ExportKind):
        raise UsageError(f"no export to {to!r}", f"one of {', '.join(ExportKind)}")
    kind = ExportKind(to)
    boxes = kind is ExportKind.MANIFEST
    if boxes and size is not None:
        raise UsageError("a manifest holds no images, so it has no --size", "leave --size out")
    if originals is not None and not boxes:
        raise UsageError(
            f"--originals is of use to a manifest alone, not to {kind}",
            "leave it out: the other kinds take the pixels of the dataset",
        )
    chosen = select(Path(data), keep=keep, everything=everything, size=size, shard_mb=shard_mb)
    photos = find_originals(chosen, originals) if boxes else chosen.source
    for read in (Path(data), photos) if photos is not None else (Path(data),):
        keep_apart(read, out)
    check_new(out)
    return kind, chosen


def _mean_png(chosen: Selection) -> float:
    """Mean bytes of a PNG, from some, evenly spread."""
    rows = evenly(range(len(chosen)), _LOOKED_AT)
    view = chosen.dataset.at(chosen.size, resident=False)
    return sum(len(encode_png(image)) for image in view[list(rows)]) / len(rows)


def _summary(
    kind: ExportKind, chosen: Selection, left_out: int, files: int, size: int
) -> ExportSummary:
    return ExportSummary(
        kind=kind,
        photos=len(chosen),
        whole=chosen.whole,
        kept_only=chosen.kept_only,
        left_out=left_out,
        size=None if kind is ExportKind.MANIFEST else chosen.size,
        classes=len(chosen.class_names),
        files=files,
        bytes=size,
    )
