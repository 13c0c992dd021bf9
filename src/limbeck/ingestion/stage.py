"""The stage: list, look at headers, decode and crop, drop copies, store, account for each file."""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh, keep_apart
from limbeck.artefacts.stage import Provenance
from limbeck.artefacts.takedowns import TAKEDOWNS, taken_hashes
from limbeck.config import DataConfig
from limbeck.data import COPY_SHEET, CROP_SHEET, open_dataset, taken_row, write_dataset
from limbeck.decoding import Rejected
from limbeck.errors import DataError
from limbeck.ingestion.acceptance import Acceptance, Decoded
from limbeck.ingestion.copy_sheet import save_copy_sheet
from limbeck.ingestion.crop_sheet import save_crop_sheet
from limbeck.ingestion.cropping import eye_of, wanted_objects
from limbeck.ingestion.earlier import earlier_in, forget_replaced, way_of
from limbeck.ingestion.fetching import Fetching
from limbeck.ingestion.files import Reader, cropped_all, jobs, least_side
from limbeck.ingestion.optout import TOLD_LINES, opt_out_of, read_opt_out
from limbeck.ingestion.out_of_memory import out_of_memory
from limbeck.ingestion.photo_classes import classify, read_classes, side_inputs
from limbeck.ingestion.pool import Pool
from limbeck.ingestion.quality import count_flags
from limbeck.ingestion.sources import Entry, Source, open_source
from limbeck.records import ImageInfo, IngestSummary, Status

STORE_SIDE = 128


def ingest(
    source: Path,
    out: Path,
    config: DataConfig,
    *,
    opt_out: Path | None = None,
    strict: bool = False,
    detector: Path | None = None,
    fetching: Fetching | None = None,
) -> IngestSummary:
    """Make a dataset in `out` from the photos in a folder or archive, which is only read, or from
    those that a list of URLs names, which are fetched first (see `fetching`).

    Every regular file is listed and gets exactly one status, so that
    listed = accepted + rejected (by reason) + opted out + failed. Files that are no images
    (side-cars, texts, archives) are rejected as `not_an_image`; no side-car is ever read.
    Of photos whose bytes the dataset that lies in `out` knows, nothing is decoded again. Squares
    are chosen as `config.crop` says (see `cropping`), and `crops.jpg` shows some. Of copies to the
    eye the best stays (see `acceptance`), of copies byte for byte the first by name; `copies.jpg`
    shows some. What was taken down from `out`, or from the run that it is of, stays out (`limbeck
    take-down`). Photos get scores and flags (see `quality`); none is dropped for them. While it
    works, the squares take as much disk space again as the dataset.

    Args:
        source: folder (read recursively), zip or tar (read in place, never extracted), or list.
        out: the dataset's folder; an older dataset there is replaced (see `artefacts.fresh`).
        config: sizes, duplicates, labels.
        opt_out: a text file naming one photo a line (see `opt_out_of`); lines that name nothing
            are told and counted.
        strict: such a line is an error, and nothing is written.
        detector: file of the detector's weights; default: from the cache.
        fetching: of a list of URLs: where photos are kept, ports, limits; see `Fetching`.

    Raises:
        DataError: fewer than two different photos, a source that cannot be listed, `class_from`
            names no class for some photo, an opt-out list that cannot be read or (`strict`) has a
            line that names nothing.
        LimbeckError: memory ran out; no dataset is written, and no photo is blamed.
        UsageError: `out` lies in `source`, or the other way round; no such class to crop to;
            `detect` is asked for and onnxruntime or (WeightsError) the weights are missing;
            photos must be fetched and httpcore is missing.
    """
    started = time.perf_counter()
    source, out = Path(source), Path(out)
    keep_apart(source, out)
    if fetching is not None and fetching.folder is not None:
        keep_apart(fetching.folder, out)
    wishes = read_opt_out(opt_out)
    given = read_classes(config)
    eye_of(config, detector, boxes=True)  # what cannot be had is said before photos are listed
    with (
        fresh(out, "data") as folder,
        _memory_errors(source),
        open_source(source, fetching) as photos,
        Pool() as pool,
    ):
        photos.bring(wishes)
        boxes = any(entry.box for entry in photos.entries)
        decided, eye = eye_of(config, detector, boxes=boxes)
        way = way_of(decided, least_side(decided))
        earlier = earlier_in(out, way)
        reader = Reader(photos, decided, pool.decoders, earlier, eye)
        seen = pool.in_order(reader.look, photos.entries)
        looks = list(logs.track(seen, "looking", len(photos.entries)))
        wanted = wanted_objects((look.sight for look in looks), config.crop_object)
        infos, entries = cropped_all(looks, photos.entries, decided, wanted, reader.least)
        honoured = opt_out_of(infos, wishes, root=source, archive=photos.archive, strict=strict)
        stay = _without_taken(honoured.infos, out)
        infos, names = classify(stay, entries, config, given)
        side = store_side(infos, config.size, source)
        decode = pool.in_order(lambda job: reader.decode(job, side), jobs(entries, infos))
        decoded = logs.track(decode, "decoding", len(infos))
        rows = _store(folder, config, side, infos, decoded, names)
        save_crop_sheet(rows, _glances(photos, entries, infos, pool), folder / CROP_SHEET)
        listing = photos.digest()
        accepted = [row for row in rows if row.status is Status.ACCEPTED]
        summary = IngestSummary(
            **open_dataset(folder).counts,
            size=side,
            crops=Counter(str(row.crop) for row in accepted),
            flags=count_flags(rows),
            crop_objects=sorted(wanted) if decided.crop == "detect" else [],
            seconds=time.perf_counter() - started,
            reused=sum(earlier.holds(row.id, side) for row in accepted),
            way=way,
            opt_out_unmatched=len(honoured.unmatched),
            opt_out_lines=honoured.unmatched[:TOLD_LINES],
        )
        _check(summary, rows, source, out)
        forget_replaced(out, folder)
        inputs = {"source": listing, **side_inputs(config, opt_out)}
        provenance = Provenance.of(inputs, config.model_dump())
        provenance.finish(folder, "data", started=started, summary=summary.model_dump(mode="json"))
    return summary


def _store(
    folder: Path,
    config: DataConfig,
    side: int,
    infos: Sequence[ImageInfo],
    decoded: Iterable[Decoded | Rejected | None],
    names: Sequence[str],
) -> list[ImageInfo]:
    """Settle what was decoded and write the dataset; returns a row for every listed file."""
    with fsio.Scratch(folder) as squares:
        sieve = Acceptance(config.near_duplicate_bits, squares)
        sieve.take(decoded, infos)
        write_dataset(folder, sieve.rows, sieve.pictures(), side, class_names=names)
        save_copy_sheet(sieve.rows, sieve.square, folder / COPY_SHEET)
    return sieve.rows


def _glances(
    photos: Source, entries: Sequence[Entry], infos: Sequence[ImageInfo], pool: Pool
) -> Callable[[ImageInfo, int], Image.Image]:
    """What shows a photo in small: of its row, and at most so many pixels long."""
    entry_of = {info.source: entry for info, entry in zip(infos, entries, strict=True)}

    def glance(info: ImageInfo, longest: int) -> Image.Image:
        data = photos.read(entry_of[info.source])
        with pool.decoders.opened(data, pixels=info.width * info.height) as photo:
            return photo.glance(longest)

    return glance


def _without_taken(infos: Sequence[ImageInfo], out: Path) -> list[ImageInfo]:
    """The photos; those that were taken down from this dataset or its run stay out, nameless."""
    gone = taken_hashes(out)
    count = sum(info.sha256 in gone for info in infos)
    if count:
        logs.say(f"{count} files were taken down before and stay out ({TAKEDOWNS})")
    return [taken_row(info) if info.sha256 in gone else info for info in infos]


def _check(summary: IngestSummary, rows: Sequence[ImageInfo], source: Path, out: Path) -> None:
    """The counts add up and at least two images differ; else the dataset is no dataset."""
    if summary.balanced() and summary.listed == len(rows) and summary.accepted > 1:
        return
    if not summary.balanced() or summary.listed != len(rows):
        raise DataError(f"the counts of {out} do not add up: {summary}", "please report this")
    if not summary.accepted:
        raise DataError(
            f"none of {summary.listed} files in {source} is a photo to train on "
            f"({', '.join(f'{count} {why}' for why, count in summary.rejected.items())})",
            "give a folder or zip that holds photos",
        )
    one = next(row.source for row in rows if row.status is Status.ACCEPTED)
    copies = summary.rejected.get("duplicate", 0) + summary.rejected.get("near_duplicate", 0)
    raise DataError(
        f"of {summary.listed} files in {source} only one image is left ({logs.visible(one)}; "
        f"{copies} are copies of it), and nothing can be learnt from one",
        "give photos that differ; data.near_duplicate_bits=-1 keeps those that look alike",
    )


@contextmanager
def _memory_errors(source: Path) -> Iterator[None]:
    """Memory that ran out anywhere is an error a person can act on."""
    try:
        yield
    except MemoryError as error:
        raise out_of_memory(str(source)) from error
    except RuntimeError as error:
        if "new thread" not in str(error):
            raise
        raise out_of_memory(str(source)) from error


def store_side(infos: Sequence[ImageInfo], size: int, source: Path) -> int:
    """max(size, 128), but at most the median native crop, and never below `size`."""
    boxes = [i.box for i in infos if i.status is Status.ACCEPTED and i.box]
    sides = [box[2] - box[0] for box in boxes]
    if not sides:
        reasons = ", ".join(sorted({i.reason.value for i in infos})) or "empty"
        raise DataError(
            f"no usable photo among {len(infos)} files in {source} ({reasons})",
            "give a folder or zip that holds photos",
        )
    return max(size, min(STORE_SIDE, int(statistics.median(sides))))
