"""Ways from one place in latent space to the next: t in [0, 1] -> latents."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

import torch
from torch import Tensor

from limbeck.editing.points import Point
from limbeck.errors import UsageError
from limbeck.latents import HoldsGenerator, Psi

Way: TypeAlias = Callable[[Tensor], Tensor]
"""t float64 [n] in [0, 1] -> ws float32 [n, num_ws, w_dim]; at 0 and 1 the ends, to the bit."""


def straight(a: Tensor, b: Tensor) -> Way:
    """The line between two ws [num_ws, w_dim]."""

    def way(t: Tensor) -> Tensor:
        s = t.to(a)[:, None, None]
        return torch.lerp(a.expand(len(t), -1, -1), b.expand(len(t), -1, -1), s)

    return way


def along(places: Sequence[Tensor]) -> tuple[Way, list[float]]:
    """The lines from place to place at one speed in W; equal neighbours are joined.

    Args:
        places: ws [num_ws, w_dim], at least one.

    Returns:
        The way, and t of each place.
    """
    lengths = [float((b - a).norm()) for a, b in pairwise(places)]
    whole = sum(lengths)
    if whole == 0:
        return straight(places[0], places[-1]), [0.0] * len(places)
    times = [0.0]
    for length in lengths:
        times.append(min(times[-1] + length / whole, 1.0))
    times[-1] = 1.0
    stacked = torch.stack(list(places))
    marks = torch.tensor(times, dtype=torch.float64)

    def way(t: Tensor) -> Tensor:
        t = t.double().cpu()
        piece = torch.searchsorted(marks, t, right=True).clamp(1, len(places) - 1)
        start, end = marks[piece - 1], marks[piece]
        s = torch.where(end > start, (t - start) / (end - start).clamp_min(1e-300), t).clamp(0, 1)
        where = piece.to(stacked.device)
        return torch.lerp(stacked[where - 1], stacked[where], s.to(stacked)[:, None, None])

    return way, times


def through_z(networks: HoldsGenerator, a: Point, b: Point, psi: Psi) -> Way:
    """The great circle between the z of two seeds, mapped and truncated: psi M(z_t) + pull_t.

    A stop's truncated latents are psi w + (1 - psi) target. What its target adds, the pull
    (1 - psi) target, is interpolated in a line between the stops, so the target moves steadily
    from one stop's to the other's and nothing jumps where another mode comes nearest.

    Args:
        networks: whose mapping is used.
        a, b: seeds, with their z.
        psi: strength of truncation by which the stops were drawn.

    Raises:
        UsageError: a stop is no seed.
    """
    for point in (a, b):
        if point.z is None:
            raise UsageError(
                f"{point.name} is no seed: it has no z that a way could lead through",
                "name seeds alone, or go straight or through modes",
            )
    assert a.z is not None
    assert b.z is not None
    mapping = networks.G_ema.mapping
    strength = torch.as_tensor(psi, dtype=a.ws.dtype, device=a.ws.device).view(-1, 1)
    start, end = _unit(a.z.cpu().double()), _unit(b.z.cpu().double())
    angle = torch.arccos((start * end).mean().clamp(-1, 1))
    classes = _classes(networks, a, b)

    def mapped(t: Tensor) -> Tensor:
        if float(angle.sin()) < 1e-6:  # the same seed
            z = torch.lerp(start.expand(len(t), -1), end.expand(len(t), -1), t[:, None])
        else:
            z = ((1 - t) * angle).sin()[:, None] * start + (t * angle).sin()[:, None] * end
            z = z / angle.sin()
        known = None if classes is None else _unit(torch.lerp(*classes, t.to(a.ws)[:, None]))
        return strength * mapping.w_embedded(z.to(a.ws), known).float()[:, None]

    pulls = torch.stack([a.ws, b.ws]) - mapped(torch.tensor([0.0, 1.0], dtype=torch.float64))

    def way(t: Tensor) -> Tensor:
        t = t.cpu().double()
        at = t.to(a.ws)[:, None, None]
        first, last = (pull.expand(len(t), -1, -1) for pull in pulls)
        ws = mapped(t) + torch.lerp(first, last, at)
        return torch.where(at == 0, a.ws, torch.where(at == 1, b.ws, ws))

    return way


def _unit(x: Tensor) -> Tensor:
    """Rows scaled to a mean square of 1."""
    return x * x.square().mean(-1, keepdim=True).clamp_min(1e-12).rsqrt()


def _classes(networks: HoldsGenerator, a: Point, b: Point) -> tuple[Tensor, Tensor] | None:
    """What the mapping gets of the two seeds' classes [1, width]; None without classes."""
    if not networks.config.num_classes:
        return None
    mapping = networks.G_ema.mapping
    labels = torch.tensor([a.label or 0, b.label or 0], device=mapping.w_avg.device)
    known = mapping.embedded(labels).float()
    return known[:1], known[1:]
