"""One part of a listing, read and decoded apart from the others; see `joining` for the rest.

A part is a dataset folder that knows it is none: every photo that could be decoded is in it, copies
to the eye too, and what was found out about the others. What is decided by all photos together
(copies, opt-outs, the side of the stored squares, what most photos show) is decided, or checked,
when the parts are joined.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limbeck import logs
from limbeck.artefacts.folders import fresh, keep_apart
from limbeck.artefacts.stage import Provenance
from limbeck.config import DataConfig
from limbeck.data import CROP_SHEET, PackedRows, PartFacts, read_counts, write_dataset
from limbeck.decoding import Rejected
from limbeck.errors import UsageError
from limbeck.ingestion.acceptance import Decoded, decoded_row, refused_row
from limbeck.ingestion.counting import STORE_SIDE, accepted, store_of
from limbeck.ingestion.crop_sheet import glances, save_crop_sheet
from limbeck.ingestion.cropping import eye_of, wanted_objects
from limbeck.ingestion.earlier import earlier_in, way_of
from limbeck.ingestion.fetching import Fetching
from limbeck.ingestion.files import Reader, jobs, least_side
from limbeck.ingestion.looks import Looks, cropped_all
from limbeck.ingestion.optout import read_opt_out
from limbeck.ingestion.out_of_memory import memory_errors
from limbeck.ingestion.photo_classes import classify, read_classes, side_inputs
from limbeck.ingestion.pool import Pool
from limbeck.ingestion.quality import count_flags
from limbeck.ingestion.shards import Shard
from limbeck.ingestion.sources import UrlSource, open_source
from limbeck.kit.photos import codec_versions
from limbeck.records import ImageInfo, IngestSummary, Reason, Status


def ingest_part(
    source: Path,
    out: Path,
    config: DataConfig,
    shard: Shard,
    *,
    detector: Path | None = None,
    threads: int | None = None,
    opt_out: Path | None = None,
    fetching: Fetching | None = None,
) -> IngestSummary:
    """Read and decode one part of the photos of a source; `ingest` joins the folder of all parts.

    The whole source is listed, the files of this part alone are read, or fetched: of a list of
    URLs a part has all photos of some hosts. Squares are stored at max(size, 128) pixels. Opt-out
    lists are given when parts are joined, and of URLs before as well, so that nothing is fetched
    that they name. What a part that lies in `out` already knows is not decoded again.

    Args:
        source: whatever `ingest` reads.
        out: the part's folder, beside those of the other parts.
        config: as of `ingest`; the same for all parts.
        shard: which part.
        detector: file of the detector's weights; default: from the cache.
        threads: that read and decode; None = as many as there are cores.
        opt_out: of a list of URLs, as of `ingest`.
        fetching: of a list of URLs, as of `ingest`.

    Returns:
        counts of this part; a copy byte for byte within it counts as `duplicate`.

    Raises:
        DataError, LimbeckError, UsageError: as `ingest`; but a part may hold few photos, or none;
            `opt_out`, and the source is no list of URLs.
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
        memory_errors(source),
        open_source(source, fetching) as photos,
        Pool(threads) as pool,
    ):
        if opt_out is not None and not isinstance(photos, UrlSource):
            raise UsageError(
                "--opt-out concerns all parts at once",
                "give it when the parts are joined: limbeck ingest PARTS --out DATA --opt-out FILE",
            )
        listing, listed = photos.digest(), len(photos.entries)
        boxes = any(entry.box for entry in photos.entries)
        photos.keep_only(lambda entry: shard.holds(photos.home(entry)))
        opted = photos.bring(wishes)
        decided, eye = eye_of(config, detector, boxes=boxes)
        way = way_of(decided, least_side(decided))
        earlier = earlier_in(out, way)
        reader = Reader(photos, decided, pool.decoders, earlier, eye, embeds=False)
        seen = pool.in_order(reader.look, photos.entries)
        looks = Looks(logs.track(seen, "looking", len(photos.entries)))
        wanted = wanted_objects(looks.sights(), config.crop_object)
        infos, entries = cropped_all(looks, photos.entries, decided, wanted, reader.least)
        del looks  # of many photos much memory
        infos, names = classify(infos, entries, config, given)
        side = max(config.size, STORE_SIDE)
        work = pool.in_order(lambda job: reader.decode(job, side), jobs(entries, infos))
        kind, why = store_of(config, infos, side)
        rows = PackedRows()
        squares = _settle(logs.track(work, "decoding", len(infos)), infos, rows)
        facts = PartFacts(
            number=shard.number, of=shard.of, listing=listing, listed=listed,
            photos=str(source), archive=photos.archive, way=way, codecs=codec_versions(),
            settings=decided.model_dump(),
            inputs=side_inputs(config, None), objects=tuple(sorted(wanted)),
            held=len(photos.entries), opted=dict(opted),
        )  # fmt: skip
        write_dataset(
            folder, rows, squares, side, class_names=names, part=facts.model_dump(mode="json"),
            kind=kind,
        )  # fmt: skip
        save_crop_sheet(rows, glances(photos, entries, infos, pool), folder / CROP_SHEET)
        summary = IngestSummary.model_validate(
            {
                **read_counts(folder),
                "size": side,
                "crops": Counter(row.crop for row in accepted(rows)),
                "flags": count_flags(rows),
                "crop_objects": sorted(wanted) if decided.crop == "detect" else [],
                "seconds": time.perf_counter() - started,
                "reused": sum(earlier.holds(row.id, side) for row in accepted(rows)),
                "store": kind,
                "store_why": why,
                "way": way,
                "codecs": facts.codecs,
                "part": str(shard),
            }
        )
        made_of = part_provenance(listing, shard, way, side_inputs(config, opt_out), config)
        made_of.finish(folder, "data", started=started, summary=summary.model_dump(mode="json"))
    return summary


def part_provenance(
    listing: str, shard: Shard, way: str, inputs: Mapping[str, str], config: DataConfig
) -> Provenance:
    """What a part is made of.

    Args:
        listing: digest of the whole listing.
        shard: which part.
        way: digest of what decides how photos are read.
        inputs: digests of the files beside the photos.
        config: as it was asked for.
    """
    made_of = {"source": listing, "part": str(shard), "way": way, **inputs}
    return Provenance.of(made_of, config.made_of())


def _settle(
    decoded: Iterable[Decoded | Rejected | None],
    infos: Iterable[ImageInfo],
    rows: PackedRows,
) -> Iterator[NDArray[np.uint8]]:
    """Squares of what was decoded; `rows` is filled on the way.

    Ids and labels stay whatever becomes of a photo, so that joining can go back to what was known
    before.
    """
    fates: dict[str | None, ImageInfo] = {}
    for result, info in zip(decoded, infos, strict=True):
        if info.status is not Status.ACCEPTED:
            rows.append(info)
        elif isinstance(result, Decoded):
            rows.append(decoded_row(info, result))
            yield result.square.pixels
        elif isinstance(result, Rejected):
            fates[info.id] = refused_row(info, result)
            rows.append(_as(info, fates[info.id]))
        elif info.id in fates:
            rows.append(_as(info, fates[info.id]))
        else:
            copy = {"status": Status.REJECTED, "reason": Reason.DUPLICATE, "duplicate_of": info.id}
            rows.append(info.model_copy(update=copy))


def _as(info: ImageInfo, fate: ImageInfo) -> ImageInfo:
    update = {"status": fate.status, "reason": fate.reason, "detail": fate.detail}
    return info.model_copy(update=update)
