"""The ways of a walk as what is drawn on them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from limbeck.editing.steering import Direction, Move, steered
from limbeck.editing.ways import Way
from limbeck.latents import HoldsGenerator, NoiseKind


@dataclass(frozen=True, eq=False)
class Leg:
    """The way between two stops.

    Attributes:
        way: t -> latents.
        marks: t and name of what lies on it; its start first, its end not.
        swing: a direction and its strengths at t = 0 and 1, added to the latents; or None.
    """

    way: Way
    marks: tuple[tuple[float, str], ...]
    swing: tuple[Direction, float, float] | None = None

    def moves(self, t: Tensor) -> list[Move]:
        """What is added at t, float64 [n]."""
        if self.swing is None:
            return []
        direction, first, last = self.swing
        return [(direction, torch.lerp(torch.full_like(t, first), torch.full_like(t, last), t))]

    def draw(self, networks: HoldsGenerator, t: Tensor, noise: NoiseKind) -> Tensor:
        """Images float32 [n, 3, S, S] in [-1, 1] at t, float64 [n]."""
        drawn = steered(networks.G_ema, self.way(t), self.moves(t), noise=noise)
        return drawn.float().clamp(-1, 1)
