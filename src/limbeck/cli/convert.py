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
from limbeck.cli.outcome import Outcome, verb
from limbeck.errors import UsageError

if TYPE_CHECKING:
    from limbeck.unpickling import NetworkFile, NetworkRecord

_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_KINDS = {
    "stylegan2-ada": "StyleGAN2, as stylegan2-ada-pytorch and stylegan3 write it",
    "stylegan3": "StyleGAN3, as stylegan3 writes it",
    "tensorflow": "StyleGAN of the TensorFlow era",
    "rosinality": "StyleGAN2, as rosinality's stylegan2-pytorch writes it",
    "lucidrains": "StyleGAN2, as lucidrains' stylegan2_pytorch writes it",
    "safetensors": "tensors in safetensors",
}


@verb()
def convert(
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
) -> Outcome:
    """Open a network that another tool wrote; no code of the file runs (docs/convert.md)."""
    existing(file, "file")
    if not inspect:
        raise UsageError("convert was not told what to do", "add --inspect")
    from limbeck.unpickling import inspect_network_file

    found = inspect_network_file(file)
    logs.show(_facts(file, found))
    logs.show(_networks(found))
    return Outcome(found.model_dump(mode="json", exclude={"tensors_sha256"}), list(_more(found)))


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


def _more(found: NetworkFile) -> Iterator[object]:
    for role, network in found.networks.items():
        if network.init_args or network.init_kwargs:
            yield logs.line(logs.bold(role), f" was made with {_arguments(network)}")
    if found.training_set:
        told = json.dumps(found.training_set, ensure_ascii=False)
        yield logs.line("trained on: ", told)
    if found.facts:
        yield logs.line("also told: ", json.dumps(found.facts, ensure_ascii=False)[:2000])
    if found.left_out:
        yield logs.line("not looked at: ", ", ".join(found.left_out))
    yield "every number is finite; no code of the file ran"
