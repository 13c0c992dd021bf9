"""Candidates for directions of all methods, and which layers of a generator read which w."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from limbeck.editing.directions.ground import Ground
from limbeck.editing.directions.records import LabelFacts
from limbeck.editing.directions.settings import Method
from limbeck.editing.layers import layers_named
from limbeck.editing.steering import Direction, affines
from limbeck.nets import AnyGenerator, RGBLayer, ToRGB


@dataclass(frozen=True, eq=False)
class Candidate:
    """A direction that a method proposes, before anything was drawn with it.

    Attributes:
        direction: what it does.
        method: that found it.
        range: name of the layers that it changes.
        layers: them, by number.
        mode: in which it was found; None = among all images.
        explained: share of the variance of w along it, 0 to 1; None for channels.
        label: what it was learned from; None for other methods.
    """

    direction: Direction
    method: Method
    range: str
    layers: tuple[int, ...]
    mode: int | None
    explained: float | None = None
    label: LabelFacts | None = None


def name_of(method: Method, mode: int | None, *parts: str) -> str:
    """The id of a direction, e.g. `pca-mode03-coarse-00`; no `:`, `=` or `,` is in it."""
    where = [] if mode is None else [f"mode{mode:02d}"]
    return "-".join([method, *where, *parts]).translate(str.maketrans(",:= ", "+___"))


def shifted(G: AnyGenerator, v: Tensor, layers: Sequence[int]) -> Tensor:
    """float [w_dim] -> float32 [num_ws, w_dim] on the CPU: v in these layers, 0 in the others."""
    shift = torch.zeros(G.num_ws, len(v))
    shift[list(layers)] = v.detach().float().cpu()
    return shift


def along(
    G: AnyGenerator, ground: Ground, method: Method, name: str, number: str, v: Tensor,
    label: LabelFacts | None = None,
) -> Candidate:  # fmt: skip
    """The candidate that shifts w by one standard deviation along a unit vector [w_dim]."""
    layers = layers_named(name, G.num_ws)
    shift = shifted(G, v * ground.spread(v), layers)
    direction = Direction(name_of(method, ground.mode, name, number), shift)
    return Candidate(direction, method, name, layers, ground.mode, ground.explained(v), label)


def signed(v: Tensor) -> Tensor:
    """v or -v: the one whose largest number is positive, as eigenvectors have no sign."""
    return v if float(v[v.abs().argmax()]) > 0 else -v


@torch.no_grad()
def layers_read(G: AnyGenerator) -> dict[str, int]:
    """Layer name (as `affines` has it) -> number of the w that it reads; found by drawing once.

    In StyleGAN2 a block's RGB shares its w with the next block's first convolution.
    """
    seen: dict[str, int] = {}

    def noting(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen[name] = round(float(inputs[0][0, 0]))

        return note

    handles = [each.register_forward_pre_hook(noting(name)) for name, each in affines(G).items()]
    w_avg = G.mapping.w_avg
    numbers = torch.arange(G.num_ws, dtype=torch.float32, device=w_avg.device)
    try:
        G.synthesis(numbers[None, :, None].expand(1, -1, len(w_avg)).contiguous(), noise="none")
    finally:
        for handle in handles:
            handle.remove()
    return seen


def is_rgb(layer: nn.Module) -> bool:
    """Whether a layer makes colours of feature maps, and so no maps for later layers."""
    return isinstance(layer, ToRGB | RGBLayer)
