"""From a model to a graph of torch.export, with any number of images at once."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from limbeck.config import Truncation
from limbeck.model import Pipeline
from limbeck.nets import AnyGenerator, Layer, prepare
from limbeck.percept import LPIPS
from limbeck.portable.program import Program, own_rule

MOST_IMAGES = 2**20
"""Of one call; a bound that the graph states."""


@contextmanager
def quiet() -> Iterator[None]:
    """Without what exporters say about their own insides (e.g. that torchvision is absent)."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def program_of(model: Pipeline, truncation: Truncation | None = None) -> Program:
    """The model as one function; see `Program`.

    Args:
        model: on the CPU, in float32.
        truncation: what `mode` -1 asks for; default: multimodal-lpips, or global without modes.

    Raises:
        UsageError: as `own_rule`.
    """
    rule = own_rule(model.modes, truncation)
    lpips = LPIPS.load("alex") if rule == "multimodal-lpips" else None
    program = Program(model.config, _slim(model.G_ema), model.modes, rule, lpips)
    return program.eval().requires_grad_(False)


def _slim(G: AnyGenerator) -> AnyGenerator:
    """A copy that holds each weight once: as convolutions use it (see `nets.prepare`)."""
    G = copy.deepcopy(G)
    prepare(G, torch.float32)
    for layer in G.modules():
        if isinstance(layer, Layer) and layer.modulated:
            layer.weight = nn.Parameter(torch.empty(0))
        elif isinstance(layer, Layer):
            layer.ready = layer.norms = None
    return G


def trace(program: Program) -> ExportedProgram:
    """Record what the program does; half a minute, whatever the size of the images."""
    count = Dim("N", min=1, max=MOST_IMAGES)
    given = program.example()
    with quiet(), torch.no_grad():
        return torch.export.export(
            program, tuple(given.values()),
            dynamic_shapes={name: {0: count} for name in given},
        )  # fmt: skip
