"""The verb export: networks and modes in, a model folder or a file for another tool out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limbeck import logs
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.snapshots import is_model, networks_of
from limbeck.artefacts.stage import read_done
from limbeck.artefacts.takedowns import stained
from limbeck.cli.export_kinds import (
    check_options,
    check_place,
    parse_facts,
    write_centre_files,
    write_checkpoint,
    write_program,
    write_space_folder,
)
from limbeck.cli.inputs import (
    centres_file,
    enclosing_run,
    load_centres,
    networks_folder,
    open_networks,
)
from limbeck.cli.options import ModesFolder, Shared, parse_bytes
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.config import Config, parse_config
from limbeck.errors import DataError, UsageError
from limbeck.fsio import read_json, read_jsonl
from limbeck.records import CentreLayout, ModelKind

if TYPE_CHECKING:
    from limbeck.model import Measured, Pipeline
    from limbeck.nets import Discriminator


@verb("device", "dry_run")
def export(
    shared: Shared,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="NETWORKS", help="A run, a training, a snapshot, or a model folder."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="File or folder to write.")],
    to: Annotated[
        ModelKind, typer.Option("--to", help=f"What to write: {', '.join(ModelKind)}.")
    ] = ModelKind.MODEL,
    modes: ModesFolder = None,
    half: Annotated[bool, typer.Option("--half", help="Store weights in float16.")] = False,
    truncation: Annotated[
        str | None,
        typer.Option(
            "--truncation",
            help="For onnx and torch-export, the rule of mode -1: multimodal-lpips, multimodal-l2, "
            "multimodal-typical or global; default: multimodal-lpips where modes are known.",
        ),
    ] = None,
    layout: Annotated[
        CentreLayout | None,
        typer.Option(
            "--layout",
            help=f"For centres-npy, whose tool reads them: {', '.join(CentreLayout)}; default: "
            "stylegan-xl.",
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(
            "--licence", help="Licence of the weights; default: the model's, or not stated."
        ),
    ] = None,
    fact: Annotated[
        list[str] | None,
        typer.Option(
            "--fact",
            metavar="NAME=VALUE",
            help="Fact about the photos for the model card; repeatable.",
        ),
    ] = None,
    max_shard: Annotated[
        str,
        typer.Option(
            "--max-shard", help="Larger weights become several files of this size, e.g. 500MB."
        ),
    ] = "2GB",
) -> Outcome:
    """Write a model for others: a folder with a card, a page for the hub, ONNX, its centres."""
    folder = is_model(source)
    if folder and to is ModelKind.MODEL and modes is None:
        raise UsageError(
            f"{source} is a model folder already",
            "give a run or a training, another --to, or --modes to write it with them",
        )
    most = parse_bytes(max_shard)
    check_options(to, truncation, half, layout)
    facts = parse_facts(fact or [])
    networks = source if folder else networks_folder(source)
    centres = centres_file(source, modes)
    values: dict[str, object] = {"out": out, "to": to, "networks": networks, "modes": centres}
    if to is not ModelKind.MODEL:
        check_place(to, out, layout)
    else:
        values["dtype"] = "float16" if half else "float32"
    if shared.dry_run:
        noun = {ModelKind.MODEL: "the model folder", ModelKind.SPACE: "the space"}.get(to, to)
        return would("export", values, f"would write {noun} {out} from {networks}")
    device = shared.device if to is ModelKind.MODEL else "cpu"
    model = _opened(networks, centres, modes, device, licence, facts)
    if to is ModelKind.MODEL:
        _check_own(out, model)
        made = _write_folder(model, out, half, most, _discriminator(networks))
    elif to is ModelKind.CENTRES_NPY:
        made = write_centre_files(model, out, layout, networks.resolve().name)
    elif to is ModelKind.STYLEGAN2_PT:
        made = write_checkpoint(model, out, _discriminator(networks))
    elif to is ModelKind.SPACE:
        as_it_is = folder and not (modes or licence or facts or half)
        made = write_space_folder(model, out, networks if as_it_is else None, half, most)
    else:
        made = write_program(to, model, out, truncation, half)
    return Outcome({**values, **made.values}, made.lines, then=made.then)


def _opened(
    networks: Path,
    centres: Path | None,
    modes: Path | None,
    device: str,
    licence: str | None,
    facts: dict[str, str | int | float],
) -> Pipeline:
    """A snapshot with its run's modes and settings, or a model folder, with what was asked for.

    Raises:
        DataError: something cannot be read, or the modes are of another generator.
    """
    from limbeck.model import Pipeline

    if is_model(networks):
        model = Pipeline.from_pretrained(networks, device=device)
        if modes is not None:
            model.modes = load_centres(centres, model)
        model.licence, model.data = licence or model.licence, model.data | facts
        return model
    settings = training_settings(networks)
    nets = open_networks(networks, device)
    return Pipeline(
        nets, load_centres(centres, nets), config=settings, licence=licence or "not stated",
        data=run_facts(networks) | facts, measured=run_figures(networks),
    )  # fmt: skip


def _discriminator(networks: Path) -> Discriminator | None:
    """The D that goes with a model folder; None of a training, whose D stays in its snapshots."""
    from limbeck.artefacts.model_networks import read_networks
    from limbeck.nets import Discriminator

    if not is_model(networks):
        return None
    found = read_networks(networks).members().get("D")
    return found if isinstance(found, Discriminator) else None


def _check_own(out: Path, model: Pipeline) -> None:
    """Let a model folder be written anew, but no other model be replaced.

    Raises:
        DataError: a model of another generator lies there.
    """
    from limbeck.latents import tensors_digest

    done = read_done(out) if is_model(out) else None
    if is_model(out) and (
        done is None or done.inputs.get("generator") != tensors_digest(model.G_ema.state_dict())
    ):
        raise DataError(
            f"{out} is the model of another generator", "nothing was written; give another --out"
        )


def _write_folder(
    model: Pipeline, out: Path, half: bool, most: int, discriminator: Discriminator | None
) -> Outcome:
    model.save_pretrained(
        out, dtype="float16" if half else "float32", max_shard_size=most,
        discriminator=discriminator,
    )  # fmt: skip
    size = sum(file.stat().st_size for file in out.iterdir() if file.suffix == ".safetensors")
    modes = model.modes
    known = f"{len(modes)} modes" if modes else "no modes (limbeck modes makes them)"
    return Outcome(
        {"bytes": size},
        [logs.line("wrote ", logs.bold(out), f": {size / 1e6:.1f} MB, {known}")],
        then=logs.command("limbeck", "sample", out, "--seeds", "0-15", "--out", "pictures"),
    )


def training_settings(networks: Path) -> Config | None:
    """The configuration that made a snapshot: its run's, or what the state beside it recorded.

    None where neither is there; the card then says that nothing is stated.

    Raises:
        DataError: the state cannot be read.
    """
    run = enclosing_run(networks)
    if run is not None:
        return RunDir(run).config()
    path = networks.parent / networks.name.replace("nets-", "state-") / "state.json"
    if not networks.name.startswith("nets-") or not path.exists():
        return None
    try:
        state = read_json(path)
        config = parse_config(state["config"])
        return config.replace(**{"train.kimg": state["images"] / 1000})
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is damaged ({error!r})",
            "export another snapshot: give one of the nets-... folders beside it",
        ) from error


def run_facts(networks: Path) -> dict[str, str | int | float]:
    """What the run says of the photos that its kept networks saw; of other networks only what they
    began with, and how many of their photos were taken down since."""
    root = enclosing_run(networks)
    from limbeck.artefacts.transfers import begun_facts

    begun = begun_facts(networks.resolve().parent)
    if root is None:
        return {**begun}
    taken = {**begun, **_taken_facts(root, networks.resolve().parent)}
    if networks.resolve().parent != (root / "kept").resolve():
        return taken
    run = RunDir(root)
    data, keep, kept = run.done("data"), run.done("keep"), run.done("kept")
    if data is None or keep is None or kept is None:
        return taken
    return {
        **taken,
        "photos": data.summary["accepted"],
        "kept": keep.summary["kept"],
        "kimg": kept.summary["kimg"],
        "column": keep.summary["column"],
    }


def run_figures(networks: Path) -> tuple[Measured, ...]:
    """What `limbeck evaluate` measured of these networks since their training ended; none of
    snapshots that it did not measure."""
    from limbeck.model import figures_of

    root = enclosing_run(networks)
    training = networks.resolve().parent
    if root is None or training.parent != root.resolve() or training.name not in ("raw", "kept"):
        return ()
    done, used = read_done(training), networks_of(training)
    if done is None or used is None or used.resolve() != networks.resolve():
        return ()
    rows = read_jsonl(root / "metrics" / "metrics.jsonl")
    return figures_of(rows, training.name, done.finished)


def _taken_facts(root: Path, training: Path) -> dict[str, str | int | float]:
    from limbeck.model import TAKEN_DOWN

    saw = [one.saw for one in stained(root) if (root / one.folder).resolve() == training]
    return {TAKEN_DOWN: saw[0]} if saw else {}
