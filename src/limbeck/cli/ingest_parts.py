"""`limbeck ingest` for several machines: one part of a listing, and what joining would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limbeck import logs
from limbeck.cli.outcome import Outcome, would
from limbeck.config import DataConfig
from limbeck.errors import UsageError
from limbeck.logs import duration

if TYPE_CHECKING:
    from limbeck.ingestion import Fetching

ShardOf = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Make part I of N of the photos alone (0/4 to 3/4), e.g. each on another machine; "
        "then ingest the folder of all parts.",
    ),
]
RayParts = Annotated[
    int | None,
    typer.Option(
        "--ray",
        metavar="N",
        min=1,
        help="Make N parts as tasks of Ray (the cluster of RAY_ADDRESS, else this machine), and "
        "join them; they lie in OUT-parts.",
    ),
]


def make_part(
    photos: Path,
    out: Path,
    config: DataConfig,
    shard: str,
    *,
    strict: bool,
    ray: int | None,
    detector: Path | None,
    opt_out: Path | None,
    fetching: Fetching,
    dry_run: bool,
    preset: str,
) -> Outcome:
    """`limbeck ingest PHOTOS --shard I/N`.

    Args:
        photos, out, config, detector, opt_out, fetching: as of `ingest_part`.
        shard: I/N.
        strict, ray: --strict and --ray, which have no place here.
        dry_run: say what would be done.
        preset: for the command to go on with.

    Raises:
        UsageError: no such part, or --strict or --ray is given; as `ingest_part`.
    """
    from limbeck.ingestion import Shard, crop_words, flag_words, ingest_part, store_words

    part = Shard.parse(shard)
    if strict:
        raise UsageError(
            "--strict concerns all parts at once",
            "give it when the parts are joined: limbeck ingest PARTS --out DATA --strict",
        )
    if ray is not None:
        raise UsageError("--shard and --ray are two ways to make parts", "give one of them")
    if dry_run:
        values = {"photos": photos, "out": out, "part": str(part)}
        return would("ingest", values, f"would make part {part} of {photos} in {out}")
    summary = ingest_part(
        photos, out, config, part, detector=detector, opt_out=opt_out, fetching=fetching
    )
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(summary.rejected.items()))
    return Outcome(
        {"out": out, **summary.model_dump()},
        [
            logs.line(
                f"part {part}: ", logs.bold(summary.accepted),
                f" of {summary.listed} files decoded in {duration(summary.seconds)}"
                + (f"; {summary.reused} of them before" if summary.reused else ""),
            ),
            f"left out {sum(summary.rejected.values())}{f' ({reasons})' if reasons else ''}, "
            f"opted out {summary.opted_out}, failed {summary.failed}; "
            "copies to the eye are found when parts are joined",
            crop_words(summary.crops, summary.crop_objects),
            *filter(None, [flag_words(summary.flags)]),
            store_words(summary.store, summary.store_why),
        ],
        then=logs.command("limbeck", "ingest", out.parent, "--out", "DATA", "--preset", preset),
    )  # fmt: skip


def would_join(photos: Path, out: Path) -> Outcome | None:
    """What joining would do; None where there are no parts.

    Raises:
        DataError: parts are missing or do not belong together.
    """
    from limbeck.ingestion import Parts, part_folders

    folders = part_folders(photos)
    if not folders:
        return None
    parts = Parts(folders)
    listed = len(parts.rows)
    return would(
        "ingest",
        {"out": out, "parts": len(folders), "listed": listed, "size": parts.side},
        f"would join {len(folders)} parts of {parts.facts.photos}: {listed} files",
        f"dataset: {out}, {parts.side} px",
    )
