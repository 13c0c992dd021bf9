"""A model as a program of torch.export (.pt2): PyTorch alone draws from it, without limbeck."""

import json
from pathlib import Path

import torch
from torch.export import ExportedProgram

from limbeck import fsio
from limbeck.artefacts.new_file import check_file
from limbeck.config import Truncation
from limbeck.model import Pipeline
from limbeck.portable.facts import facts_of
from limbeck.portable.tracing import program_of, quiet, trace

FACTS = "limbeck.json"
"""What the file says of itself, among its extra files."""


def write_torch_export(model: Pipeline, out: Path, *, truncation: Truncation | None = None) -> None:
    """Write a .pt2 file: `torch.export.load(FILE).module()` is called with z, psi, mode (, label).

    Inputs, results and metadata are those of `Program` and `facts_of`.

    Args:
        model: on the CPU, in float32.
        out: a new file; it appears when it is whole.
        truncation: what `mode` -1 asks for; default: multimodal-lpips, or global without modes.

    Raises:
        UsageError: as `own_rule`.
        DataError: something lies at `out`; it cannot be written.
    """
    check_file(out, ".pt2")
    program = program_of(model, truncation)
    save_torch_export(trace(program), facts_of(model, program), out)


def save_torch_export(traced: ExportedProgram, facts: dict[str, str], out: Path) -> None:
    """Write what `trace` gave, atomically.

    Raises:
        DataError: it cannot be written.
    """
    with fsio.atomic_file(out) as temporary, temporary.open("wb") as file, quiet():
        torch.export.save(traced, file, extra_files={FACTS: json.dumps(facts)})
