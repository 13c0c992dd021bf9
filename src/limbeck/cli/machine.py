"""The verbs about this machine: doctor and weights."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from limbeck import __version__, logs
from limbeck.cli.options import Shared
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.errors import UsageError

if TYPE_CHECKING:
    from limbeck.percept import Weights

_GIB = 1 << 30


@verb("device")
def doctor(shared: Shared) -> Outcome:
    """Show what this machine has, which code paths limbeck uses and why, and what is missing."""
    from limbeck.decoding import limits
    from limbeck.ingestion import can_detect
    from limbeck.kit.allocator import keep_memory
    from limbeck.kit.device import machine, pick_device
    from limbeck.kit.memory import available_memory
    from limbeck.ops import FUSED_FROM, fused_epilogue, least_channels, weight_products
    from limbeck.training import graphs_wanted

    where = pick_device(shared.device)
    facts = machine(where)
    free = shutil.disk_usage(Path.cwd()).free
    memory, room = memory_bytes(), available_memory()
    advice = _advice(str(facts["device"]), bool(facts["bf16"]), free)
    graphs, why = graphs_wanted(where)
    fused, fused_why = fused_epilogue(where, FUSED_FROM)
    convolutions = convolution_reason(where.type, least_channels(), weight_products())
    weights_here = {row.name: row.present for row in known_weights()}
    absent = [name for name, present in weights_here.items() if not present]
    if absent:
        advice.append(f"weights not here: {', '.join(absent)} -> limbeck weights get NAME")
    blind = can_detect()
    values: dict[str, object] = {
        "limbeck": __version__,
        "python": platform.python_version(),
        **facts,
        "precision": "bf16" if facts["bf16"] else "fp32",
        "cuda_graphs": graphs,
        "fused_epilogues": fused,
        "keeps_memory": where.type == "cpu" and keep_memory(),
        "memory_bytes": memory,
        "memory_available_bytes": room,
        "disk_free_bytes": free,
        "decoding": limits(),
        "crop": "center" if blind else "detect",
        "weights": weights_here,
        "advice": advice,
    }
    table = Table(box=None, show_header=False)
    for name in ("limbeck", "python", "torch", "platform", "cpu", "cores", "threads", "device"):
        table.add_row(name, logs.line(values[name]))
    if "gpu" in values:
        table.add_row("gpu", logs.line(values["gpu"]))
    table.add_row("precision", precision_reason(str(facts["device"]), bool(facts["bf16"])))
    table.add_row("training step", f"recorded: {why}" if graphs else f"operator by operator: {why}")
    table.add_row("epilogues", f"fused from {FUSED_FROM} px: {fused_why}" if fused else fused_why)
    table.add_row("convolutions", convolutions)
    if where.type == "cpu":
        kept = "glibc keeps big blocks while training" if values["keeps_memory"] else "as it is"
        table.add_row("allocator", kept)
    left = "" if room is None else f", {room / _GIB:.1f} GiB of it free for this process"
    table.add_row("memory", f"{memory / _GIB:.1f} GiB{left}" if memory else "unknown")
    table.add_row("disk free", f"{free / _GIB:.1f} GiB here")
    table.add_row("photos are", f"decoded in {limits()}")
    table.add_row("", f"cropped to their centre: {blind}" if blind else "cropped around "
                  "the object that most of them show")  # fmt: skip
    for name, present in weights_here.items():
        table.add_row(f"weights {name}", _presence(present))
    logs.show(table)
    hints: list[object] = [logs.line(logs.styled("-", "yellow"), " ", hint) for hint in advice]
    return Outcome(values, hints or ["all is well"])


def _presence(here: bool) -> Text:
    return logs.styled("here  ", "green") if here else logs.styled("absent", "yellow")


def precision_reason(device: str, bf16: bool) -> str:
    """Which numbers convolutions use, and why."""
    if bf16:
        return "bf16 (this machine computes it fast)"
    if device.startswith("cpu"):
        return "fp32 (no avx512_bf16 or amx_bf16: bf16 convolutions would be about 25x slower)"
    return "fp32 (bf16 needs CUDA compute capability 8.0)"


def convolution_reason(device: str, least: int | None, products: bool) -> str:
    """Which convolutions take a way of limbeck's own, and why."""
    if device != "cpu":
        return "PyTorch's"
    if least is None:
        return "PyTorch's (with AVX-512 they run at the machine's peak)"
    strided = ", gradients of strided ones by matrix products" if products else ""
    return f"PyTorch's; faster here in fp32: 3x3 from {least} channels on by Winograd{strided}"


def memory_bytes() -> int | None:
    """Physical memory, or None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def known_weights() -> list[Weights]:
    """Every set of pretrained weights that limbeck knows."""
    from limbeck.percept import list_weights

    return list_weights()


def _advice(device: str, bf16: bool, free: int) -> list[str]:
    advice = []
    if device.startswith("cpu"):
        advice.append(
            "no GPU: presets tiny (half an hour or more) and small (two hours or more) are for this"
        )
    if sys.platform.startswith("linux") and not bf16 and device.startswith("cpu"):
        advice.append("this CPU has no fast bf16: training takes about twice as long as with it")
    if free < 2 * _GIB:
        advice.append("under 2 GiB of disk left: snapshots may not fit")
    return advice


Action = Annotated[Literal["list", "get", "verify"], typer.Argument(help="list, get or verify.")]


@verb("dry_run")
def weights(
    shared: Shared,
    action: Action = "list",
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Which weights; default: all.")
    ] = None,
) -> Outcome:
    """Pretrained weights: list which are here, get them (pinned sha256), verify their bytes."""
    known = {row.name: row for row in known_weights()}
    unknown = sorted(set(names or []) - known.keys())
    if unknown:
        raise UsageError(f"no weights {unknown[0]!r}", f"choose one of {', '.join(known)}")
    chosen = [known[name] for name in names or known]
    if action == "list":
        return Outcome(
            {"weights": {row.name: row.present for row in chosen}},
            [
                logs.line(
                    f"{row.name:20} ",
                    _presence(row.present),
                    f" {row.megabytes:6.1f} MB  {row.what} ({row.licence})",
                    f"; {row.cure}" if row.by_hand and not row.present else "",
                )
                for row in chosen
            ],
        )
    if shared.dry_run:
        values = {"names": [row.name for row in chosen]}
        return would(f"weights {action}", values, *(f"would {action} {row.name}" for row in chosen))
    if action == "get":
        from limbeck.percept import get_weights

        # what a person must bring is no failure of "get all"
        wanted = [row for row in chosen if names or row.present or not row.by_hand]
        got = {row.name: str(get_weights(row.name)) for row in wanted}
        left = [f"{row.name}: absent; {row.cure}" for row in chosen if row not in wanted]
        return Outcome({"weights": got}, [*(f"{n}: {path}" for n, path in got.items()), *left])
    from limbeck.percept import verify_weights

    checked = [row.name for row in chosen if row.present or names]
    for name in checked:
        verify_weights(name)
    return Outcome({"verified": checked}, [f"{name}: as pinned" for name in checked])
