"""A model as one ONNX file: z, psi and mode in, images out, for onnxruntime and its like.

Made by PyTorch's exporter of recorded graphs (`torch.onnx.export(dynamo=True)`): the older one,
which traces TorchScript, is deprecated, fixes what depends on values, and has no branch for images
that need no look.
"""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.export import ExportedProgram

from limbeck import fsio
from limbeck.artefacts.new_file import check_file
from limbeck.config import Truncation
from limbeck.errors import DataError, UsageError
from limbeck.model import Pipeline
from limbeck.portable.facts import facts_of
from limbeck.portable.program import Program
from limbeck.portable.tracing import program_of, quiet, trace

if TYPE_CHECKING:
    import onnx_ir

OPSET = 20
OUTPUTS = ("images", "pixels", "modes")
TOLERANCE = 1e-4
"""How far an image of onnxruntime may be from PyTorch's, of a range of 2."""
_NEEDED = ("onnx", "onnx_ir", "onnxscript")
_LEAST = 256  # numbers of a tensor that is worth halving
_CHECKED = 4  # images
_MOST = 2**31  # bytes of a protobuf


def require_onnx() -> None:
    """Check that the packages are there which write ONNX.

    Raises:
        UsageError: names those that are absent.
    """
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        raise UsageError(
            f"export to onnx needs {' and '.join(absent)}", "pip install 'limbeck[onnx]'"
        )


def write_onnx(
    model: Pipeline, out: Path, *, truncation: Truncation | None = None, half: bool = False
) -> float | None:
    """Write mapping, truncation and synthesis as one ONNX file, and compare it with PyTorch.

    Inputs and results are those of `Program`; the file's metadata is `facts_of`. Constant noise.

    Args:
        model: on the CPU, in float32.
        out: a new file; it appears when it is whole and checked.
        truncation: what `mode` -1 asks for; default: multimodal-lpips, or global without modes.
            With another rule the file is smaller: LPIPS stays out.
        half: store weights in float16; they are computed with in float32.

    Returns:
        the largest difference between images of onnxruntime and PyTorch, or None where
        onnxruntime is not installed.

    Raises:
        UsageError: as `own_rule`; a package is absent.
        DataError: something lies at `out`; it cannot be written; the images differ by more than
            `TOLERANCE` (by more than 0.02 with `half`).
    """
    require_onnx()
    check_file(out, ".onnx")
    program = program_of(model, truncation)
    return save_onnx(trace(program), program, facts_of(model, program), out, half=half)


def save_onnx(
    traced: ExportedProgram, program: Program, facts: dict[str, str], out: Path, *, half: bool
) -> float | None:
    """Write what `trace` gave of `program`; as `write_onnx`."""
    import onnx_ir

    names = list(program.example())
    with quiet(), torch.no_grad():
        made = torch.onnx.export(
            traced, dynamo=True, opset_version=OPSET, verbose=False, input_names=names,
            output_names=list(OUTPUTS),
        )  # fmt: skip
    assert made is not None, "torch.onnx.export without a file gives a program"
    graph = _tidied(made.model)
    if half:
        _halve(graph.graph)
    graph.metadata_props.update(facts)
    graph.producer_name, graph.producer_version = "limbeck", facts["limbeck"]
    content = onnx_ir.to_proto(graph).SerializeToString()
    difference = _difference(content, program)
    limit = 0.02 if half else TOLERANCE
    if difference is not None and difference > limit:
        raise DataError(
            f"images of the ONNX graph differ from PyTorch's by {difference:.2g}, at most {limit} "
            "is allowed; nothing was written",
            "this is a fault of an exporter: please report the versions of torch and onnxscript",
        )
    with fsio.atomic_file(out) as temporary:
        temporary.write_bytes(content)
    return difference


def _tidied(model: "onnx_ir.Model") -> "onnx_ir.Model":
    """Without constants that nothing uses; those of the branch in the main graph."""
    from onnx_ir.passes import Sequential
    from onnx_ir.passes.common import (
        DeduplicateInitializersPass,
        LiftSubgraphInitializersToMainGraphPass,
        RemoveUnusedNodesPass,
    )

    tidy = Sequential(
        LiftSubgraphInitializersToMainGraphPass(),
        DeduplicateInitializersPass(size_limit=_MOST),
        RemoveUnusedNodesPass(),
    )
    return tidy(model).model


def _halve(graph: "onnx_ir.Graph") -> None:
    """Store large float32 constants in float16; a runtime casts them back once, when it loads."""
    import onnx_ir as ir

    first = graph[0]
    for name, value in list(graph.initializers.items()):
        tensor = value.const_value
        if tensor is None or tensor.dtype != ir.DataType.FLOAT or tensor.size < _LEAST:
            continue
        stored = ir.Value(
            name=f"{name}.half", shape=value.shape, type=ir.TensorType(ir.DataType.FLOAT16),
            const_value=ir.Tensor(tensor.numpy().astype("float16"), name=f"{name}.half"),
        )  # fmt: skip
        cast = ir.node("Cast", [stored], {"to": ir.DataType.FLOAT}, name=f"{name}.cast")
        whole = cast.outputs[0]
        whole.shape, whole.type = value.shape, value.type
        graph.insert_before(first, cast)
        value.replace_all_uses_with(whole)
        del graph.initializers[name]
        whole.name = name
        graph.register_initializer(stored)


def _difference(content: bytes, program: Program) -> float | None:
    """Largest difference between the images of both, over every kind of `mode`."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    given: dict[str, Any] = program.example(_CHECKED)
    worst = 0.0
    codes = [*program.known(), *([0] if program.targets is not None else [])]
    for code in codes:
        given["mode"] = torch.full((_CHECKED,), code)
        with torch.no_grad():
            wanted = program(**given)
        found = session.run(list(OUTPUTS), {name: one.numpy() for name, one in given.items()})
        if found[2].tolist() != wanted[2].tolist():
            return float("inf")  # another mode: another image
        worst = max(worst, float((wanted[0] - torch.from_numpy(found[0])).abs().max()))
    return worst
