"""The stage: list, look at headers, decode and crop, drop copies, store, account for each file."""

import time
from collections import Counter
from pathlib import Path

from PIL import Image

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh, keep_apart
from limbeck.artefacts.stage import Provenance
from limbeck.config import DataConfig
from limbeck.data import COPY_SHEET, CROP_SHEET, read_counts, write_dataset
from limbeck.ingestion.acceptance import Acceptance
from limbeck.ingestion.copy_sheet import save_copy_sheet
from limbeck.ingestion.counting import check_counts, store_side
from limbeck.ingestion.crop_sheet import save_crop_sheet
from limbeck.ingestion.cropping import eye_of, wanted_objects
from limbeck.ingestion.earlier import earlier_in, way_of
from limbeck.ingestion.files import Reader, jobs, least_side
from limbeck.ingestion.joining import join
from limbeck.ingestion.optout import TOLD_LINES, opt_out_of, read_opt_out
from limbeck.ingestion.out_of_memory import memory_errors
from limbeck.ingestion.parts import part_folders
from limbeck.ingestion.photo_classes import classify, read_classes, side_inputs
from limbeck.ingestion.pool import Pool
from limbeck.ingestion.quality import count_flags
from limbeck.ingestion.sources import open_source
from limbeck.records import ImageInfo, IngestSummary, Status


def ingest(
    source: Path,
    out: Path,
    config: DataConfig,
    *,
    opt_out: Path | None = None,
    strict: bool = False,
    detector: Path | None = None,
) -> IngestSummary:
    """Make a dataset in `out` from the photos in a folder or zip, which is only read.

    Every regular file is listed and gets exactly one status, so that
    listed = accepted + rejected (by reason) + opted out + failed. Files that are no images
    (side-cars, texts, archives) are rejected as `not_an_image`; no side-car is ever read.
    Of photos whose bytes the dataset that lies in `out` knows, nothing is decoded again. Squares
    are chosen as `config.crop` says (see `cropping`), and `crops.jpg` shows some. Of copies to the
    eye the best stays (see `acceptance`), of copies byte for byte the first by name; `copies.jpg`
    shows some. Photos get scores and flags (see `quality`); none is dropped for them. While it
    works, the squares take as much disk space again as the dataset. Of a folder of parts
    (`ingest_part`) the whole is made (see `joining.join`).

    Args:
        source: folder (read recursively), zip (read in place, never extracted), ..., or a folder
            whose sub-folders are all parts of one listing.
        out: the dataset's folder; an older dataset there is replaced (see `artefacts.fresh`).
        config: sizes, duplicates, labels.
        opt_out: a text file naming one photo a line (see `opt_out_of`); lines that name nothing
            are told and counted.
        strict: such a line is an error, and nothing is written.
        detector: file of the detector's weights; default: from the cache.

    Raises:
        DataError: fewer than two different photos, a source that cannot be listed, `class_from`
            names no class for some photo, an opt-out list that cannot be read or (`strict`) has a
            line that names nothing.
        LimbeckError: memory ran out; no dataset is written, and no photo is blamed.
        UsageError: `out` lies in `source`, or the other way round; no such class to crop to;
            `detect` is asked for and onnxruntime or (WeightsError) the weights are missing.
    """
    started = time.perf_counter()
    source, out = Path(source), Path(out)
    if folders := part_folders(source):
        return join(folders, source, out, config, opt_out=opt_out, strict=strict)
    keep_apart(source, out)
    wishes = read_opt_out(opt_out)
    given = read_classes(config)
    eye_of(config, detector, boxes=True)  # what cannot be had is said before photos are listed
    with (
        fresh(out, "data") as folder,
        memory_errors(source),
        open_source(source) as photos,
        Pool() as pool,
    ):
        boxes = any(entry.box for entry in photos.entries)
        decided, eye = eye_of(config, detector, boxes=boxes)
        way = way_of(decided, least_side(decided))
        earlier = earlier_in(out, way)
        reader = Reader(photos, decided, pool.decoders, earlier, eye)
        seen = pool.in_order(reader.look, photos.entries)
        looks = list(logs.track(seen, "looking", len(photos.entries)))
        wanted = wanted_objects((look.sight for look in looks), config.crop_object)
        infos = [look.cropped(decided, wanted, reader.least) for look in looks]
        del looks  # of many photos much memory
        honoured = opt_out_of(infos, wishes, root=source, archive=photos.archive, strict=strict)
        infos, names = classify(honoured.infos, photos.entries, config, given)
        side = store_side(infos, config.size, source)
        with fsio.Scratch(folder) as squares:
            sieve = Acceptance(config.near_duplicate_bits, squares)
            work = jobs(photos.entries, infos)
            decoded = pool.in_order(lambda job: reader.decode(job, side), work)
            sieve.take(logs.track(decoded, "decoding", len(infos)), infos)
            write_dataset(folder, sieve.rows, sieve.pictures(), side, class_names=names)
            save_copy_sheet(sieve.rows, sieve.square, folder / COPY_SHEET)
        entry_of = {entry.source: entry for entry in photos.entries}

        def glance(info: ImageInfo, longest: int) -> Image.Image:
            data = photos.read(entry_of[info.source])
            with pool.decoders.opened(data, pixels=info.width * info.height) as photo:
                return photo.glance(longest)

        save_crop_sheet(sieve.rows, glance, folder / CROP_SHEET)
        listing = photos.digest()
        summary = IngestSummary.model_validate(
            {
                **read_counts(folder),
                "size": side,
                "crops": Counter(r.crop for r in sieve.rows if r.status is Status.ACCEPTED),
                "flags": count_flags(sieve.rows),
                "crop_objects": sorted(wanted) if decided.crop == "detect" else [],
                "seconds": time.perf_counter() - started,
                "reused": sum(
                    earlier.holds(row.id, side)
                    for row in sieve.rows
                    if row.status is Status.ACCEPTED
                ),
                "way": way,
                "opt_out_unmatched": len(honoured.unmatched),
                "opt_out_lines": honoured.unmatched[:TOLD_LINES],
            }
        )
        check_counts(summary, sieve.rows, source, out)
        inputs = {"source": listing, **side_inputs(config, opt_out)}
        provenance = Provenance.of(inputs, config.model_dump())
        provenance.finish(folder, "data", started=started, summary=summary.model_dump(mode="json"))
    return summary
