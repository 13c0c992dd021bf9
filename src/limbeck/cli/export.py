"""The verb export: networks and modes in, a model folder out."""

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
from limbeck.cli.inputs import (
    centres_file,
    enclosing_run,
    load_centres,
    networks_folder,
    open_networks,
)
from limbeck.cli.options import ModesFolder, Out, Shared, parse_bytes
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.config import Config, parse_config
from limbeck.errors import DataError, UsageError
from limbeck.fsio import read_json, read_jsonl

if TYPE_CHECKING:
    from limbeck.model import Measured


@verb("device", "dry_run")
def export(
    shared: Shared,
    source: Annotated[
        Path, typer.Argument(metavar="NETWORKS", help="A run, a training or a snapshot.")
    ],
    out: Out,
    modes: ModesFolder = None,
    half: Annotated[bool, typer.Option("--half", help="Store weights in float16.")] = False,
    licence: Annotated[
        str, typer.Option("--licence", help="Licence of the weights, for the model card.")
    ] = "not stated",
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
    """Write a model folder: averaged generator and encoder, modes and a model card."""
    if is_model(source):
        raise UsageError(f"{source} is a model folder already", "give a run or a training")
    most = parse_bytes(max_shard)
    networks, centres = networks_folder(source), centres_file(source, modes)
    settings, facts = training_settings(networks), run_facts(networks) | _facts(fact or [])
    values: dict[str, object] = {
        "out": out, "networks": networks, "modes": centres,
        "dtype": "float16" if half else "float32",
    }  # fmt: skip
    if shared.dry_run:
        return would("export", values, f"would write the model folder {out} from {networks}")
    from limbeck.model import Pipeline

    found, nets = load_centres(centres), open_networks(networks, shared.device)
    if found is not None and found.centres.shape[1] != nets.config.w_dim:
        raise DataError(
            f"the modes in {centres} belong to another generator ({found.centres.shape[1]} numbers "
            f"a latent, {networks} has {nets.config.w_dim})",
            "leave --modes out, or make them: "
            + logs.command("limbeck", "modes", networks, "--out", "MODES"),
        )
    model = Pipeline(
        nets, found, config=settings, licence=licence, data=facts, measured=run_figures(networks)
    )
    model.save_pretrained(out, dtype="float16" if half else "float32", max_shard_size=most)
    size = sum(file.stat().st_size for file in out.iterdir() if file.suffix == ".safetensors")
    known = f"{len(found)} modes" if found else "no modes (limbeck modes makes them)"
    return Outcome(
        {**values, "bytes": size},
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
    """What the run says of the photos that its kept networks saw; of other networks only how many
    of their photos were taken down since."""
    root = enclosing_run(networks)
    if root is None:
        return {}
    taken = _taken_facts(root, networks.resolve().parent)
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


def _facts(words: list[str]) -> dict[str, str | int | float]:
    """`photos=11120` -> {"photos": 11120}; what is no number stays text.

    Raises:
        UsageError: no name, no `=`, or a name twice.
    """
    facts: dict[str, str | int | float] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip() or name.strip() in facts:
            raise UsageError(
                f"--fact {word!r} is not NAME=VALUE, or names something twice",
                "write e.g. --fact photos=9452",
            )
        facts[name.strip()] = _value(value.strip())
    return facts


def _value(text: str) -> str | int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
