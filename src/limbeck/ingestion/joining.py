"""From the parts of a listing to the dataset that one run over all photos would have made.

The parts hold what is found out about a photo from its own bytes. Here is decided what depends on
all of them, by the same code as in one run: classes, opt-outs, copies. Where one run would have
decoded another square (other objects in most photos, a smaller stored side) parts are refused.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh, keep_apart
from limbeck.artefacts.stage import Provenance
from limbeck.config import DataConfig
from limbeck.data import COPY_SHEET, PackedRows, read_counts, write_dataset
from limbeck.decoding import Rejected
from limbeck.errors import DataError
from limbeck.ingestion.acceptance import Acceptance, Decoded
from limbeck.ingestion.copy_sheet import save_copy_sheet
from limbeck.ingestion.counting import accepted, check_counts, store_of, store_side
from limbeck.ingestion.crop_copies import Embedder
from limbeck.ingestion.cropping import wanted_objects
from limbeck.ingestion.duplicates import thumbnail
from limbeck.ingestion.earlier import forget_replaced, sight_of
from limbeck.ingestion.optout import TOLD_LINES, opt_out_of, read_opt_out
from limbeck.ingestion.out_of_memory import memory_errors
from limbeck.ingestion.part_rows import Stored, as_before, cropped_otherwise, photos_in
from limbeck.ingestion.parts import Parts, settings_of
from limbeck.ingestion.photo_classes import side_inputs
from limbeck.ingestion.quality import count_flags
from limbeck.ingestion.sources import open_source
from limbeck.ingestion.taken import without_taken
from limbeck.records import ImageInfo, IngestSummary, Status


def join(
    folders: Sequence[Path],
    source: Path,
    out: Path,
    config: DataConfig,
    *,
    opt_out: Path | None = None,
    strict: bool = False,
) -> IngestSummary:
    """Make a dataset in `out` of all parts of a listing: row for row, pixel for pixel that of one
    run.

    No photo is read. What settles copies (`near_duplicate_bits`, `cropped_copies`) and how pixels
    are stored is taken from `config`, everything else from the parts.

    Args:
        folders: the parts.
        source: the folder that holds them.
        out: the dataset's folder.
        config: as of `ingest`.
        opt_out, strict: as of `ingest`.

    Raises:
        DataError: parts are missing, doubled, or unlike; or one run would have decided otherwise.
        UsageError: `config` asks for something else than the parts were made with.
    """
    started = time.perf_counter()
    keep_apart(source, out)
    wishes = read_opt_out(opt_out)
    with fresh(out, "data") as folder, memory_errors(source):
        parts = Parts(folders)
        facts, rows = parts.facts, parts.rows
        decided = settings_of(facts, config)
        wanted = _check_crops(parts, decided)
        before = PackedRows(as_before(stored.row) for stored in rows)
        honoured = opt_out_of(
            before, wishes, root=Path(facts.photos), archive=facts.archive, strict=strict
        )
        stay = without_taken(honoured.infos, out)
        infos, names = _renumbered(stay, parts.class_names)
        _check_side(parts, infos, decided, config, source)
        with fsio.Scratch(folder) as squares:
            kind, why = store_of(decided, infos, parts.side)
            sieve = Acceptance(decided.near_duplicate_bits, squares, kind)
            decoded = _decoded(parts, infos, Embedder() if decided.cropped_copies else None)
            sieve.take(logs.track(decoded, "joining", len(infos)), infos)
            write_dataset(
                folder, sieve.rows, sieve.pictures(), parts.side, class_names=names, kind=kind
            )
            save_copy_sheet(sieve.rows, sieve.square, folder / COPY_SHEET)
        summary = IngestSummary.model_validate(
            {
                **read_counts(folder),
                "size": parts.side,
                "crops": Counter(row.crop for row in accepted(sieve.rows)),
                "flags": count_flags(sieve.rows),
                "crop_objects": sorted(wanted) if decided.crop == "detect" else [],
                "seconds": time.perf_counter() - started,
                "store": kind,
                "store_why": why,
                "way": facts.way,
                "codecs": facts.codecs,
                "opt_out_unmatched": len(honoured.unmatched),
                "opt_out_lines": honoured.unmatched[:TOLD_LINES],
            }
        )
        check_counts(summary, sieve.rows, source, out)
        forget_replaced(out, folder)
        with open_source(source) as listed:
            inputs = {"source": listed.digest(), **side_inputs(config, opt_out)}
        provenance = Provenance.of(inputs, config.made_of())
        provenance.finish(folder, "data", started=started, summary=summary.model_dump(mode="json"))
    return summary


def wanted_of_all(parts: Parts, decided: DataConfig) -> tuple[frozenset[str], int]:
    """What all photos together are cropped to, and how many photos of the parts are not."""
    if decided.crop != "detect":
        return frozenset(), 0
    sights = (sight_of(stored.row) for stored in parts.rows if stored.first)
    wanted = wanted_objects(sights, decided.crop_object)
    photos = photos_in(parts.rows)
    return wanted, sum(cropped_otherwise(photo, decided, wanted) for photo in photos)


def _check_crops(parts: Parts, decided: DataConfig) -> frozenset[str]:
    """What photos are cropped to; every square is the one that all photos together ask for.

    Raises:
        DataError: it is not.
    """
    wanted, other = wanted_of_all(parts, decided)
    if other:
        raise DataError(
            f"all photos together show {', '.join(sorted(wanted)) or 'any object'}, but "
            f"{'; '.join(parts.objects()[:5])}: {other} photos would be cropped otherwise",
            f"run the commands that made the parts again with --crop-object "
            f"'{','.join(sorted(wanted)) or 'any'}': only those photos are decoded again",
        )
    return wanted


def _check_side(
    parts: Parts,
    infos: Sequence[ImageInfo],
    decided: DataConfig,
    asked: DataConfig,
    source: Path,
) -> None:
    """One run would have stored squares of the parts' side.

    Raises:
        DataError: it would not, or the parts are smaller than what is asked for.
    """
    if asked.size > parts.side:
        raise DataError(
            f"data.size={asked.size}, and the parts hold squares of {parts.side} pixels",
            f"make the parts again with --size {asked.size}",
        )
    side = store_side(infos, decided.size, source)
    if side != parts.side:
        raise DataError(
            f"most photos are small: one run would store squares of {side} pixels, the parts hold "
            f"{parts.side}",
            f"make the parts again with --size {parts.side}, or without small photos: "
            f"--set data.min_side={parts.side}; or ingest all photos in one run",
        )


def _renumbered(
    infos: Sequence[ImageInfo], names: Sequence[str]
) -> tuple[Sequence[ImageInfo], list[str]]:
    """Labels that number the classes of the accepted photos alone, as in one run."""
    if not names:
        return infos, []
    used = {i.label for i in infos if i.status is Status.ACCEPTED and i.label is not None}
    number = {old: new for new, old in enumerate(sorted(used))}
    return PackedRows(
        info if info.label is None else info.model_copy(update={"label": number[info.label]})
        for info in infos
    ), [names[old] for old in sorted(used)]


def _decoded(
    parts: Parts, infos: Sequence[ImageInfo], embedder: Embedder | None
) -> Iterator[Decoded | Rejected | None]:
    """What `Reader.decode` would give for each photo, from the parts."""
    seen: set[str | None] = set()
    for stored, info in zip(parts.rows, infos, strict=True):
        if info.status is not Status.ACCEPTED or info.id in seen:
            yield None
            continue
        seen.add(info.id)
        if stored.place < 0:
            yield Rejected(stored.row.reason, stored.row.detail)
            continue
        yield _as_decoded(parts, stored, embedder)


def _as_decoded(parts: Parts, stored: Stored, embedder: Embedder | None) -> Decoded:
    square, row = parts.square(stored), stored.row
    if row.quality is None or row.phash is None:
        what = f"{logs.visible(row.source)} has no scores in its part"
        raise DataError(what, "make the part again")
    embedding = None if embedder is None else embedder.of(square.pixels)
    return Decoded(square, thumbnail(square.pixels), int(row.phash, 16), row.quality, embedding)
