"""The verb bench: how fast this machine is, as ratios against a plain baseline; and studies."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from limbeck.cli.inputs import existing, is_model, networks_folder, open_networks
from limbeck.cli.options import Device, DryRun, Json, Preset, Seed, Set, Size, build_config
from limbeck.cli.outcome import Outcome, verb
from limbeck.config import Config
from limbeck.errors import UsageError


class Subject(StrEnum):
    """What to time, or to study."""

    train = "train"
    infer = "infer"
    ops = "ops"
    loader = "loader"
    truncation = "truncation"


@dataclass(frozen=True)
class _Asked:
    """What the command line said."""

    config: Config
    data: Path | None
    batch: int | None
    repeats: int
    alone: bool
    rival: bool
    networks: Path | None
    out: Path | None
    features: tuple[str, ...]
    pictures: int
    quick: bool


@verb
def bench(
    subject: Annotated[
        Subject, typer.Argument(help="train, infer, ops, loader, or the study truncation.")
    ],
    data: Annotated[
        Path | None,
        typer.Argument(metavar="[DATA]", help="loader, truncation: a dataset made by ingest."),
    ] = None,
    networks: Annotated[
        Path | None,
        typer.Option("--networks", help="truncation: a model folder, a snapshot or a run."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="truncation: folder; the same call goes on there.")
    ] = None,
    features: Annotated[
        str, typer.Option("--features", help="truncation: lpips-alex, efficientnet-lite0, ...")
    ] = "lpips-alex",
    pictures: Annotated[
        int, typer.Option("--pictures", min=16, help="truncation: pictures of each cell.")
    ] = 2000,
    quick: Annotated[
        bool, typer.Option("--quick", help="truncation: few cells, to see that it works.")
    ] = False,
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
    """Time training, drawing, operations or loading against a textbook baseline; or study
    truncation against photos."""
    config = build_config(
        preset, seed=seed, device=device, size=size, pairs=settings,
        changes={"train.batch": batch if subject in ("train", "loader") else None},
    )  # fmt: skip
    names = tuple(name.strip() for name in features.split(",") if name.strip())
    asked = _Asked(
        config, data, batch, repeats, alone, rival, networks, out, names, pictures, quick
    )
    _complete(subject, asked)
    if dry_run:
        what = "study" if subject in _STUDIES else "time"
        return Outcome(
            {"dry_run": True, "verb": "bench", "subject": subject}, [f"would {what} {subject}"]
        )
    return _WORK[subject](asked)


def _complete(subject: Subject, asked: _Asked) -> None:
    """Raises UsageError or DataError where the subject needs more than was given."""
    if subject is Subject.loader and asked.data is None:
        raise UsageError(
            "bench loader needs a dataset", "limbeck bench loader DATA, made by limbeck ingest"
        )
    if subject is Subject.truncation:
        given = {"DATA": asked.data, "--networks": asked.networks, "--out": asked.out}
        missing = [name for name, value in given.items() if value is None]
        if missing or not asked.features:
            raise UsageError(
                f"bench truncation needs {', '.join(missing) or 'features'}",
                "limbeck bench truncation DATA --networks NETS --out DIR",
            )
    for path, what in ((asked.data, "dataset"), (asked.networks, "model or networks")):
        if path is not None:
            existing(path, what)


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


def _truncation(asked: _Asked) -> Outcome:
    from limbeck.bench import bench_truncation
    from limbeck.data import open_dataset
    from limbeck.model import Pipeline

    assert asked.data is not None, "see _complete"
    assert asked.networks is not None, "see _complete"
    assert asked.out is not None, "see _complete"
    device, dataset = asked.config.device, open_dataset(asked.data)
    generator = (
        Pipeline.from_pretrained(asked.networks, device=device)
        if is_model(asked.networks)
        else open_networks(networks_folder(asked.networks), device)
    )
    if asked.quick:
        found = bench_truncation(
            generator, dataset, asked.out, features=asked.features, count=asked.pictures,
            psis=(0.5, 0.7, 1.0), clusters=(8, 16), cluster_psis=(0.7,), base_clusters=16,
            samples=2000, map_samples=1024, seed=asked.config.seed,
        )  # fmt: skip
    else:
        found = bench_truncation(
            generator, dataset, asked.out, features=asked.features, count=asked.pictures,
            seed=asked.config.seed,
        )  # fmt: skip
    return Outcome(found, [*_truncation_lines(found), f"study: {escape(str(asked.out))}"])


def _truncation_lines(found: dict[str, Any]) -> list[str]:
    lines = []
    for name, measured in found["features"].items():
        if measured["precision_bought"] <= 0:
            lines.append(f"{name}: global truncation buys no precision on this generator")
        for what in ("precision", "diversity"):
            for space, methods in measured[f"at_equal_{what}"].items():
                lines.append(f"{name}, clusters in {space}: x global at equal {what}")
                for method, row in methods.items():
                    shown = ", ".join(
                        f"{metric} {ratio['mean']['mean']:.3f}" if ratio else f"{metric} -"
                        for metric, ratio in row.items()
                    )
                    lines.append(f"  {method:17} {shown}")
    for name, ratio in (found["costs"] or {}).get("ratio_to_global", {}).items():
        lines.append(f"{name:24} {ratio:.2f} x the seconds of global")
    return lines


_WORK: dict[Subject, Callable[[_Asked], Outcome]] = {
    Subject.train: _train,
    Subject.infer: _infer,
    Subject.ops: _ops,
    Subject.loader: _loader,
    Subject.truncation: _truncation,
}
_STUDIES = {Subject.truncation}


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
