"""The verbs of `limbeck bench`: how fast this machine is, as ratios against a plain baseline."""

from pathlib import Path
from typing import Annotated, Any

import typer

from limbeck.cli.inputs import existing
from limbeck.cli.options import Preset, Shared, Size
from limbeck.cli.outcome import Outcome, verb, would

bench = typer.Typer(help="Time limbeck on this machine.", no_args_is_help=True)
Batch = Annotated[int | None, typer.Option("--batch", min=2, help="Batch size.")]
Repeats = Annotated[
    int, typer.Option("--repeats", min=1, help="Number of measurements of each side.")
]
_EXAMPLE = "Example: limbeck bench "


@bench.command("train", epilog=_EXAMPLE + "train --size 64 --batch 8 --json")
@verb("settings", "seed", "device", "dry_run")
def bench_train(
    shared: Shared,
    batch: Batch = None,
    repeats: Repeats = 5,
    alone: Annotated[
        bool, typer.Option("--alone", help="Leave the baseline out (it is slow and takes memory).")
    ] = False,
    preset: Preset = "auto",
    size: Size = None,
) -> Outcome:
    """Time a training step by phase, against a plain StyleGAN2."""
    changes = {"train.batch": batch}
    config = shared.config(preset, size, changes=changes)
    if shared.dry_run:
        return would("bench", {"subject": "train"}, "would time train")
    from limbeck.bench import bench_train as measure

    return _told(measure(config, repeats=repeats, against=not alone))


@bench.command("infer", epilog=_EXAMPLE + "infer --preset tiny --json")
@verb("settings", "seed", "device", "dry_run")
def bench_infer(
    shared: Shared,
    batch: Batch = None,
    repeats: Repeats = 5,
    preset: Preset = "auto",
    size: Size = None,
) -> Outcome:
    """Time generating images."""
    config = shared.config(preset, size)
    if shared.dry_run:
        return would("bench", {"subject": "infer"}, "would time infer")
    from limbeck.bench import bench_infer as measure

    return _told(measure(config, batch=batch or 4, repeats=repeats))


@bench.command("ops", epilog=_EXAMPLE + "ops --size 64 --json")
@verb("settings", "device", "dry_run")
def bench_ops(
    shared: Shared,
    batch: Batch = None,
    repeats: Repeats = 5,
    preset: Preset = "auto",
    size: Size = None,
) -> Outcome:
    """Time the parts of the networks, each against its plain form."""
    net = shared.config(preset, size).net
    if shared.dry_run:
        return would("bench", {"subject": "ops"}, "would time ops")
    from limbeck.bench import bench_ops as measure

    found = measure(
        channels=net.channels(net.size), size=net.size, batch=batch or 16, repeats=repeats,
        device=shared.device,
    )  # fmt: skip
    return _told(found)


@bench.command("loader", epilog=_EXAMPLE + "loader data/dogs --json")
@verb("settings", "seed", "device", "dry_run")
def bench_loader(
    shared: Shared,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A dataset made by ingest.")],
    batch: Batch = None,
    repeats: Repeats = 5,
    preset: Preset = "auto",
    size: Size = None,
) -> Outcome:
    """Time reading photos, as a share of a training step."""
    changes = {"train.batch": batch}
    config = shared.config(preset, size, changes=changes)
    existing(data, "dataset")
    if shared.dry_run:
        return would("bench", {"subject": "loader"}, "would time loader")
    from limbeck.bench import bench_loader as measure
    from limbeck.data import open_dataset

    return _told(measure(open_dataset(data), config, repeats=repeats))


def _told(found: dict[str, Any]) -> Outcome:
    return Outcome(found, _lines(found))


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
