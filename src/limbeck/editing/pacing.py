"""When a walk is where: how many frames a leg gets, and where on it each of them is taken."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from limbeck.errors import UsageError

Easing = Literal["linear", "smooth"]
"""`linear`: one speed; `smooth`: slow near the stops, by 3 u^2 - 2 u^3."""
_ROUNDS = 20  # of setting times by chords
_WIDTH = 4096  # columns in double precision at once
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


def even_pace(known: Tensor, squares: Tensor, steps: int) -> tuple[Pace, float]:
    """Walk so that neighbours among `steps` + 1 frames differ equally.

    What counts is the distance of neighbours, not the length of the way between them, which may
    bend: times are set by the lengths of the chords, again and again until these are equal.
    Between samples, embeddings are taken to change in a line.

    Args:
        known: float64 [m], t of samples of the way, ascending from 0 to 1.
        squares: float64 [m, m], squared distances of their embeddings (see `squares_of`).
        steps: how many.

    Returns:
        The pace, and the sum of the chords.
    """
    shares = torch.arange(steps + 1, dtype=torch.float64) / steps
    best, times = shares, shares
    found, least = _chords(known, squares, shares), torch.inf
    for _ in range(_ROUNDS):
        chords = _chords(known, squares, times)
        if float(chords.max()) < least:
            best, found, least = times, chords, float(chords.max())
        if not float(chords.sum()) > 0:
            break
        covered = torch.cat([chords.new_zeros(1), chords.cumsum(0)]) / chords.sum()
        times = _between(shares, covered, times)
        times[-1] = 1.0
    return lambda share: _between(share.double(), shares, best), float(found.sum())


def squares_of(embedded: Tensor) -> Tensor:
    """Float [m, D] -> squared distances of the rows, float64 [m, m] on the CPU."""
    products = torch.zeros(len(embedded), len(embedded), dtype=torch.float64)
    for part in torch.split(embedded - embedded.mean(0), _WIDTH, dim=1):
        columns = part.cpu().double()
        products += columns @ columns.T
    lengths = products.diagonal()
    return (lengths[:, None] + lengths - 2 * products).clamp_min_(0)


def _chords(known: Tensor, squares: Tensor, times: Tensor) -> Tensor:
    """Distances of embeddings at neighbouring times, float64 [n].

    At each time two samples are mixed, so neighbours differ by a sum of four samples x_i whose
    weights l_i add up to 0; its squared length is -1/2 sum l_i l_j |x_i - x_j|^2.
    """
    piece, share = _place(times, known)
    samples = torch.stack([piece[1:] - 1, piece[1:], piece[:-1] - 1, piece[:-1]], 1)
    weights = torch.stack([1 - share[1:], share[1:], share[:-1] - 1, -share[:-1]], 1)
    between = squares[samples[:, :, None], samples[:, None, :]]
    found = -0.5 * torch.einsum("ni,nij,nj->n", weights, between, weights)
    return found.clamp_min(0).sqrt()


def _between(x: Tensor, known: Tensor, values: Tensor) -> Tensor:
    """What lies over x, float64 [n], where `values` [m] lie over `known` [m], which ascend."""
    piece, share = _place(x, known)
    return torch.lerp(values[piece - 1], values[piece], share)


def _place(x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """The piece p of `known` that x lies in, from p - 1 to p, and how far in it."""
    piece = torch.searchsorted(known, x.contiguous(), right=True).clamp(1, len(known) - 1)
    start, end = known[piece - 1], known[piece]
    inside = torch.where(end > start, (x - start) / (end - start).clamp_min(1e-300), 0.0)
    return piece, inside.clamp(0, 1)
