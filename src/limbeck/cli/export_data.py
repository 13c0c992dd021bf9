"""The verb export-data: a dataset in, the formats of other tools out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limbeck import logs
from limbeck.cli.inputs import existing
from limbeck.cli.options import Out, Shared
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.records import ExportKind, ExportSummary


@verb("dry_run")
def export_data(
    shared: Shared,
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="A dataset made by ingest, or a run.")
    ],
    to: Annotated[ExportKind, typer.Option("--to", help=f"The format: {', '.join(ExportKind)}.")],
    out: Out,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            help="Export what this keep list keeps; default: the run's, where DATA is one.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Export every photo, whatever the run's keep list says.")
    ] = False,
    originals: Annotated[
        Path | None,
        typer.Option(
            "--originals",
            help="For manifest: the photos that DATA was made of; default: what its run says.",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option("--size", help="Side of the images in pixels; default: as they are stored."),
    ] = None,
    shard_mb: Annotated[
        int,
        typer.Option("--shard-mb", help="About how many MB a shard of images becomes."),
    ] = 256,
) -> Outcome:
    """Write photos for other tools, with licence, author and URL; the dataset stays as it is."""
    existing(data, "dataset or run")
    from limbeck.convert import export_data as run_export
    from limbeck.convert import foresee

    if shared.dry_run:
        seen = foresee(
            data, out, to, keep=keep, everything=everything, originals=originals, size=size,
            shard_mb=shard_mb,
        )  # fmt: skip
        return would(
            "export-data",
            {"out": out, **seen.model_dump(mode="json")},
            f"would write {_photos(seen)} to {out}",
            f"about {seen.files:,} files, {seen.bytes / 1e6:,.1f} MB",
        )
    made = run_export(
        data, out, to, keep=keep, everything=everything, originals=originals, size=size,
        shard_mb=shard_mb,
    )  # fmt: skip
    lines = [
        logs.line("wrote ", logs.bold(_photos(made)), f" to {out}"),
        f"{made.files:,} files, {made.bytes / 1e6:,.1f} MB; who made the photos: "
        f"{out / 'attribution.csv'}",
        *([f"left out: {made.left_out:,} whose originals cannot be read"] * bool(made.left_out)),
        f"to read it: {_reading(out, made)}",
    ]
    return Outcome({"out": out, **made.model_dump(mode="json")}, lines)


def _photos(made: ExportSummary) -> str:
    """`9,452 kept photos of 64 px (of 11,120; --all exports every one)`"""
    kept = f" (of {made.whole:,}; --all exports every one)" if made.kept_only else ""
    side = f" of {made.size} px" if made.size else " as boxes"
    classes = f" in {made.classes:,} classes" if made.classes else ""
    return f"{made.photos:,}{' kept' * made.kept_only} photos{side}{classes}{kept}"


def _reading(out: Path, made: ExportSummary) -> str:
    """How other tools open it."""
    last = made.files - 2  # shards count from 0, and attribution.csv is no shard
    shards = "shard-000000.tar" if not last else f"shard-{{000000..{last:06d}}}.tar"
    return {
        ExportKind.IMAGEFOLDER: f"datasets.load_dataset('imagefolder', data_dir={str(out)!r})",
        ExportKind.DATASET_JSON: f"the StyleGAN tools take {out / 'dataset.zip'} for --data",
        ExportKind.WEBDATASET: f"webdataset.WebDataset({str(out / shards)!r})",
        ExportKind.MANIFEST: f"put {out / 'manifest.json'} into the photos' folder",
        ExportKind.HF_PARQUET: f"datasets.load_dataset({str(out)!r})",
    }[made.kind]
