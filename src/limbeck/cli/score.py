"""`limbeck score`: all photos at once, or in parts."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck import logs
from limbeck.cli.inputs import existing, networks_folder, open_networks
from limbeck.cli.options import Out, Shared
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


@verb("settings", "seed", "device", "dry_run")
def score(
    shared: Shared,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A dataset made by ingest.")],
    networks: Annotated[
        Path, typer.Argument(metavar="NETS", help="A snapshot, a training stage or a run.")
    ],
    out: Out,
    shard: PartOf = None,
    ray: ByRay = None,
) -> Outcome:
    """Score every photo: how likely an outlier it is, by the generator trained on the photos."""
    config = shared.config("small")
    existing(data, "dataset")
    snapshot = networks_folder(networks)
    if shard is not None and ray is not None:
        raise UsageError("--shard and --ray are two ways to make parts", "give one of them")
    if shard is not None:
        return _part(data, networks, snapshot, out, config, shard, shared)
    if shared.dry_run:
        return would(
            "score", {"data": data, "networks": snapshot, "out": out, "ray": ray},
            f"would score the photos of {data} by {snapshot}"
            + (f", {ray} parts by Ray" if ray else ""),
            f"scores: {out}",
        )  # fmt: skip
    from limbeck.chain import score_by_ray, score_photos
    from limbeck.data import open_dataset

    if ray:
        scores = score_by_ray(data, snapshot, out, config, ray)
    else:
        loaded = open_networks(snapshot, shared.device)
        scores = score_photos(open_dataset(data), loaded, out, config)
    columns = list(scores.names)
    return Outcome(
        {"out": out, "images": len(scores.ids), "columns": columns, "near": scores.summary.near},
        [
            logs.line(
                "scored ",
                logs.bold(len(scores.ids)),
                " photos in ",
                f"{duration(scores.summary.seconds)}: {len(columns)} scores each",
            ),
            *_nearness(scores.summary.near),
            f"scores: {out / 'scores.parquet'}",
        ],
        then=logs.command("limbeck", "keep", out, "--out", f"{out}-keep"),
    )


def _part(
    data: Path,
    networks: Path,
    snapshot: Path,
    out: Path,
    config: Config,
    text: str,
    shared: Shared,
) -> Outcome:
    from limbeck.chain import score_shard
    from limbeck.data import open_dataset
    from limbeck.ingestion import Shard

    shard = Shard.parse(text)
    place = f"{out}-parts"
    if shared.dry_run:
        values = {"data": data, "networks": snapshot, "parts": place, "part": str(shard)}
        return would("score", values, f"would look at part {shard} of {data}, into {place}")
    loaded = open_networks(snapshot, shared.device)
    blocks, made = score_shard(open_dataset(data), loaded, out, config, shard)
    before = f", {blocks - made} were there already" if blocks - made else ""
    return Outcome(
        {"parts": place, "part": str(shard), "blocks": blocks, "made": made},
        [
            logs.line(f"part {shard}: ", logs.bold(made), f" blocks of photos looked at{before}"),
            f"parts: {place}; once all are there, join them:",
        ],
        then=logs.command("limbeck", "score", data, networks, "--out", out),
    )


def _nearness(near: float | None) -> list[str]:
    """One line on whether the generator draws images like the photos."""
    if near is None:
        return []
    said = "0.5 = images like the photos, 0 = far from them"
    return [f"the generator's images: {near:.2f} ({said})"]
