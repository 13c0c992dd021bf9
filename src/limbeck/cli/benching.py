"""The verb bench: how fast this machine is, as ratios against a plain baseline; and studies."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from limbeck.cli.inputs import existing
from limbeck.cli.options import Device, DryRun, Json, Preset, Seed, Set, Size, build_config
from limbeck.cli.outcome import Outcome, verb
from limbeck.cli.studying import STUDIES, Asked, complete
from limbeck.config import Config
from limbeck.errors import UsageError


class Subject(StrEnum):
    """What to time, or to study."""

    train = "train"
    infer = "infer"
    ops = "ops"
    loader = "loader"
    outliers = "outliers"
    distillation = "distillation"
    truncation = "truncation"
    quality = "quality"


@dataclass(frozen=True)
class _Asked:
    """What the command line said about timing."""

    config: Config
    data: Path | None
    batch: int | None
    repeats: int
    alone: bool
    rival: bool


_TIMING, _STUDY = "Timing", "Studies"


@verb
def bench(
    subject: Annotated[
        Subject,
        typer.Argument(
            help="Time train, infer, ops or loader; or study outliers (which score finds which), "
            "distillation (what filtering buys), truncation, quality (how good after how long)."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Argument(metavar="[DATA]", help="A dataset made by ingest; loader and all studies."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            rich_help_panel=_STUDY,
            help="outliers, distillation: .jsonl, .csv or .zip that says which photos are odd.",
        ),
    ] = None,
    networks: Annotated[
        list[Path] | None,
        typer.Option(
            "--networks",
            rich_help_panel=_STUDY,
            help="outliers, truncation: a snapshot, a training or a run; outliers: one a seed.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", rich_help_panel=_STUDY, help="Folder; the same call goes on there."),
    ] = None,
    features: Annotated[
        str,
        typer.Option(
            "--features",
            rich_help_panel=_STUDY,
            help="distillation, truncation, quality: lpips-alex, lpips-vgg16, efficientnet-lite0, "
            "inception.",
        ),
    ] = "lpips-alex",
    pictures: Annotated[
        int,
        typer.Option(
            "--pictures",
            min=16,
            rich_help_panel=_STUDY,
            help="distillation, truncation, quality: pictures of each generator, of each cell.",
        ),
    ] = 2000,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            min=1,
            rich_help_panel=_STUDY,
            help="distillation, quality: how many trainings of each kind, from --seed on.",
        ),
    ] = 3,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            rich_help_panel=_STUDY,
            help="distillation, quality: train these alone (several commands may share --out), or "
            "none; default: all.",
        ),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=1, rich_help_panel=_STUDY, help="quality: of each training."),
    ] = 600.0,
    kimg: Annotated[
        float | None,
        typer.Option(
            "--kimg",
            rich_help_panel=_STUDY,
            help="distillation: length of each training, thousands of pictures shown.",
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            rich_help_panel=_STUDY,
            help="truncation: few cells, to see that it works.",
        ),
    ] = False,
    batch: Annotated[
        int | None,
        typer.Option("--batch", min=2, rich_help_panel=_TIMING, help="Pictures at once."),
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, rich_help_panel=_TIMING, help="Turns of each side.")
    ] = 5,
    alone: Annotated[
        bool,
        typer.Option(
            "--alone",
            rich_help_panel=_TIMING,
            help="Without the baseline, which is slow and large.",
        ),
    ] = False,
    rival: Annotated[
        bool,
        typer.Option(
            "--rival",
            rich_help_panel=_TIMING,
            help="Also stylegan2-pytorch from PyPI (train, CUDA).",
        ),
    ] = False,
    preset: Preset = "auto",
    size: Size = None,
    settings: Set = None,
    seed: Seed = 0,
    device: Device = "auto",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> Outcome:
    """Time limbeck against a textbook baseline, or study its method on labelled photos."""
    config = build_config(
        preset, seed=seed, device=device, size=size, pairs=settings,
        changes={
            "train.batch": batch if subject in ("train", "loader") else None,
            "train.kimg": kimg if subject == "distillation" else None,
        },
    )  # fmt: skip
    timing = _Asked(config, data, batch, repeats, alone, rival)
    study = Asked(
        config, data, labels, tuple(networks or ()), out, _names(features), pictures, seeds,
        None if only is None else () if only == "none" else _names(only), quick, seconds,
    )  # fmt: skip
    if subject in STUDIES:
        complete(subject, study)
    elif subject is Subject.loader and data is None:
        raise UsageError(
            "bench loader needs a dataset to read",
            "limbeck bench loader DATA, where DATA is a folder made by `limbeck ingest`",
        )
    if data is not None:
        existing(data, "dataset")
    if dry_run:
        what = "study" if subject in STUDIES else "time"
        return Outcome(
            {"dry_run": True, "verb": "bench", "subject": subject}, [f"would {what} {subject}"]
        )
    return STUDIES[subject](study) if subject in STUDIES else _WORK[subject](timing)


def _names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _train(asked: _Asked) -> Outcome:
    from limbeck.bench import bench_train

    found = bench_train(
        asked.config, repeats=asked.repeats, against=not asked.alone, against_rival=asked.rival
    )
    return Outcome(found, _lines(found))


def _infer(asked: _Asked) -> Outcome:
    from limbeck.bench import bench_infer

    found = bench_infer(asked.config, batch=asked.batch or 4, repeats=asked.repeats)
    return Outcome(found, _lines(found))


def _ops(asked: _Asked) -> Outcome:
    from limbeck.bench import bench_ops

    net = asked.config.net
    found = bench_ops(
        channels=net.channels(net.size), size=net.size, batch=asked.batch or 16,
        repeats=asked.repeats, device=asked.config.device,
    )  # fmt: skip
    return Outcome(found, _lines(found))


def _loader(asked: _Asked) -> Outcome:
    from limbeck.bench import bench_loader
    from limbeck.data import open_dataset

    assert asked.data is not None, "see _complete"
    found = bench_loader(open_dataset(asked.data), asked.config, repeats=asked.repeats)
    return Outcome(found, _lines(found))


_WORK: dict[Subject, Callable[[_Asked], Outcome]] = {
    Subject.train: _train,
    Subject.infer: _infer,
    Subject.ops: _ops,
    Subject.loader: _loader,
}


def _parts(step: dict[str, Any] | None, batch: int | None) -> list[str]:
    """A table of what a step's parts take; none where a step has phases."""
    if step is None:
        return []
    lines = [
        f"a step of {batch} photos, {step['precision']}: {1000 * step['seconds']:.1f} ms",
        f"  {'':26} {'ms':>9} {'backward':>9} {'share':>7}",
    ]
    for row in step["parts"]:
        back = "" if row["backward"] is None else f"{1000 * row['backward']:.2f}"
        lines.append(
            f"  {row['part']:26} {1000 * row['seconds']:9.2f} {back:>9} {row['share']:7.1%}"
        )
    return lines


def _lines(found: dict[str, Any]) -> list[str]:
    facts = found["machine"]
    lines = [
        f"{facts['cpu']}, {facts['threads']} threads, torch {facts['torch']}, {facts['device']}"
    ]
    for name, row in found.get("contestants", {}).items():
        share = ", ".join(f"{phase} {value:.0%}" for phase, value in row["share"].items())
        use = f", {row['utilisation']:.0%} of the conv ceiling" if "utilisation" in row else ""
        lines.append(
            f"{name:9} {row['seconds_per_kimg']:8.2f} s/kimg {row['images_per_second']:8.1f} "
            f"images/s, batches of {row['batch']}{use} ({share})"
        )
    lines += _parts(found.get("step"), found.get("batch"))
    if "rival" in found:
        row = found["rival"]
        lines.append(
            f"{row['package']} {row['version']}: {row['seconds_per_kimg']:.2f} s/kimg, "
            f"{row['images_per_second']:.1f} images/s"
        )
    for name, rate in found.get("images_per_second", {}).items():
        lines.append(f"{name:9} {rate:8.2f} images/s")
    for name, share in found.get("share_of_step", {}).items():
        lines.append(f"{name:9} {share:.2%} of a step")
    for piece, ratios in found.get("ratios", {}).items():
        shown = ", ".join(f"{name} {value['wall']:.2f}" for name, value in ratios.items())
        lines.append(f"{piece:13} {shown}")
    lines += [
        f"{key.replace('_', ' ')}: {value['wall']:.2f} x wall, {value['cpu']:.2f} x CPU seconds"
        for key, value in found.items()
        if key.startswith("ratio_")
    ]
    return lines
