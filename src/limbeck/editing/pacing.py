"""When a walk is where: how many frames a leg gets, and where on it each of them is taken."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from limbeck.errors import UsageError

Easing = Literal["linear", "smooth"]
"""`linear`: one speed; `smooth`: slow near the stops, by 3 u^2 - 2 u^3."""
_ROUNDS = 20  # of setting times by chords
Pace: TypeAlias = Callable[[Tensor], Tensor]
"""Share of a leg's time, float64 [n] in [0, 1] -> t on its way, float64 [n]; 0 and 1 stay."""


def allot(lengths: Sequence[float], steps: int) -> list[int]:
    """Share out steps over legs by their lengths; each gets one at least.

    Raises:
        UsageError: fewer steps than legs.
    """
    if steps < len(lengths):
        raise UsageError(
            f"{len(lengths)} ways from stop to stop and only {steps} steps between frames",
            "ask for more frames (or seconds), or for fewer stops",
        )
    whole = sum(lengths)
    exact = [steps * one / whole if whole else steps / len(lengths) for one in lengths]
    found = [max(1, int(one)) for one in exact]
    while sum(found) != steps:
        sign = 1 if sum(found) < steps else -1
        able = [n for n in range(len(found)) if sign > 0 or found[n] > 1]
        found[max(able, key=lambda n: sign * (exact[n] - found[n]))] += sign
    return found


def eased(share: Tensor, easing: Easing) -> Tensor:
    """float64 [n] in [0, 1] -> the same, slow at both ends where that is asked for.

    Raises:
        UsageError: no such easing.
    """
    if easing == "linear":
        return share
    if easing == "smooth":
        return share * share * (3 - 2 * share)
    raise UsageError(f"no easing {easing!r}", "choose linear or smooth")


def even_pace(embedded: Tensor, steps: int) -> tuple[Pace, float]:
    """Walk so that neighbours among `steps` + 1 frames differ equally.

    What counts is the distance of neighbours, not the length of the way between them, which may
    bend: times are set by the lengths of the chords, again and again until these are equal.
    Between samples, embeddings are taken to change in a line.

    Args:
        embedded: float32 [m + 1, D], LPIPS embeddings (see `LPIPS.embed`) at m + 1 samples of the
            way that lie equally apart in t.
        steps: how many.

    Returns:
        The pace, and the sum of the chords.
    """
    shares = torch.arange(steps + 1, dtype=torch.float64) / steps
    best, times = shares, shares
    found, least = _chords(embedded, shares), torch.inf
    for _ in range(_ROUNDS):
        chords = _chords(embedded, times)
        if float(chords.max()) < least:
            best, found, least = times, chords, float(chords.max())
        if not float(chords.sum()) > 0:
            break
        covered = torch.cat([chords.new_zeros(1), chords.cumsum(0)]) / chords.sum()
        times = _between(shares, covered, times)
        times[-1] = 1.0
    return lambda share: _between(share.double(), shares, best), float(found.sum())


def _chords(embedded: Tensor, times: Tensor) -> Tensor:
    """Distances of embeddings at neighbouring times, float64 [n]."""
    place = times * (len(embedded) - 1)
    below = place.long().clamp(0, len(embedded) - 2)
    share = (place - below).to(embedded)[:, None]
    where = below.to(embedded.device)
    at = torch.lerp(embedded[where], embedded[where + 1], share)
    return torch.linalg.vector_norm(at[1:] - at[:-1], dim=1).double().cpu()


def _between(x: Tensor, known: Tensor, values: Tensor) -> Tensor:
    """What lies over x, float64 [n], where `values` [m] lie over `known` [m], which ascend."""
    piece = torch.searchsorted(known, x.contiguous(), right=True).clamp(1, len(known) - 1)
    start, end = known[piece - 1], known[piece]
    inside = torch.where(end > start, (x - start) / (end - start).clamp_min(1e-300), 0.0)
    return torch.lerp(values[piece - 1], values[piece], inside.clamp(0, 1))
