"""Frames of a walk that differ equally to the eye."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from limbeck import logs
from limbeck.editing.legs import Leg
from limbeck.editing.pacing import Pace, allot, even_pace, squares_of
from limbeck.kit.images import resize_area
from limbeck.latents import SPACE_SIZE, HoldsGenerator, NoiseKind
from limbeck.percept import LPIPS

_LEAST, _MOST = 16, 256  # samples of a leg at once
_ROUNDS = 4  # of sharing out frames


@torch.no_grad()
def evened(
    networks: HoldsGenerator,
    legs: Sequence[Leg],
    steps: int,
    *,
    noise: NoiseKind = "const",
    batch: int = 16,
    progress: bool = False,
) -> tuple[list[int], list[Pace]]:
    """How many steps each leg gets, and its pace, for LPIPS between neighbours to be about equal.

    LPIPS is a squared distance, so its root is what adds up along a way. It is measured at 64 px:
    on each leg first between samples that lie equally apart in t, then also between those that seem
    equally far apart by these, so that samples lie densest where images change fastest. Of a leg
    only the samples' distances are kept.

    Args:
        networks: what draws.
        legs: the ways.
        steps: between frames, of all legs together.
        noise: as synthesis takes it.
        batch: images at once.
        progress: show how far it is.

    Raises:
        UsageError: fewer steps than legs.
    """
    embedder = LPIPS.load("alex").to(networks.G_ema.mapping.w_avg.device)
    shares = allot([1.0] * len(legs), steps)
    counts = [min(max(_LEAST, share), _MOST) for share in shares]
    total = sum(2 * count for count in counts)
    shown = logs.working("measuring the way", total, "images") if progress else nullcontext()
    known: list[Tensor] = []
    squares: list[Tensor] = []
    with shown as task:
        done = 0

        def look(leg: Leg, t: Tensor) -> Tensor:
            nonlocal done
            parts: list[Tensor] = []
            for some in torch.split(t, batch):
                pictures = leg.draw(networks, some, noise)
                parts.append(embedder.embed(resize_area(pictures, SPACE_SIZE)))
                done += len(some)
                if task is not None:
                    task.at(done)
            return torch.cat(parts)

        for leg, count in zip(legs, counts, strict=True):
            t = _grid(count)
            seen = look(leg, t)
            pace, _ = even_pace(t, squares_of(seen), count)
            more = pace(t)[1:-1]
            together, order = torch.cat([t, more]).sort()
            seen = torch.cat([seen, look(leg, more)])
            known.append(together)
            squares.append(squares_of(seen)[order][:, order])
    return _shared(known, squares, shares, steps)


def _grid(steps: int) -> Tensor:
    return torch.arange(steps + 1, dtype=torch.float64) / steps


def _shared(
    known: Sequence[Tensor], squares: Sequence[Tensor], shares: list[int], steps: int
) -> tuple[list[int], list[Pace]]:
    """Steps shared out by the lengths that legs have when they are walked in as many steps."""
    for _ in range(_ROUNDS):
        again = allot([length for _, length in _each(known, squares, shares)], steps)
        if again == shares:
            break
        shares = again
    return shares, [pace for pace, _ in _each(known, squares, shares)]


def _each(
    known: Sequence[Tensor], squares: Sequence[Tensor], shares: Sequence[int]
) -> Iterator[tuple[Pace, float]]:
    for t, apart, share in zip(known, squares, shares, strict=True):
        yield even_pace(t, apart, share)
