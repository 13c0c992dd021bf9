"""`python -m studies VERB`: studies of the method."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Group

from limbeck import logs
from limbeck.artefacts.labels import read_truth
from limbeck.artefacts.snapshots import is_model
from limbeck.bench import CONTESTANTS
from limbeck.cli.inputs import centres_file, existing, load_centres, networks_folder, open_networks
from limbeck.cli.options import InitFrom, ModesFolder, Preset, Shared, Size
from limbeck.cli.outcome import Outcome, verb
from limbeck.data import open_dataset
from limbeck.errors import UsageError
from limbeck.evaluation import HiddenLabels
from limbeck.kit.device import pick_device
from limbeck.model import Pipeline
from studies.contamination import study_contamination
from studies.directions import direction_lines, study_directions
from studies.distillation import VARIANTS, study_distillation
from studies.dose import SHARES, study_dose
from studies.ducks import draw_ducks
from studies.duplicates import study_duplicates
from studies.outliers import study_outliers
from studies.quality import TUNED, study_quality
from studies.tables import (
    distillation_tables,
    dose_lines,
    outlier_tables,
    quality_tables,
    truncation_lines,
)
from studies.truncation import study_truncation

app = typer.Typer(
    help="Studies of limbeck's method; each goes on where the same command stopped.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip
Data = Annotated[Path, typer.Argument(metavar="DATA", help="A dataset made by limbeck ingest.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the study.")]
Labels = Annotated[
    Path,
    typer.Option("--labels", help=".jsonl, .csv or .zip that says which photos are outliers."),
]
Features = Annotated[
    str,
    typer.Option("--features", help="lpips-alex, lpips-vgg16, efficientnet-lite0, inception."),
]
Pictures = Annotated[
    int, typer.Option("--pictures", min=16, help="Generated images of each generator or cell.")
]
Seeds = Annotated[
    int, typer.Option("--seeds", min=1, help="Trainings of each kind, from --seed on.")
]
Only = Annotated[
    str | None,
    typer.Option(
        "--only", help="Train these alone (commands may share --out), or none; default: all."
    ),
]


@app.command()
@verb("seed")
def duplicates(
    shared: Shared,
    data: Data,
    out: Out,
    copies: Annotated[int, typer.Option("--copies", min=1, help="Photos that are copied.")] = 500,
) -> Outcome:
    """Which copies of photos ingestion finds, by how they were made."""
    found = study_duplicates(
        open_dataset(existing(data, "dataset")), out, copies=copies, seed=shared.seed
    )
    return Outcome(found, [f"study: {out} (duplicates.json)"])


@app.command()
@verb("seed", "device")
def contamination(
    shared: Shared,
    data: Data,
    labels: Labels,
    out: Out,
    photos: Annotated[int, typer.Option("--photos", min=100, help="Photos of a draw.")] = 3000,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Draws of each share.")] = 2,
) -> Outcome:
    """What the filter drops of draws with 0 to 50 % outliers, without a generator."""
    found = study_contamination(
        open_dataset(existing(data, "dataset")), _judge(labels), out, photos=photos, seeds=seeds,
        seed=shared.seed, device=pick_device(shared.device),
    )  # fmt: skip
    lines = [
        f"{row['share']:.2f} outliers, draw {row['seed']}: AUROC {_share_or_none(row['auroc'])}, "
        f"drops {row['dropped']:.3f} ({row['low']:.2f} to {row['high']:.2f}): "
        f"{_share_or_none(row['outliers_dropped'])} of the outliers, "
        f"{row['ordinary_dropped']:.3f} of the rest"
        for row in found["rows"]
    ]
    return Outcome(found, [*lines, f"study: {out} (contamination.json, .png)"])


@app.command()
@verb("seed")
def ducks(
    shared: Shared,
    out: Out,
    count: Annotated[int, typer.Option("--count", min=1, help="Ducks.")] = 4000,
    outliers: Annotated[int, typer.Option("--outliers", min=0, help="Outliers.")] = 2500,
) -> Outcome:
    """Draw a third labelled domain: bath ducks, and what does not belong to them."""
    labels = draw_ducks(
        out, count=count, outliers=outliers, seed=shared.seed, workers=os.cpu_count() or 1
    )
    return Outcome(
        {"photos": str(out / "photos"), "labels": str(labels)},
        [f"photos: {out / 'photos'}", f"labels: {labels}"],
    )


def _share_or_none(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


@app.command()
@verb("seed", "device")
def directions(
    shared: Shared,
    networks: Annotated[
        Path, typer.Option("--networks", help="A model, a snapshot, a training or a run.")
    ],
    out: Out,
    modes: ModesFolder = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Directions of a method.")] = 10,
    bases: Annotated[int, typer.Option("--bases", min=4, help="Base images.")] = 16,
    labelled: Annotated[int, typer.Option("--labelled", min=50, help="Seeds with labels.")] = 1000,
) -> Outcome:
    """What the strongest directions of each method do, and random ones."""
    opened = open_networks(existing(networks, "networks"), shared.device)
    centres = load_centres(centres_file(networks, modes), opened)
    if centres is None:
        raise UsageError("the study looks at modes, and none are known", "give --modes")
    found = study_directions(
        opened, centres, out, count=count, bases=bases, labelled=labelled, seed=shared.seed
    )
    return Outcome(found, [*direction_lines(found), f"study: {out} (directions.json)"])


@app.command()
@verb("settings", "seed", "device")
def outliers(
    shared: Shared,
    data: Data,
    labels: Labels,
    networks: Annotated[
        list[Path] | None,
        typer.Option("--networks", help="A snapshot, a training or a run; one a seed."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the study; none = written nowhere.")
    ] = None,
    preset: Preset = "auto",
) -> Outcome:
    """Every score and baseline against labelled outliers."""
    config = shared.config(preset)
    found_networks = [
        open_networks(existing(path, "networks"), shared.device) for path in networks or ()
    ]
    with TemporaryDirectory() as temporary:
        found = study_outliers(
            open_dataset(existing(data, "dataset")), _judge(labels), out or Path(temporary),
            networks=found_networks, config=config.score, seed=shared.seed,
            device=pick_device(shared.device),
        )  # fmt: skip
    logs.show(Group(*outlier_tables(found, logs.console().width)))
    lines = [f"{found['outliers']} outliers, {found['in_domain']} in-domain photos"]
    if out is None:
        return Outcome(found, [*lines, "these figures are written nowhere; --out DIR keeps them"])
    return Outcome(found, [*lines, f"study: {out} (outliers.json, .png)"])


@app.command()
@verb("settings", "seed", "device")
def distillation(
    shared: Shared,
    data: Data,
    labels: Labels,
    out: Out,
    seeds: Seeds = 3,
    features: Features = "lpips-alex",
    pictures: Pictures = 2000,
    only: Only = None,
    kimg: Annotated[
        float | None,
        typer.Option("--kimg", help="Length of each training, thousands of photos shown."),
    ] = None,
    preset: Preset = "auto",
    size: Size = None,
) -> Outcome:
    """Training on raw, kept, random and clean photos, over several seeds."""
    config = shared.config(preset, size, {"train.kimg": kimg})
    found = study_distillation(
        open_dataset(existing(data, "dataset")), _judge(labels), config, out, seeds=seeds,
        features=_features(features), pictures=pictures, only=_only(only, VARIANTS),
    )  # fmt: skip
    logs.show(Group(*distillation_tables(found)))
    lines = []
    if found["left_out"]:
        lines = [
            f"left out, not trained: {', '.join(found['left_out'])}",
            "compare differences, which are within seeds, rather than means over other seeds",
        ]
    for number, costs in found["costs"].items():
        for name, cost in costs.items():
            lines.append(
                f"seed {number}, {name}: {_share(cost['outliers_removed'])} of the outliers "
                f"removed, {_share(cost['in_domain_lost'])} of the in-domain photos lost"
            )
    return Outcome(found, [*lines, f"study: {out} (distillation.json, .png)"])


@app.command()
@verb("settings", "seed", "device")
def dose(
    shared: Shared,
    data: Data,
    labels: Labels,
    out: Out,
    shares: Annotated[
        str, typer.Option("--shares", help="Of outliers among the photos, with commas.")
    ] = ",".join(map(str, SHARES)),
    seeds: Seeds = 5,
    photos: Annotated[int, typer.Option("--photos", min=50, help="Trained on.")] = 1500,
    kimg: Annotated[
        float | None, typer.Option("--kimg", help="Length of a trunk, thousands of photos shown.")
    ] = None,
    branch_kimg: Annotated[
        float | None, typer.Option("--branch-kimg", help="Of each branch; default: half of it.")
    ] = None,
    features: Annotated[
        str, typer.Option("--features", help="What judges: lpips-vgg16 or inception.")
    ] = "lpips-vgg16",
    pictures: Pictures = 5000,
    preset: Preset = "auto",
    size: Size = None,
) -> Outcome:
    """What filtering buys by the share of outliers: one trunk a seed, four branches from it."""
    found = study_dose(
        open_dataset(existing(data, "dataset")), _judge(labels),
        shared.config(preset, size, {"train.kimg": kimg}), out, shares=_numbers(shares),
        seeds=seeds, photos=photos, branch_kimg=branch_kimg, features=features, pictures=pictures,
    )  # fmt: skip
    return Outcome(found, [*dose_lines(found), f"study: {out} (dose.json, dose.png)"])


@app.command()
@verb("seed", "device")
def truncation(
    shared: Shared,
    data: Data,
    networks: Annotated[
        Path, typer.Option("--networks", help="A model, a snapshot, a training or a run.")
    ],
    out: Out,
    features: Features = "lpips-alex",
    pictures: Pictures = 2000,
    quick: Annotated[bool, typer.Option("--quick", help="Few cells, to see that it works.")] = (
        False
    ),
    headline: Annotated[
        bool, typer.Option("--headline", help="64 clusters in W alone, untimed.")
    ] = False,
) -> Outcome:
    """Every way of truncating one generator against photos."""
    existing(networks, "model or networks")
    generator = (
        Pipeline.from_pretrained(networks, device=shared.device)
        if is_model(networks)
        else open_networks(networks_folder(networks), shared.device)
    )
    few: dict[str, Any] = {
        "psis": (0.5, 0.7, 1.0), "clusters": (8, 16), "cluster_psis": (0.7,), "base_clusters": 16,
        "samples": 2000,
    }  # fmt: skip
    alone: dict[str, Any] = {
        "psis": (0.5, 0.7, 0.85, 1.0), "clusters": (), "spaces": ("w",), "repeats": 0,
    }  # fmt: skip
    found = study_truncation(
        generator, open_dataset(existing(data, "dataset")), out, features=_features(features),
        count=pictures, seed=shared.seed, **(few if quick else alone if headline else {}),
    )  # fmt: skip
    return Outcome(found, [*truncation_lines(found), f"study: {out}"])


@app.command()
@verb("settings", "seed", "device")
def quality(
    shared: Shared,
    data: Data,
    out: Out,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="Of each training on this machine.")
    ] = 600.0,
    seeds: Seeds = 3,
    features: Features = "lpips-alex",
    pictures: Pictures = 2000,
    only: Only = None,
    preset: Preset = "auto",
    size: Size = None,
    init_from: InitFrom = None,
) -> Outcome:
    """How good the images of each contestant are after how many seconds of training."""
    config = shared.config(preset, size)
    begin = None if init_from is None else Path(init_from)
    everyone = (*CONTESTANTS, *([TUNED] if begin else []))
    found = study_quality(
        open_dataset(existing(data, "dataset")), config, out, seconds=seconds, seeds=seeds,
        features=_features(features), pictures=pictures, init_from=begin,
        only=None if only is None else _only(only, everyone),
    )  # fmt: skip
    logs.show(Group(*quality_tables(found)))
    lines = [
        f"{row['contestant']}: "
        + (f"not at KID {row['kid']:.4g} ({row['features']}) within its training"
           if row["seconds"] is None else
           f"KID {row['kid']:.4g} ({row['features']}) after {row['seconds']:.0f} s, "
           f"{row['ratio']:.2f} x as fast as {found['reference']}")
        for row in found["reached"]
    ]  # fmt: skip
    return Outcome(found, [*lines, f"study: {out} (quality.json, quality.png, grids.png)"])


def _judge(labels: Path) -> HiddenLabels:
    return HiddenLabels(read_truth(existing(labels, "file of labels")))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str) -> tuple[float, ...]:
    """Numbers between commas."""
    try:
        return tuple(float(name) for name in _names(text))
    except ValueError:
        raise UsageError(f"--shares {text}", "give numbers with commas, e.g. 0.1,0.3") from None


def _features(text: str) -> tuple[str, ...]:
    if not (names := _names(text)):
        raise UsageError("--features names none", "give one or more, with commas between them")
    return names


def _only(text: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The trainings that `--only` names; all where it is not given, none for `none`."""
    chosen = known if text is None else () if text == "none" else _names(text)
    if unknown := sorted(set(chosen) - set(known)):
        raise UsageError(
            f"--only {', '.join(unknown)}: this study has no such training",
            f"choose among {', '.join(known)}, or none",
        )
    return chosen


if __name__ == "__main__":
    app()
