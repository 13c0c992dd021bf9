"""Drawing latents that were changed: a direction in w, or in one channel of a layer's style."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from limbeck.errors import UsageError
from limbeck.kit.rng import Draws
from limbeck.latents import NoiseKind
from limbeck.nets import AnyGenerator

_AFFINE = ".affine"


@dataclass(frozen=True)
class Channel:
    """One number of a layer's style, by which a feature map is scaled (StyleSpace, section 3).

    Attributes:
        layer: name of the layer in the generator, e.g. `synthesis.b16.conv1`.
        index: of the channel.
        unit: what strength 1 adds to it; one standard deviation over drawn images.
    """

    layer: str
    index: int
    unit: float


@dataclass(frozen=True, eq=False)
class Direction:
    """A way in which images can be changed: of all w, or of one channel of one style.

    Attributes:
        id: unique among the directions found together, e.g. `pca-coarse-02`.
        shift: float32 [num_ws, w_dim], what strength 1 adds to the ws; None for a channel.
        channel: the channel; None for a shift.
    """

    id: str
    shift: Tensor | None = None
    channel: Channel | None = None

    def __post_init__(self) -> None:
        if (self.shift is None) == (self.channel is None):
            raise UsageError(
                f"direction {self.id!r} has {'both' if self.shift is not None else 'neither'} of "
                "shift and channel",
                "give one of them",
            )


Strength: TypeAlias = float | Tensor
"""How far to go along a direction: one number, or float [N], one for each image."""
Move: TypeAlias = tuple[Direction, Strength]


def check_strengths(moves: Sequence[Move], count: int) -> None:
    """Whether moves are directions with finite strengths for so many images.

    Raises:
        UsageError: they are not.
    """
    for move in moves:
        if not isinstance(move, tuple) or len(move) != 2 or not isinstance(move[0], Direction):
            raise UsageError(
                f"a move of type {type(move).__name__}", "give pairs (direction, strength)"
            )
        direction, strength = move
        if isinstance(strength, Tensor):
            fits = strength.shape in ((), (count,)) and bool(torch.isfinite(strength).all())
        else:
            fits = isinstance(strength, Real) and math.isfinite(strength)
        if not fits:
            shape = list(strength.shape) if isinstance(strength, Tensor) else strength
            raise UsageError(
                f"strength {shape!r} of {direction.id!r} for {count} images",
                "give a finite number, or a tensor of as many as there are images",
            )


def affines(G: AnyGenerator) -> dict[str, nn.Module]:
    """The layers that make styles of w, by the name of the layer that they belong to."""
    named = G.named_modules()
    return {name[: -len(_AFFINE)]: each for name, each in named if name.endswith(_AFFINE)}


def moved(G: AnyGenerator, ws: Tensor, moves: Sequence[Move]) -> Tensor:
    """The latents after all shifts among the moves.

    Args:
        G: the generator.
        ws: float32 [N, num_ws, w_dim].
        moves: directions and strengths.

    Raises:
        UsageError: a direction of another generator.
    """
    for direction, strength in moves:
        if direction.shift is None:
            continue
        if direction.shift.shape != ws.shape[1:]:
            raise UsageError(
                f"direction {direction.id!r} has the shape {list(direction.shift.shape)}, latents "
                f"of this generator {list(ws.shape[1:])}",
                "give directions that were found in this generator",
            )
        amount = torch.as_tensor(strength, dtype=ws.dtype, device=ws.device)
        ws = ws + amount.view(-1, 1, 1) * direction.shift.to(ws)
    return ws


def steered(
    G: AnyGenerator,
    ws: Tensor,
    moves: Sequence[Move],
    *,
    noise: NoiseKind = "const",
    rng: Draws | None = None,
) -> Tensor:
    """Images of latents after moves: float32 [N, 3, S, S], about [-1, 1], with gradients if asked.

    Args:
        G: the generator.
        ws: float32 [N, num_ws, w_dim].
        moves: directions and strengths; none draws the latents as they are.
        noise: as synthesis takes it.
        rng: source of random noise.

    Raises:
        UsageError: a direction of another generator.
    """
    with style_changes(G, [(d.channel, s) for d, s in moves if d.channel is not None]):
        picture: Tensor = G.synthesis(moved(G, ws, moves), noise=noise, rng=rng)
        return picture


@contextmanager
def style_changes(G: AnyGenerator, changes: Sequence[tuple[Channel, Strength]]) -> Iterator[None]:
    """Inside, styles of these channels are changed by strength x unit, whoever draws.

    Raises:
        UsageError: a channel that this generator does not have.
    """
    known = affines(G)
    by_layer: dict[str, list[tuple[Channel, Strength]]] = defaultdict(list)
    for channel, strength in changes:
        weight = getattr(known.get(channel.layer), "weight", None)
        if weight is None or not 0 <= channel.index < len(weight):
            raise UsageError(
                f"this generator has no style channel {channel.layer} {channel.index}",
                "give directions that were found in this generator",
            )
        by_layer[channel.layer].append((channel, strength))
    handles: list[RemovableHandle] = []
    try:
        for layer, wanted in by_layer.items():
            handles.append(known[layer].register_forward_hook(_changing(wanted)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _changing(wanted: Sequence[tuple[Channel, Strength]]) -> Any:
    """A hook that changes channels of a layer's styles [N, C]."""

    def change(_: nn.Module, __: tuple[Tensor, ...], styles: Tensor) -> Tensor:
        styles = styles.clone()
        for channel, strength in wanted:
            styles[:, channel.index] += torch.as_tensor(strength).to(styles) * channel.unit
        return styles

    return change
