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
_LOOKS = 1  # how often the frames that seem right are looked at
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
    first between samples that lie equally apart in t, then also between the frames that seem right
    by these, so that samples lie densest where images change fastest.

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
    times = [_grid(min(max(_LEAST, share), _MOST)) for share in shares]
    total = sum(map(len, times)) + _LOOKS * (steps - len(legs))
    shown = logs.working("measuring the way", total, "images") if progress else nullcontext()
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

        looks = [look(leg, t) for leg, t in zip(legs, times, strict=True)]
        for again in reversed(range(_LOOKS + 1)):
            shares, paces = _shared(times, [squares_of(one) for one in looks], shares, steps)
            for number, (leg, pace) in enumerate(zip(legs, paces, strict=True)):
                t = pace(_grid(min(shares[number], _MOST)))[1:-1]
                if again and len(t):
                    times[number], order = torch.cat([times[number], t]).sort()
                    where = order.to(looks[number].device)
                    looks[number] = torch.cat([looks[number], look(leg, t)])[where]
    return shares, paces


def _grid(steps: int) -> Tensor:
    return torch.arange(steps + 1, dtype=torch.float64) / steps


def _shared(
    times: Sequence[Tensor], squared: Sequence[Tensor], shares: list[int], steps: int
) -> tuple[list[int], list[Pace]]:
    """Steps shared out by the lengths that legs have when they are walked in as many steps."""
    for _ in range(_ROUNDS):
        found = list(_each(times, squared, shares))
        again = allot([length for _, length in found], steps)
        if again == shares:
            break
        shares = again
    return shares, [pace for pace, _ in _each(times, squared, shares)]


def _each(
    times: Sequence[Tensor], squared: Sequence[Tensor], shares: Sequence[int]
) -> Iterator[tuple[Pace, float]]:
    for known, squares, share in zip(times, squared, shares, strict=True):
        yield even_pace(known, squares, share)
