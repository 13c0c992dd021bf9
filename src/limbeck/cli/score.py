"""`limbeck score`: all photos at once, or in parts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from limbeck import logs
from limbeck.artefacts.run import RUN, RunDir
from limbeck.cli.inputs import existing, networks_folder, open_networks
from limbeck.cli.options import Shared
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.config import Config
from limbeck.errors import UsageError
from limbeck.logs import duration

PartOf = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Look at part I of N of the photos alone (0/4 to 3/4), e.g. each on another machine; "
        "parts lie in OUT-parts, and the command without --shard joins them.",
    ),
]
ByRay = Annotated[
    int | None,
    typer.Option(
        "--ray",
        metavar="N",
        min=1,
        help="Look at N parts as tasks of Ray (the cluster of RAY_ADDRESS, else this machine), and "
        "join them.",
    ),
]


@dataclass(frozen=True)
class _Job:
    """What is scored, by which snapshot, into which folder; `then` is the command that joins."""

    data: Path
    networks: Path
    out: Path
    config: Config
    then: str
    of_run: bool


@verb("settings", "seed", "device", "dry_run")
def score(
    shared: Shared,
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="A dataset made by ingest, or a run.")
    ],
    networks: Annotated[
        Path | None,
        typer.Argument(
            metavar="NETS",
            help="A snapshot, a training stage or a run; nothing where DATA is a run.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write to; nothing where DATA is a run.")
    ] = None,
    shard: PartOf = None,
    ray: ByRay = None,
) -> Outcome:
    """Score every photo: how likely an outlier it is, by the generator trained on the photos.

    Of a run, parts of its scores are made here (--shard, --ray), and `limbeck resume` joins them.
    """
    existing(data, "dataset or run")
    if shard is not None and ray is not None:
        raise UsageError("--shard and --ray are two ways to make parts", "give one of them")
    run = (data / RUN).exists() and networks is None
    job = _of_run(data, out, shared) if run else _of_files(data, networks, out, shared)
    if job.of_run and shard is None and ray is None:
        raise UsageError(
            f"{data} is a run, which scores its photos itself: {job.then}",
            "give --shard I/N or --ray N to share this work out before",
        )
    if shard is not None:
        return _part(job, shard, shared)
    if shared.dry_run:
        return _would(job, ray)
    if ray and job.of_run:
        from limbeck.chain import parts_by_ray

        parts_by_ray(job.data, job.networks, job.out, job.config, ray)
        return Outcome({"parts": f"{job.out}-parts"}, [f"parts: {job.out}-parts"], then=job.then)
    return _scored(job, ray, shared)


def _of_files(data: Path, networks: Path | None, out: Path | None, shared: Shared) -> _Job:
    if networks is None or out is None:
        raise UsageError(
            f"{data} is no run: networks and --out are missing",
            logs.command("limbeck", "score", data, "NETS", "--out", "SCORES"),
        )
    then = logs.command("limbeck", "score", data, networks, "--out", out)
    snapshot = networks_folder(networks)
    return _Job(data, snapshot, out, shared.config("small"), then, of_run=False)


def _of_run(run: Path, out: Path | None, shared: Shared) -> _Job:
    if out is not None or shared.settings or shared.seed:
        raise UsageError(
            f"{run} is a run, with settings, a seed and a place of its own",
            "leave out --out, --set and --seed, or give a dataset and networks",
        )
    run_dir = RunDir(run)
    config = run_dir.config()
    if shared.device != "auto":
        config = config.replace(device=shared.device)
    existing(run_dir.data, "dataset: the run has not read its photos yet")
    then = logs.command("limbeck", "resume", run)
    snapshot = networks_folder(run_dir.raw)
    return _Job(run_dir.data, snapshot, run_dir.scores, config, then, of_run=True)


def _would(job: _Job, ray: int | None) -> Outcome:
    return would(
        "score",
        {"data": job.data, "networks": job.networks, "out": job.out, "ray": ray},
        f"would score the photos of {job.data} by {job.networks}"
        + (f", {ray} parts by Ray" if ray else ""),
        f"scores: {job.out}",
    )


def _scored(job: _Job, ray: int | None, shared: Shared) -> Outcome:
    from limbeck.chain import score_by_ray, score_photos
    from limbeck.data import open_dataset

    if ray:
        scores = score_by_ray(job.data, job.networks, job.out, job.config, ray)
    else:
        loaded = open_networks(job.networks, shared.device)
        scores = score_photos(open_dataset(job.data), loaded, job.out, job.config)
    columns = list(scores.names)
    values = {"images": len(scores.ids), "columns": columns, "near": scores.summary.near}
    return Outcome(
        {"out": job.out, **values},
        [
            logs.line(
                "scored ",
                logs.bold(len(scores.ids)),
                " photos in ",
                f"{duration(scores.summary.seconds)}: {len(columns)} scores each",
            ),
            *_nearness(scores.summary.near),
            f"scores: {job.out / 'scores.parquet'}",
        ],
        then=logs.command("limbeck", "keep", job.out, "--out", f"{job.out}-keep"),
    )


def _part(job: _Job, text: str, shared: Shared) -> Outcome:
    from limbeck.chain import score_shard
    from limbeck.data import open_dataset
    from limbeck.ingestion import Shard

    shard = Shard.parse(text)
    place = f"{job.out}-parts"
    if shared.dry_run:
        values = {"data": job.data, "networks": job.networks, "parts": place, "part": str(shard)}
        return would("score", values, f"would look at part {shard} of {job.data}, into {place}")
    loaded = open_networks(job.networks, shared.device)
    blocks, made = score_shard(open_dataset(job.data), loaded, job.out, job.config, shard)
    before = f", {blocks - made} were there already" if blocks - made else ""
    same = "" if job.of_run else ", with the same options"
    return Outcome(
        {"parts": place, "part": str(shard), "blocks": blocks, "made": made},
        [
            logs.line(f"part {shard}: ", logs.bold(made), f" blocks of photos looked at{before}"),
            f"parts: {place}; once all are there, join them{same}:",
        ],
        then=job.then,
    )


def _nearness(near: float | None) -> list[str]:
    """One line on whether the generator draws images like the photos."""
    if near is None:
        return []
    said = "0.5 = images like the photos, 0 = far from them"
    return [f"the generator's images: {near:.2f} ({said})"]
