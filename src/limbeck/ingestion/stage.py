"""The stage: list, look at headers, decode and crop, drop copies, store, account for each file."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh, keep_apart
from limbeck.artefacts.stage import Provenance
from limbeck.config import DataConfig
from limbeck.data import COPY_SHEET, CROP_SHEET, read_counts, write_dataset
from limbeck.decoding import Rejected
from limbeck.errors import UsageError
from limbeck.ingestion.acceptance import Acceptance, Decoded
from limbeck.ingestion.copy_sheet import save_copy_sheet
from limbeck.ingestion.counting import accepted, check_counts, store_of, store_side
from limbeck.ingestion.crop_sheet import glances, save_crop_sheet
from limbeck.ingestion.cropping import eye_of, wanted_objects
from limbeck.ingestion.earlier import earlier_in, forget_replaced, way_of
from limbeck.ingestion.fetching import Fetching
from limbeck.ingestion.files import Reader, jobs, least_side
from limbeck.ingestion.joining import join
from limbeck.ingestion.looks import Looks, cropped_all
from limbeck.ingestion.optout import TOLD_LINES, opt_out_of, read_opt_out
from limbeck.ingestion.out_of_memory import memory_errors
from limbeck.ingestion.parts import part_folders
from limbeck.ingestion.photo_classes import classify, read_classes, side_inputs
from limbeck.ingestion.pool import Pool
from limbeck.ingestion.quality import count_flags
from limbeck.ingestion.sources import open_source
from limbeck.ingestion.taken import without_taken
from limbeck.kit.photos import codec_versions
from limbeck.records import ImageInfo, IngestSummary, StoreKind


def ingest(
    source: Path,
    out: Path,
    config: DataConfig,
    *,
    opt_out: Path | None = None,
    strict: bool = False,
    detector: Path | None = None,
    fetching: Fetching | None = None,
    fewest: int = 2,
) -> IngestSummary:
    """Make a dataset in `out` from the photos in a folder or archive, which is only read, or from
    those that a list of URLs names, which are fetched first (see `fetching`).

    Every regular file is listed and gets exactly one status, so that
    listed = accepted + rejected (by reason) + opted out + failed. Files that are no images
    (side-cars, texts, archives) are rejected as `not_an_image`; of metadata files rights and names
    alone are read.
    Of photos whose bytes the dataset that lies in `out` knows, nothing is decoded again. Squares
    are chosen as `config.crop` says (see `cropping`), and `crops.jpg` shows some. Of copies to the
    eye the best stays (see `acceptance`), of copies byte for byte the first by name; `copies.jpg`
    shows some. What was taken down from `out`, or from the run that it is of, stays out (`limbeck
    take-down`). Photos get scores and flags (see `quality`); none is dropped for them. While it
    works, the squares take as much disk space again as the dataset. Of a folder of parts
    (`ingest_part`) the whole is made (see `joining.join`).

    Args:
        source: folder (read recursively), zip or tar (read in place, never extracted), list, ...,
            or a folder whose sub-folders are all parts of one listing.
        out: the dataset's folder; an older dataset there is replaced (see `artefacts.fresh`).
        config: sizes, duplicates, labels.
        opt_out: a text file naming one photo a line (see `opt_out_of`); lines that name nothing
            are told and counted.
        strict: such a line is an error, and nothing is written.
        detector: file of the detector's weights; default: from the cache.
        fetching: of a list of URLs: where photos are kept, ports, limits; see `Fetching`.
        fewest: different photos that there must be; one is enough where nothing is trained.

    Raises:
        DataError: fewer than `fewest` different photos, a source that cannot be listed,
            `class_from` names no class for some photo, an opt-out list that cannot be read or
            (`strict`) has a line that names nothing.
        LimbeckError: memory ran out; no dataset is written, and no photo is blamed.
        UsageError: `out` lies in `source`, or the other way round; no such class to crop to;
            `detect` is asked for and onnxruntime or (WeightsError) the weights are missing;
            photos must be fetched and httpcore is missing; `detector` for parts, which were looked
            at before.
    """
    started = time.perf_counter()
    source, out = Path(source), Path(out)
    if folders := part_folders(source):
        if detector is not None:
            raise UsageError(
                "a detector, and the photos of parts were looked at when these were made",
                "give it with --shard, or leave it out",
            )
        return join(folders, source, out, config, opt_out=opt_out, strict=strict)
    keep_apart(source, out)
    if fetching is not None and fetching.folder is not None:
        keep_apart(fetching.folder, out)
    wishes = read_opt_out(opt_out)
    given = read_classes(config)
    eye_of(config, detector, boxes=True)  # what cannot be had is said before photos are listed
    with (
        fresh(out, "data") as folder,
        memory_errors(source),
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
        looks = Looks(logs.track(seen, "looking", len(photos.entries)))
        wanted = wanted_objects(looks.sights(), config.crop_object)
        infos, entries = cropped_all(looks, photos.entries, decided, wanted, reader.least)
        del looks  # of many photos much memory
        honoured = opt_out_of(infos, wishes, root=source, archive=photos.archive, strict=strict)
        stay = without_taken(honoured.infos, out)
        infos, names = classify(stay, entries, config, given)
        side = store_side(infos, config.size, source)
        decode = pool.in_order(lambda job: reader.decode(job, side), jobs(entries, infos))
        decoded = logs.track(decode, "decoding", len(infos))
        kind, why = store_of(config, infos, side)
        rows = _store(folder, config, side, infos, decoded, names, kind)
        save_crop_sheet(rows, glances(photos, entries, infos, pool), folder / CROP_SHEET)
        listing = photos.digest()
        summary = IngestSummary(
            **read_counts(folder),
            size=side,
            crops=Counter(str(row.crop) for row in accepted(rows)),
            flags=count_flags(rows),
            crop_objects=sorted(wanted) if decided.crop == "detect" else [],
            seconds=time.perf_counter() - started,
            reused=sum(earlier.holds(row.id, side) for row in accepted(rows)),
            store=kind,
            store_why=why,
            way=way,
            codecs=codec_versions(),
            opt_out_unmatched=len(honoured.unmatched),
            opt_out_lines=honoured.unmatched[:TOLD_LINES],
        )
        check_counts(summary, rows, source, out, fewest)
        forget_replaced(out, folder)
        inputs = {"source": listing, **side_inputs(config, opt_out)}
        provenance = Provenance.of(inputs, config.made_of())
        provenance.finish(folder, "data", started=started, summary=summary.model_dump(mode="json"))
    return summary


def _store(
    folder: Path,
    config: DataConfig,
    side: int,
    infos: Sequence[ImageInfo],
    decoded: Iterable[Decoded | Rejected | None],
    names: Sequence[str],
    kind: StoreKind,
) -> Sequence[ImageInfo]:
    """Settle what was decoded and write the dataset; returns a row for every listed file."""
    with fsio.Scratch(folder) as squares:
        sieve = Acceptance(config.near_duplicate_bits, squares, kind)
        sieve.take(decoded, infos)
        write_dataset(folder, sieve.rows, sieve.pictures(), side, class_names=names, kind=kind)
        save_copy_sheet(sieve.rows, sieve.square, folder / COPY_SHEET)
    return sieve.rows
