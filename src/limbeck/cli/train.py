"""The verb train: G, D and E together, or an encoder alone for a generator that exists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from limbeck import logs
from limbeck.cli.inputs import existing
from limbeck.cli.options import (
    FreezeD,
    FreezeMapping,
    InitFrom,
    Kimg,
    Out,
    Preset,
    Shared,
    Size,
    Tensorboard,
    begun_size,
    change_config,
)
from limbeck.cli.outcome import Outcome, planned, verb
from limbeck.config import Config
from limbeck.errors import UsageError
from limbeck.logs import duration
from limbeck.presets import preset as named


@verb("settings", "seed", "device", "dry_run")
def train(
    shared: Shared,
    out: Out,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]",
            show_default=False,
            help="A dataset made by ingest; left out with --on-samples.",
        ),
    ] = None,
    preset: Preset = "small",
    size: Size = None,
    kimg: Kimg = None,
    ids: Annotated[
        Path | None, typer.Option("--ids", help="keep.parquet: train on the kept photos only.")
    ] = None,
    init_from: InitFrom = None,
    freezed: FreezeD = None,
    freeze_mapping: FreezeMapping = False,
    encoder_only: Annotated[
        Path | None,
        typer.Option(
            "--encoder-only",
            metavar="MODEL",
            help="Train only an encoder, for the generator of these networks, which stays.",
        ),
    ] = None,
    on_samples: Annotated[
        bool,
        typer.Option(
            "--on-samples", help="With --encoder-only: learn from generated images alone."
        ),
    ] = False,
    cond: Annotated[
        bool, typer.Option("--cond", help="Class-conditional, with the dataset's classes.")
    ] = False,
    no_encoder: Annotated[bool, typer.Option("--no-encoder", help="Train G and D alone.")] = False,
    tensorboard: Tensorboard = False,
) -> Outcome:
    """Train generator, discriminator and encoder; the same command resumes where it stopped."""
    if encoder_only is not None:
        others = {
            "--size": size, "--ids": ids, "--init-from": init_from, "--freezed": freezed,
            "--freeze-mapping": freeze_mapping, "--cond": cond, "--no-encoder": no_encoder,
        }  # fmt: skip
        clash = [name for name, value in others.items() if value]
        if clash:
            raise UsageError(f"--encoder-only does not go with {', '.join(clash)}", "leave it out")
        alone = {"train.kimg": kimg, "train.tensorboard": tensorboard or None}
        return _encoder_alone(shared, encoder_only, data, out, preset, on_samples, alone)
    if data is None or on_samples:
        raise UsageError(
            "--on-samples without --encoder-only" if on_samples else "DATA is missing",
            "name a generator with --encoder-only"
            if on_samples
            else "give a dataset that `limbeck ingest` made",
        )
    changes: dict[str, object] = {
        "train.kimg": kimg,
        "train.encoder": False if no_encoder else None,
        "train.init_from": init_from,
        "train.freeze_d": freezed,
        "train.freeze_mapping": freeze_mapping or None,
        "train.tensorboard": tensorboard or None,
    }
    config = shared.config(preset, begun_size(size, init_from), changes=changes)
    existing(data, "dataset")
    from limbeck.artefacts.keep import kept_ids

    kept = kept_ids(ids) if ids else None
    if shared.dry_run:
        return planned("train", {"data": data, "out": out, "kimg": config.train.kimg,
                                 "ids": len(kept) if kept else None,
                                 "config": config.model_dump(mode="json")})  # fmt: skip
    from limbeck.data import open_dataset
    from limbeck.training import conditional
    from limbeck.training import train as run_train

    dataset = open_dataset(data)
    if cond:
        config = conditional(dataset, config)
    summary = run_train(dataset.select(kept) if kept is not None else dataset, config, out)
    chosen = "" if summary.networks == summary.newest else f" (best KID; newest {summary.newest})"
    return Outcome(
        {"out": out, **summary.model_dump()},
        [
            logs.line(
                "trained ",
                logs.bold(f"{summary.kimg:g}"),
                f" kimg on {len(kept) if kept else len(dataset)} photos in ",
                f"{duration(summary.seconds)} ({summary.images_per_second:.0f} images/s, ",
                f"{summary.precision})",
            ),
            f"networks: {out / summary.networks}{chosen}",
        ],
        then=logs.command("limbeck", "score", data, out, "--out", f"{out}-scores"),
    )


def _encoder_alone(
    shared: Shared,
    source: Path,
    data: Path | None,
    out: Path,
    preset: str,
    on_samples: bool,
    changes: dict[str, Any],
) -> Outcome:
    """An encoder for the generator of `source`.

    Raises:
        UsageError: neither photos nor --on-samples.
    """
    if data is None and not on_samples:
        raise UsageError(
            "--encoder-only without photos", "give a dataset, or --on-samples to do without"
        )
    if data is not None:
        existing(data, "dataset")
    from limbeck.chain import encoder_config, train_encoder
    from limbeck.training import shapes_of

    existing(source, "model or networks")
    given = {"seed": shared.seed, "device": shared.device, **changes}
    config: Config = change_config(
        encoder_config(named(preset), shapes_of(source), on_samples),
        {name: value for name, value in given.items() if value is not None}, shared.settings,
    )  # fmt: skip
    if shared.dry_run:
        return planned("train", {"encoder of": source, "data": data or "its own images",
                                 "out": out, "kimg": config.train.kimg,
                                 "config": config.model_dump(mode="json")})  # fmt: skip
    found = train_encoder(source, out, config, data)
    told = found.summary
    what = "generated images" if found.drawn else "photos"
    own = config.train.rec_measure == "lpips-alex"
    return Outcome(
        {"out": out, **found.model_dump()},
        [
            logs.line(
                "trained an encoder for ", logs.bold(f"{told.kimg:g}"), " kimg in ",
                f"{duration(told.seconds)} ({told.images_per_second:.0f} images/s)",
            ),
            f"LPIPS-AlexNet to its reconstructions: {found.lpips:.3f} over {found.images} {what}; "
            f"to the generator's mean image: {found.lpips_mean:.3f}",
            *(["(the measure that it was trained by)"] if own else []),
            f"networks: {out / told.networks}; reconstructions: {out}/rec-{told.images:09d}.png",
        ],
        then=logs.command("limbeck", "score", data or "DATA", out, "--out", f"{out}-scores"),
    )  # fmt: skip
