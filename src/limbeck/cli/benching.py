"""The verb bench: how fast this machine is, as ratios against a plain baseline."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from limbeck.cli.inputs import existing
from limbeck.cli.options import Device, DryRun, Json, Preset, Seed, Set, Size, build_config
from limbeck.cli.outcome import Outcome, verb
from limbeck.errors import UsageError


class Subject(StrEnum):
    """What to time."""

    train = "train"
    infer = "infer"
    ops = "ops"
    loader = "loader"


@verb
def bench(
    subject: Annotated[Subject, typer.Argument(help="train, infer, ops or loader.")],
    data: Annotated[
        Path | None, typer.Argument(metavar="[DATA]", help="For loader: a dataset made by ingest.")
    ] = None,
    preset: Preset = "auto",
    size: Size = None,
    batch: Annotated[int | None, typer.Option("--batch", min=2, help="Pictures at once.")] = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Turns of each side.")] = 5,
    alone: Annotated[
        bool, typer.Option("--alone", help="Without the baseline, which is slow and large.")
    ] = False,
    rival: Annotated[
        bool, typer.Option("--rival", help="Also stylegan2-pytorch from PyPI (train, CUDA).")
    ] = False,
    settings: Set = None,
    seed: Seed = 0,
    device: Device = "auto",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> Outcome:
    """Time training, drawing, operations or loading, in turns with a textbook baseline."""
    config = build_config(
        preset, seed=seed, device=device, size=size, pairs=settings,
        changes={"train.batch": batch if subject in ("train", "loader") else None},
    )  # fmt: skip
    if subject is Subject.loader and data is None:
        raise UsageError(
            "bench loader needs a dataset", "limbeck bench loader DATA, made by limbeck ingest"
        )
    if dry_run:
        return Outcome(
            {"dry_run": True, "verb": "bench", "subject": subject}, [f"would time {subject}"]
        )
    from limbeck.bench import bench_infer, bench_loader, bench_ops, bench_train
    from limbeck.data import open_dataset

    if subject is Subject.train:
        found = bench_train(config, repeats=repeats, against=not alone, against_rival=rival)
    elif subject is Subject.infer:
        found = bench_infer(config, batch=batch or 4, repeats=repeats)
    elif subject is Subject.ops:
        found = bench_ops(
            channels=config.net.channels(config.net.size), size=config.net.size,
            batch=batch or 16, repeats=repeats, device=device,
        )  # fmt: skip
    else:
        assert data is not None, "checked above"
        dataset = open_dataset(existing(data, "dataset"))
        found = bench_loader(dataset, config, repeats=repeats)
    return Outcome(found, _lines(found))


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
            f"images/s{use} ({share})"
        )
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
