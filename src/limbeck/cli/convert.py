"""The verb convert: networks that other tools wrote, read without running any of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from limbeck import logs
from limbeck.cli.inputs import existing
from limbeck.cli.options import Shared
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.errors import UsageError

if TYPE_CHECKING:
    from limbeck.unpickling import NetworkFile, NetworkRecord

_MOST = 2000  # letters of a line of what a file tells
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_KINDS = {
    "stylegan2-ada": "StyleGAN2, as stylegan2-ada-pytorch and stylegan3 write it",
    "stylegan3": "StyleGAN3, as stylegan3 writes it",
    "tensorflow": "StyleGAN of the TensorFlow era",
    "rosinality": "StyleGAN2, as rosinality's stylegan2-pytorch writes it",
    "lucidrains": "StyleGAN2, as lucidrains' stylegan2_pytorch writes it",
    "safetensors": "tensors in safetensors",
}


@verb("dry_run")
def convert(
    shared: Shared,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A .pkl of stylegan2-ada, stylegan3 or the TensorFlow era, a .pt of rosinality's "
            "or lucidrains' StyleGAN2, or safetensors.",
        ),
    ],
    inspect: Annotated[
        bool, typer.Option("--inspect", help="Say what the file holds; build and write nothing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="The model folder to write: new or empty.")
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", help="Licence of the weights; default: what the file says."),
    ] = None,
) -> Outcome:
    """Make a model folder of a network that another tool wrote; none of its code runs."""
    existing(file, "file")
    if inspect == (out is not None):
        raise UsageError(
            "convert was not told what to do" if out is None else "--inspect writes nothing",
            "give --out MODEL to make a model folder, or --inspect to look into the file",
        )
    if out is not None:
        from limbeck.artefacts.folders import check_new

        check_new(out)
        if not shared.dry_run:
            return _converted(file, out, licence)
    from limbeck.unpickling import inspect_network_file

    found = inspect_network_file(file)
    logs.show(_facts(file, found))
    logs.show(_networks(found))
    if out is not None:
        told = f"would write the model folder {out}, if its networks are such as limbeck builds"
        return would("convert", {"out": out}, told)
    return Outcome(found.model_dump(mode="json", exclude={"tensors_sha256"}), list(_more(found)))


def _converted(file: Path, out: Path, licence: str | None) -> Outcome:
    from limbeck.foreign import convert_network
    from limbeck.kit.allocator import spare_memory

    spare_memory()
    made = convert_network(file, out, licence=licence)
    told, config = made.file, made.config
    classes = f", {config.num_classes} classes" if config.num_classes else ""
    with_d = " and D" if made.discriminator is not None else ""
    values: dict[str, object] = {
        "out": out, "kind": told.kind, "role": made.role, "size": config.size,
        "discriminator": made.discriminator is not None, "licence": made.model.licence,
        "notes": list(made.notes), "sha256": told.sha256,
    }  # fmt: skip
    return Outcome(
        values,
        [
            logs.line(
                "wrote ", logs.bold(out), f": {made.role}{with_d} of {file.name}, {config.size} px",
                classes,
            ),
            f"it holds {_KINDS[told.kind]}; no code of the file ran",
            f"licence: {made.model.licence}",
            *(f"note: {note}" for note in made.notes),
            f"some of its images: {out / 'samples.png'}",
        ],
        then=logs.command("limbeck", "modes", out, "--out", f"{out}-modes"),
    )  # fmt: skip


def _facts(file: Path, found: NetworkFile) -> Table:
    table = Table(box=None, show_header=False)
    side = f"{found.resolution} px" if found.resolution else "not told"
    rows = {
        "file": f"{file}, {found.bytes / 1e6:,.1f} MB",
        "holds": _KINDS[found.kind],
        "images": side,
        "trained for": f"{found.kimg:,g} kimg" if found.kimg is not None else "not told",
        "on photos of": found.dataset or "not told",
        "licence": found.licence or "not told: ask its author",
        "sha256": found.sha256,
    }
    for name, value in rows.items():
        table.add_row(logs.bold(name), logs.line(value))
    return table


def _networks(found: NetworkFile) -> Table:
    table = Table(box=None)
    for name in ("network", "class", "parameters", "tensors", "of"):
        table.add_column(name, justify="right" if name in ("parameters", "tensors") else "left")
    for role, network in found.networks.items():
        cells = (
            logs.bold(role), logs.line(network.class_name or "-"),
            f"{network.numbers:,}", f"{len(network.tensors):,}", _dtypes(network),
        )  # fmt: skip
        table.add_row(*cells)
    return table


def _dtypes(network: NetworkRecord) -> str:
    counts = Counter(one.dtype for one in network.tensors.values())
    return ", ".join(_DTYPES.get(dtype, dtype.lower()) for dtype, _ in counts.most_common())


def _arguments(network: NetworkRecord) -> str:
    """`z_dim=512, c_dim=0, mapping_kwargs={"num_layers": 8}`"""
    given = [json.dumps(one, ensure_ascii=False) for one in network.init_args]
    given += [
        f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in network.init_kwargs.items()
    ]
    return ", ".join(given)


def _cut(words: str) -> str:
    """As much of a stranger's words as a person reads."""
    return words if len(words) <= _MOST else f"{words[:_MOST]} ... (--json has all)"


def _more(found: NetworkFile) -> Iterator[object]:
    for role, network in found.networks.items():
        if network.init_args or network.init_kwargs:
            yield logs.line(logs.bold(role), f" was made with {_cut(_arguments(network))}")
    if found.training_set:
        told = _cut(json.dumps(found.training_set, ensure_ascii=False))
        yield logs.line("trained on: ", told)
    if found.facts:
        yield logs.line("also told: ", _cut(json.dumps(found.facts, ensure_ascii=False)))
    if found.left_out:
        yield logs.line("not looked at: ", ", ".join(found.left_out))
    yield "every number is finite; no code of the file ran"
