"""What ingestion would do, from a listing and a look at some of the photos."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tarfile import BLOCKSIZE

from limbeck import logs
from limbeck.config import DataConfig
from limbeck.data import choose_store, encode
from limbeck.decoding import Rejected
from limbeck.ingestion.acceptance import Decoded
from limbeck.ingestion.counting import store_side
from limbeck.ingestion.cropping import eye_of, wanted_objects
from limbeck.ingestion.earlier import Earlier
from limbeck.ingestion.fetching import Fetching
from limbeck.ingestion.files import Reader, jobs
from limbeck.ingestion.looks import cropped_all
from limbeck.ingestion.optout import Wish, read_opt_out
from limbeck.ingestion.photo_classes import read_classes
from limbeck.ingestion.pool import Pool
from limbeck.ingestion.sources import UrlSource, open_source
from limbeck.kit.selection import evenly
from limbeck.records import Preview, Status, StoreKind

_LOOKED_AT = 200


def preview(
    source: Path,
    config: DataConfig,
    *,
    opt_out: Path | None = None,
    detector: Path | None = None,
    fetching: Fetching | None = None,
) -> Preview:
    """List a source and read some of its files, evenly spread; nothing is written or fetched.

    Args:
        source, config, opt_out, detector, fetching: as of `ingest`.

    Returns:
        counts of the listing, and estimates from the files that were read: by what became of them,
        accepted photos, bytes of the dataset and seconds that it takes to make. Copies and opt-outs
        are known when all files are read, so that fewer may be accepted.

    Raises:
        DataError, UsageError, LimbeckError: as `ingest`.
    """
    wishes = read_opt_out(opt_out)
    read_classes(config)
    with (
        open_source(source, fetching) as photos,
        Pool() as pool,
    ):
        decided, eye = eye_of(config, detector, boxes=any(e.box for e in photos.entries))
        if isinstance(photos, UrlSource):
            return _of_list(photos, wishes, decided)
        some = evenly(photos.entries, _LOOKED_AT)
        reader = Reader(photos, decided, pool.decoders, Earlier(), eye)
        started = time.perf_counter()
        seen = pool.in_order(reader.look, some)
        looks = list(logs.track(seen, "looking at some", len(some)))
        wanted = wanted_objects((look.sight for look in looks), config.crop_object)
        infos, of = cropped_all(looks, some, decided, wanted, reader.least)
        side = store_side(infos, config.size, source)
        decoded = list(pool.in_order(lambda job: reader.decode(job, side), jobs(of, infos)))
        seconds = time.perf_counter() - started
        reasons = Counter(i.reason.value for i in infos if i.status is not Status.ACCEPTED)
        reasons += Counter(r.reason.value for r in decoded if isinstance(r, Rejected))
        listed = len(photos.entries)
        expected = round(listed * (len(infos) - reasons.total()) / len(some))
        kind, why = choose_store(config.store, expected, side)
        return Preview(
            listed=listed,
            refused=sum(bool(entry.refused) for entry in photos.entries),
            bytes=sum(entry.bytes for entry in photos.entries),
            looked_at=len(some),
            rejected=dict(reasons),
            crop=decided.crop,
            crop_objects=sorted(wanted) if decided.crop == "detect" else [],
            accepted=expected,
            size=side,
            dataset_bytes=round(expected * _square_bytes(decoded, kind, side)),
            store=kind,
            store_why=why,
            seconds=seconds * listed / len(some),
        )


def _square_bytes(
    decoded: Sequence[Decoded | Rejected | None], kind: StoreKind, side: int
) -> float:
    """What a square takes on disk: the mean of those looked at where they are encoded."""
    squares = [found.square.pixels for found in decoded if isinstance(found, Decoded)]
    if kind is StoreKind.RAW or not squares:
        return 3.0 * side**2
    files = [-(-len(encode(pixels).data) // BLOCKSIZE) + 1 for pixels in squares]
    return BLOCKSIZE * sum(files) / len(files)


def _of_list(photos: UrlSource, wishes: Sequence[Wish], config: DataConfig) -> Preview:
    """What is known of a list of URLs without asking anybody."""
    waiting, here = photos.waiting(wishes)
    return Preview(
        listed=len(photos.entries),
        refused=sum(bool(entry.refused) for entry in photos.entries),
        bytes=here,
        looked_at=0,
        rejected={},
        crop=config.crop,
        crop_objects=[],
        accepted=None,
        size=None,
        dataset_bytes=None,
        seconds=None,
        to_fetch=len(waiting),
        hosts=len({target.host for target in waiting}),
    )
