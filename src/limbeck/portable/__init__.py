"""Models as programs of other runtimes: one graph from latents to images; or as a page."""

from limbeck.portable.facts import facts_of as facts_of
from limbeck.portable.onnx_file import TOLERANCE as TOLERANCE
from limbeck.portable.onnx_file import require_onnx as require_onnx
from limbeck.portable.onnx_file import save_onnx as save_onnx
from limbeck.portable.onnx_file import write_onnx as write_onnx
from limbeck.portable.program import Program as Program
from limbeck.portable.program import own_rule as own_rule
from limbeck.portable.space import write_space as write_space
from limbeck.portable.torch_export import FACTS as FACTS
from limbeck.portable.torch_export import save_torch_export as save_torch_export
from limbeck.portable.torch_export import write_torch_export as write_torch_export
from limbeck.portable.tracing import program_of as program_of
from limbeck.portable.tracing import trace as trace

__all__ = [
    "FACTS",
    "TOLERANCE",
    "Program",
    "facts_of",
    "own_rule",
    "program_of",
    "require_onnx",
    "save_onnx",
    "save_torch_export",
    "trace",
    "write_onnx",
    "write_space",
    "write_torch_export",
]
