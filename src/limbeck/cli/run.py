"""The verbs about a whole run: run, resume, status, evaluate, report."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from limbeck import fsio, logs
from limbeck.cli.describe import describe
from limbeck.cli.inputs import existing, run_folder
from limbeck.cli.options import (
    PHOTOS,
    PRESETS,
    ClassFrom,
    Crop,
    CropMost,
    CropObject,
    DetectorFile,
    Fetched,
    FetchPort,
    FreezeMapping,
    InitFrom,
    Kimg,
    MaxReject,
    OptOut,
    Psi,
    Shared,
    Size,
    Store,
    Strict,
    Tensorboard,
    TruncationName,
    Verify,
    Yes,
    keep_changes,
    parse_budget,
    parse_psi,
)
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.errors import UsageError
from limbeck.logs import duration

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A folder made by `limbeck run`.")]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", help="Labels of the photos (.jsonl or .csv), for measuring alone."),
]


@verb("settings", "dry_run")
def run(
    shared: Shared,
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help=f"{PHOTOS[:-1]}; or a run.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the run: new, empty, or that of an earlier run."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help=f"{PRESETS}; default: by machine and time.")
    ] = None,
    size: Size = None,
    kimg: Kimg = None,
    init_from: InitFrom = None,
    freeze_mapping: FreezeMapping = False,
    crop: Crop = None,
    crop_object: CropObject = None,
    crop_most: CropMost = None,
    class_from: ClassFrom = None,
    store: Store = None,
    kept_kimg: Annotated[
        float | None, typer.Option("--kept-kimg", help="Length of the second training.")
    ] = None,
    time_budget: Annotated[
        str | None, typer.Option("--time-budget", help="For the whole command: 90s, 60m, 1h30m.")
    ] = None,
    keep_fraction: Annotated[
        float | None, typer.Option("--keep-fraction", help="Keep this share; default: automatic.")
    ] = None,
    keep_threshold: Annotated[
        float | None, typer.Option("--keep-threshold", help="Keep scores up to this value.")
    ] = None,
    keep_count: Annotated[
        int | None, typer.Option("--keep-count", help="Keep this many photos.")
    ] = None,
    keep_per_mode: Annotated[
        bool, typer.Option("--keep-per-mode", help="Apply the share within each mode.")
    ] = False,
    hold_out: Annotated[
        float | None,
        typer.Option(
            "--hold-out", help="Share of the photos that no training sees, to measure with."
        ),
    ] = None,
    truncation: TruncationName = None,
    psi: Psi = None,
    no_encoder: Annotated[
        bool,
        typer.Option("--no-encoder", help="Train G and D alone; scores that need E are left out."),
    ] = False,
    opt_out: OptOut = None,
    fetched: Fetched = None,
    fetch_port: FetchPort = None,
    tensorboard: Tensorboard = False,
    strict: Strict = False,
    verify: Verify = False,
    max_reject: MaxReject = 1.0,
    yes: Yes = False,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="The same seed gives the same result.")
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or mps.")] = None,
) -> Outcome:
    """From photos to a filtered set, a generator, its modes, samples, a model and a report.

    `limbeck run RUN` resumes a run with its own options; options that are given replace them.
    Nothing is lost: results of long work that a change supersedes are kept in superseded/.
    """
    changes: dict[str, object] = {
        "seed": seed,
        "device": device,
        "train.kimg": kimg,
        "kept_kimg": kept_kimg,
        "hold_out": hold_out,
        "train.init_from": init_from,
        "train.freeze_mapping": freeze_mapping or None,
        "data.class_from": class_from,
        "data.crop": crop,
        "data.crop_object": crop_object,
        "data.crop_most": crop_most,
        "data.store": store,
        "train.encoder": False if no_encoder else None,
        "train.tensorboard": tensorboard or None,
        "sample.truncation": truncation,
        "sample.psi": None if psi is None else parse_psi(psi),
        **keep_changes(keep_fraction, keep_threshold, keep_count, keep_per_mode),
    }
    budget = parse_budget(time_budget) if time_budget else None
    if budget and (kimg or kept_kimg):
        raise UsageError("--time-budget sets --kimg and --kept-kimg itself", "give either")
    existing(photos, "folder or archive of photos, or run")
    from limbeck.cli import asking

    root, begun = asking.begun_run(photos, out)
    request = asking.asked(
        photos, begun, preset=preset, size=size, budget=budget, opt_out=opt_out,
        fetched=fetched, ports=fetch_port or (), pairs=shared.settings, changes=changes,
    )  # fmt: skip
    request = replace(request, strict=strict, verify=verify, max_reject=max_reject)
    return asking.carry_out(request, root, yes=yes, dry=shared.dry_run)


@verb("dry_run")
def resume(
    shared: Shared,
    path: RunPath,
    strict: Strict = False,
    verify: Verify = False,
    yes: Yes = False,
) -> Outcome:
    """Resume a run where it stopped, with the photos and options that it was started with."""
    from limbeck.chain import stored_request
    from limbeck.cli import asking

    run_dir = run_folder(path)
    request = replace(stored_request(run_dir), strict=strict, verify=verify)
    return asking.carry_out(request, run_dir.root, yes=yes, dry=shared.dry_run)


@verb()
def status(
    path: RunPath,
) -> Outcome:
    """What a run has done, what is missing, how long it took and how much disk space it uses.

    For another folder made by limbeck: what it is, what it holds, and what to do next.
    """
    from limbeck import chain
    from limbeck.artefacts.folders import SUPERSEDED
    from limbeck.artefacts.lock import writer_of
    from limbeck.cli.takedown import takedown_lines

    known = describe(path)
    if known is not None:
        return known
    run_folder(path)
    stages = chain.status(path)
    table = Table("stage", "state", "time", "disk", box=None, header_style="dim")
    colours = {"done": "green", "stale": "yellow", "partial": "yellow", "missing": "dim"}
    rows = []
    for stage in stages:
        size = disk_use(path / stage.name)
        colour = colours.get(stage.state, "red")
        took = duration(stage.seconds) if stage.seconds is not None else ""
        table.add_row(stage.name, logs.styled(stage.state, colour), took, megabytes(size))
        rows.append(
            {"stage": stage.name, "state": stage.state, "seconds": stage.seconds, "bytes": size}
        )
    logs.show(table)
    aside = disk_use(path / SUPERSEDED) if (path / SUPERSEDED).exists() else 0
    writer = writer_of(path)
    lines, taken = takedown_lines(path)
    if aside:
        lines.append(
            f"superseded: {megabytes(aside)} in {path / SUPERSEDED}, taken again when "
            "their options are; yours to remove"
        )
    if writer is not None:
        lines.append(f"being written by {writer}")
    whole = all(stage.state == "done" for stage in stages)
    page = path / "report" / "index.html"
    following = logs.command("open", page) if whole else logs.command("limbeck", "resume", path)
    return Outcome(
        {
            "run": path,
            "complete": whole,
            "stages": rows,
            "superseded_bytes": aside,
            "taken_down": taken,
            "writer": writer.model_dump() if writer else None,
            "next": following,
        },
        lines,
        then=following,
    )


def disk_use(folder: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(file.lstat().st_size for file in fsio.files_under(folder))


def megabytes(count: int) -> str:
    """Bytes -> `12.3 MB`."""
    return f"{count / 1e6:,.1f} MB"


@verb("seed", "device", "dry_run")
def evaluate(
    shared: Shared,
    path: RunPath,
    labels: Labels = None,
    features: Annotated[
        str | None,
        typer.Option(
            "--features",
            help="lpips-alex, lpips-vgg16, efficientnet-lite0, inception; default: all whose "
            "weights are here.",
        ),
    ] = None,
    pictures: Annotated[
        int | None,
        typer.Option(
            "--pictures",
            min=1,
            help="Images of each generator; default: 2000, or the number of photos if smaller.",
        ),
    ] = None,
    recognise: Annotated[
        bool | None,
        typer.Option(
            "--recognise/--no-recognise",
            help="Let a classifier and a detector say whether images show the object; default: "
            "from 256 images on.",
        ),
    ] = None,
    smoothness: Annotated[
        bool,
        typer.Option("--path-length", help="Also the perceptual path length of both generators."),
    ] = False,
    detector: DetectorFile = None,
    shown: Annotated[
        str | None,
        typer.Option(
            "--shown", help="COCO class that the photos show; default: the most frequent one."
        ),
    ] = None,
) -> Outcome:
    """Measure a run: KID, FID, recall, what images show, copies; with labels also AUROC."""
    run_dir = run_folder(path)
    if labels is not None:
        existing(labels, "file of labels")
    if detector is not None:
        existing(detector, "file of the detector's weights")
    names = [name.strip() for name in features.split(",")] if features else None
    if shared.dry_run:
        values = {
            "run": path, "labels": labels, "features": names, "pictures": pictures,
            "recognise": recognise,
        }  # fmt: skip
        return would("evaluate", values, f"would evaluate {path}")
    from limbeck.evaluation import evaluate as run_evaluate

    rows = run_evaluate(
        run_dir.root, labels=labels, features=names, pictures=pictures, seed=shared.seed,
        device=shared.device, recognise=recognise, detector=detector, shown=shown,
        smoothness=smoothness,
    )  # fmt: skip
    for table in measured(rows):
        logs.console().print(table)
    return Outcome(
        {"run": path, "metrics": [dict(row) for row in rows]},
        [f"{len(rows)} figures: {path / 'metrics' / 'metrics.jsonl'}"],
        then=logs.command("limbeck", "report", path, *(("--labels", labels) if labels else ())),
    )


_HEADS = {
    "set_distance": (
        "trained", "against", "truncation", "KID", "FID", "prec.", "rec.", "dens.", "cov.",
    ),
    "diversity": ("LPIPS between images of", "truncation", "all", "one mode", "two modes"),
    "memorising": ("trained", "truncation", "nearer than photos", "z", "nearer than 1 % of photos"),
    "path_length": ("trained", "where", "path length", "standard error", "pairs"),
    "recognised": ("trained", "truncation", "images", "photos", "shuffled", "kinds", "of photos"),
    "detected": ("trained", "truncation", "images", "photos", "shuffled"),
}  # fmt: skip


def measured(rows: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Rows of metrics about sets of images as tables for people, one for each features."""
    tables: dict[str, Table] = {}
    for row in rows:
        metric = str(row["metric"])
        if metric not in _HEADS:
            continue
        title = {"set_distance": "features {features}, photos : images = {real} : {fake}",
                 "memorising": "copies of training photos (chance: 0.5, z 0, 1 %)",
                 "path_length": "perceptual path length in W ({features})",
                 "recognised": "share recognised as one of the photos' {classes} classes ({judge})",
                 "detected": "share in which the object is found: {shown} ({judge})"}  # fmt: skip
        name = title.get(metric, "diversity").format(**row)
        if name not in tables:
            tables[name] = Table(*_HEADS[metric], box=None, header_style="dim", title=name,
                                 title_justify="left")  # fmt: skip
        tables[name].add_row(*_cells(metric, row))
    return list(tables.values())


def _cells(metric: str, row: Mapping[str, Any]) -> list[str]:
    def number(name: str) -> str:
        return "-" if row[name] is None else f"{row[name]:.3f}"

    drawn = f"{row['truncation']} {row['psi']:g}" if "psi" in row else ""
    who = str(row.get("generator", f"{row.get('photos')} photos"))
    if metric == "set_distance":
        figures = [number(name) for name in ("precision", "recall", "density", "coverage")]
        against = f"{row['photos']}, held out" if row["held_out"] else row["photos"]
        kid = f"{row['kid']:.3g} ± {row['kid_error']:.1g}"
        return [who, against, drawn, kid, f"{row['fid']:.4g}", *figures]
    if metric == "diversity":
        return [who, drawn, *(number(name) for name in ("overall", "within", "between"))]
    if metric == "path_length":
        return [who, row["where"], f"{row['value']:.4g}", f"{row['error']:.2g}", str(row["pairs"])]
    if metric in ("recognised", "detected"):
        cells = [who, drawn, *(f"{row[name]:.1%}" for name in ("value", "ceiling", "floor"))]
        kinds = ("kinds", "photo_kinds") if metric == "recognised" else ()
        return [*cells, *(f"{row[name]:.1f}" for name in kinds)]
    return [who, drawn, number("closer"), f"{row['z']:+.1f}", f"{row['nearer_1']:.1%}"]


@verb("dry_run")
def report(
    shared: Shared,
    path: RunPath,
    labels: Labels = None,
) -> Outcome:
    """Write the run's report: one HTML file that needs no network."""
    run_dir = run_folder(path)
    if labels is not None:
        existing(labels, "file of labels")
    if shared.dry_run:
        values = {"run": path, "labels": labels}
        return would("report", values, f"would write {path / 'report' / 'index.html'}")
    from limbeck.reporting import report as write_report

    page = write_report(run_dir.root, labels=labels)
    return Outcome({"run": path, "report": page}, [f"report: {page}"])
