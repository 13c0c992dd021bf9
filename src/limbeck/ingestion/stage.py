"""The stage: list, look at headers, decode and crop, drop copies, store, account for each file."""

import hashlib
import os
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from limbeck import logs, rundir
from limbeck.artefacts import fresh, keep_apart
from limbeck.config import DataConfig
from limbeck.data import open_dataset, write_dataset
from limbeck.errors import DataError
from limbeck.ingestion.classes import classify, read_classes, side_inputs
from limbeck.ingestion.decode import (
    Rejected,
    centre_box,
    square,
    strict_pillow,
    upright_size,
)
from limbeck.ingestion.duplicates import perceptual_hash, thumbnail
from limbeck.ingestion.optout import opt_out_of, read_opt_out
from limbeck.ingestion.sieve import Decoded, Sieve
from limbeck.ingestion.source import Entry, Source
from limbeck.records import ImageInfo, IngestSummary, Reason, Status

T = TypeVar("T")
R = TypeVar("R")
STORE_SIDE = 128


def ingest(
    source: Path, out: Path, config: DataConfig, *, opt_out: Path | None = None
) -> IngestSummary:
    """Make a dataset in `out` from the photos in a folder or zip, which is only read.

    Every regular file is listed and gets exactly one status, so that
    listed = accepted + rejected (by reason) + opted out + failed. Files that are no pictures
    (side-cars, texts, archives) are rejected as `not_an_image`; no side-car is ever read.
    Squares are the photo's centre. Of copies, byte for byte or to the eye, the first by name stays.

    Args:
        source: folder (read recursively) or zip (read in place, never extracted).
        out: the dataset's folder; an older dataset there is replaced (see `artefacts.fresh`).
        config: sizes, duplicates, labels.
        opt_out: a text file naming one photo a line (id, sha256, URL or source).

    Raises:
        DataError: no usable photo, a source that cannot be listed, `class_from` names no class for
            some photo.
        UsageError: `out` lies in `source`, or the other way round.
    """
    started = time.perf_counter()
    source, out = Path(source), Path(out)
    keep_apart(source, out)
    unwanted = read_opt_out(opt_out)
    given = read_classes(config)
    with (
        fresh(out, "data") as folder,
        Source(source) as photos,
        strict_pillow(),
        ThreadPoolExecutor(_workers()) as pool,
    ):
        looks = _in_order(pool, lambda e: _look(photos, e, config), photos.entries)
        infos = list(logs.track(looks, "looking", len(photos.entries)))
        infos = opt_out_of(infos, unwanted)
        infos, names = classify(infos, photos.entries, config, given)
        side = _store_side(infos, config.size, source)
        sieve = Sieve(config.near_duplicate_bits)
        jobs = _jobs(photos.entries, infos)
        decoded = _in_order(pool, lambda job: _decode(photos, job, side), jobs)
        pictures = sieve.pictures(logs.track(decoded, "decoding", len(infos)), infos)
        write_dataset(folder, sieve.rows, pictures, side, class_names=names)
        listing = photos.digest()
        summary = IngestSummary.model_validate(
            {**open_dataset(folder).counts, "size": side, "seconds": time.perf_counter() - started}
        )
        if not summary.balanced() or summary.listed != len(infos):
            raise DataError(f"the counts of {out} do not add up: {summary}", "please report this")
        if not summary.accepted:
            raise DataError(
                f"none of {len(infos)} files in {source} became a picture: {summary.rejected}"
            )
        rundir.finish(
            folder,
            "data",
            inputs={"source": listing, **side_inputs(config, opt_out)},
            config=config.model_dump(),
            started=started,
            summary=summary.model_dump(mode="json"),
        )
    return summary


def _workers() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, 16))


def _in_order(pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`map` on threads, results in order, with a bounded number in flight."""
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 8 * _workers():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _look(photos: Source, entry: Entry, config: DataConfig) -> ImageInfo:
    """Read one file, hash it, read its header; the status is final unless accepted."""
    failed = ImageInfo(source=entry.source, status=Status.FAILED, reason=Reason.UNREADABLE)
    if entry.refused:
        return failed.model_copy(update={"detail": entry.refused})
    try:
        data = photos.read(entry)
    except Exception as error:  # disks and archives of strangers fail in many ways
        detail = f"{type(error).__name__}: {error}"[:200]
        return failed.model_copy(update={"detail": detail})
    content = hashlib.sha256(data)
    digest = content.hexdigest()
    rejected = ImageInfo(source=entry.source, sha256=digest, status=Status.REJECTED)
    try:
        width, height = upright_size(data)
    except Rejected as why:
        return rejected.model_copy(update={"reason": why.reason, "detail": why.detail})
    box = centre_box(width, height)
    content.update(",".join(map(str, box)).encode())
    known = {"width": width, "height": height, "box": box, "id": content.hexdigest()[:16]}
    least = config.min_side or config.size // 2
    if min(width, height) < least:
        small = {"reason": Reason.TOO_SMALL, "detail": f"shorter side below {least} pixels"}
        return rejected.model_copy(update=known | small)
    return rejected.model_copy(update=known | {"status": Status.ACCEPTED})


def _store_side(infos: Sequence[ImageInfo], size: int, source: Path) -> int:
    """max(size, 128), but at most the median native crop, and never below `size`."""
    sides = [min(i.width, i.height) for i in infos if i.status is Status.ACCEPTED]
    if not sides:
        reasons = ", ".join(sorted({i.reason.value for i in infos})) or "empty"
        raise DataError(
            f"no usable photo among {len(infos)} files in {source} ({reasons})",
            "give a folder or zip that holds photos",
        )
    return max(size, min(STORE_SIDE, int(statistics.median(sides))))


@dataclass(frozen=True)
class _Job:
    entry: Entry
    info: ImageInfo
    first: bool


def _jobs(entries: Sequence[Entry], infos: Sequence[ImageInfo]) -> Iterator[_Job]:
    """What to decode: of byte-for-byte copies the first only."""
    seen: set[str | None] = set()
    for entry, info in zip(entries, infos, strict=True):
        wanted = info.status is Status.ACCEPTED and info.sha256 not in seen
        if wanted:
            seen.add(info.sha256)
        yield _Job(entry, info, wanted)


def _decode(photos: Source, job: _Job, side: int) -> Decoded | Rejected | None:
    if not job.first or job.info.box is None:
        return None
    try:
        data = photos.read(job.entry)
        if hashlib.sha256(data).hexdigest() != job.info.sha256:
            return Rejected(Reason.UNREADABLE, "changed while it was read")
        picture = square(data, job.info.box, side)
    except Rejected as why:
        return why
    except Exception as error:  # the disk or archive failed between two readings
        return Rejected(Reason.UNREADABLE, f"{type(error).__name__}: {error}"[:200])
    thumb = thumbnail(picture.pixels)
    return Decoded(picture, thumb, perceptual_hash(thumb))
