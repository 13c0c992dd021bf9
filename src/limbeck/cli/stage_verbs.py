"""The verbs that are one stage each: ingest, keep (`train`, `score`, `modes`: files of theirs)."""

from pathlib import Path
from typing import Annotated, Any

import typer

from limbeck import logs
from limbeck.cli.ingest_parts import RayParts, ShardOf, make_part, would_join
from limbeck.cli.inputs import existing
from limbeck.cli.options import (
    PHOTOS,
    ClassFrom,
    Crop,
    CropMost,
    CropObject,
    DetectorFile,
    Fetched,
    FetchPort,
    MaxReject,
    OptOut,
    Out,
    Preset,
    Shared,
    Size,
    Store,
    Strict,
    keep_changes,
)
from limbeck.cli.outcome import Outcome, planned, verb, would
from limbeck.logs import duration
from limbeck.records import Preview


@verb("settings", "dry_run")
def ingest(
    shared: Shared,
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help=PHOTOS)],
    out: Out,
    preset: Preset = "small",
    size: Size = None,
    crop: Crop = None,
    crop_object: CropObject = None,
    crop_most: CropMost = None,
    detector: DetectorFile = None,
    class_from: ClassFrom = None,
    store: Store = None,
    opt_out: OptOut = None,
    fetched: Fetched = None,
    fetch_port: FetchPort = None,
    strict: Strict = False,
    max_reject: MaxReject = 1.0,
    shard: ShardOf = None,
    ray: RayParts = None,
) -> Outcome:
    """Read, crop, clean and de-duplicate photos into a dataset; the photos stay as they are."""
    changes: dict[str, object] = {
        "data.class_from": class_from,
        "data.crop": crop,
        "data.crop_object": crop_object,
        "data.crop_most": crop_most,
        "data.store": store,
    }
    config = shared.config(preset, size, changes=changes)
    existing(photos, "folder or archive of photos")
    from limbeck.ingestion import (
        Fetching,
        crop_words,
        flag_words,
        ingest_by_ray,
        preview,
        store_words,
    )
    from limbeck.ingestion import ingest as run_ingest

    fetching = Fetching(fetched, tuple(fetch_port or ()))
    if shard is not None:
        return make_part(
            photos, out, config.data, shard, strict=strict, ray=ray, detector=detector,
            opt_out=opt_out, fetching=fetching, dry_run=shared.dry_run, preset=preset,
        )  # fmt: skip
    if shared.dry_run:
        if (parts := would_join(photos, out)) is not None:
            return parts
        found = preview(photos, config.data, opt_out=opt_out, detector=detector, fetching=fetching)
        return _previewed(found, out)

    asked: dict[str, Any] = {
        "opt_out": opt_out, "strict": strict, "detector": detector, "fetching": fetching,
    }  # fmt: skip
    if ray:
        summary = ingest_by_ray(photos, out, config.data, ray, **asked)
    else:
        summary = run_ingest(photos, out, config.data, **asked)
    rejected = sum(summary.rejected.values())
    too_many = summary.too_many(max_reject)
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(summary.rejected.items()))
    return Outcome(
        {"out": out, **summary.model_dump()},
        [
            logs.line(
                logs.bold(summary.accepted),
                f" of {summary.listed} files accepted in ",
                duration(summary.seconds),
                f"; {summary.reused} of them as they were decoded before" if summary.reused else "",
            ),
            f"rejected {rejected}{f' ({reasons})' if reasons else ''}, "
            f"opted out {summary.opted_out}, failed {summary.failed}",
            crop_words(summary.crops, summary.crop_objects),
            *filter(None, [flag_words(summary.flags)]),
            store_words(summary.store, summary.store_why),
            f"dataset: {out} (index.json, images.parquet; {summary.size} px)",
            *([too_many] if too_many else []),
        ],
        code=3 if too_many else 0,
        then=logs.command("limbeck", "train", out, "--out", f"{out}-nets", "--preset", preset),
    )


@verb("settings", "dry_run")
def keep(
    shared: Shared,
    scores: Annotated[Path, typer.Argument(metavar="SCORES", help="Folder made by score.")],
    out: Out,
    fraction: Annotated[
        float | None, typer.Option("--fraction", help="Keep this share, 0 to 1.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Keep scores up to this value.")
    ] = None,
    count: Annotated[int | None, typer.Option("--count", help="Keep this many photos.")] = None,
    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            help="The score to cut on; default: recommended, or without_generator where the "
            "training was too short for it.",
        ),
    ] = None,
    per_mode: Annotated[
        bool, typer.Option("--per-mode", help="Apply the share within each mode.")
    ] = False,
) -> Outcome:
    """Choose which photos to keep. Nothing is scored again and nothing is deleted."""
    changes = {**keep_changes(fraction, threshold, count, per_mode), "keep.column": column}
    config = shared.config("small", changes=changes)
    existing(scores, "folder of scores")
    if shared.dry_run:
        return planned("keep", {"scores": scores, "out": out, "rule": config.keep.model_dump()})
    from limbeck.artefacts.scores import read_scores
    from limbeck.curation import keep as run_keep

    table = read_scores(scores)
    kept = run_keep(table, out, config.keep, modes=table.modes())
    summary = kept.summary
    return Outcome(
        {"out": out, **summary.model_dump(mode="json")},
        [
            f"rule {summary.rule}: {summary.column} up to {summary.threshold:.4g}; "
            f"{summary.overridden} photos decided by hand",
            f"list: {out / 'keep.parquet'}",
            f"to decide on single photos yourself, list them in {out / 'overrides.csv'}",
        ],
        then=logs.command("limbeck", "train", "DATA", "--ids", out, "--out", "KEPT"),
    )


def _previewed(found: Preview, out: Path) -> Outcome:
    if (
        found.accepted is None or found.dataset_bytes is None or found.seconds is None
        or found.store is None
    ):  # fmt: skip
        return _previewed_list(found, out)
    from limbeck.ingestion import store_words

    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(found.rejected.items()))
    refused = f", {found.refused} of them not to be opened" if found.refused else ""
    what = f" ({', '.join(found.crop_objects)})" if found.crop_objects else ""
    return would(
        "ingest",
        {"out": out, **found.model_dump()},
        f"would read {found.listed} files of {found.bytes / 1e6:,.0f} MB{refused}",
        f"of {found.looked_at} looked at, not used: {reasons or 'none'}",
        f"about {found.accepted} photos, fewer without copies and opt-outs",
        f"cropped by: {found.crop}{what}",
        store_words(found.store, found.store_why),
        f"dataset: {out}, {found.size} px, about {found.dataset_bytes / 1e6:,.0f} MB, "
        f"{duration(found.seconds)}",
    )


def _previewed_list(found: Preview, out: Path) -> Outcome:
    refused = f", {found.refused} of them not to be fetched" if found.refused else ""
    return would(
        "ingest",
        {"out": out, **found.model_dump()},
        f"a list of {found.listed} photos on the Internet{refused}",
        f"would fetch {found.to_fetch} from {found.hosts} hosts; "
        f"{found.bytes / 1e6:,.0f} MB of others are here already",
        "nothing was fetched to say this, so that sizes, and how many are photos, are not known; "
        "at most 64 MB each",
        f"dataset: {out}; cropped by: {found.crop}",
    )
