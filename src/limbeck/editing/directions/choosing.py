"""Of many candidates the strongest that differ from one another."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from limbeck import logs
from limbeck.editing.directions.candidates import Candidate
from limbeck.editing.directions.effects import Measured, Observer
from limbeck.editing.directions.settings import Method

SAME_SHIFT, SAME_CHANGE = 0.9, 0.4
"""Directions are the same where the cosine of their shifts, or of the changes of LPIPS embeddings
that they make (mean over base images), is more than this, whatever its sign. Changes by components
that have nothing to do with one another have -0.3 to 0.3 (docs/measurements.md)."""
_SPARE = 1.5  # so many times the count are measured in full
_FEW = 4  # base images on which the others are tried, at three strengths


def rank_of(method: Method) -> Callable[[Measured], float]:
    """By what directions of a method are ranked: effect, and for channels local effect."""
    if method == "stylespace":
        return lambda one: one.effects.local
    return lambda one: one.effects.lpips_per_unit


def strongest(
    observer: Observer,
    candidates: Sequence[Candidate],
    bases: Tensor,
    count: int,
    strengths: Sequence[float],
) -> tuple[list[Measured], int]:
    """The `count` strongest directions, no two alike, the strongest first.

    All are tried on few images; of the best that differ half as many again as wanted are measured
    on all base images.

    Args:
        observer: measures.
        candidates: of one method and mode.
        bases: float32 [B, num_ws, w_dim].
        count: wanted.
        strengths: as `Observer.measure`.

    Returns:
        Them, and how many stronger ones were left out because another one does the same.
    """
    rank = rank_of(candidates[0].method)
    few, spare = bases[:_FEW].contiguous(), math.ceil(_SPARE * count)
    similar = 0
    if len(candidates) > spare:
        shown = logs.track(candidates, "trying directions", len(candidates), "directions")
        ends = (strengths[1], 0.0, strengths[-2])
        tried = [observer.measure(candidate, few, ends) for candidate in shown]
        best, similar = _unlike(sorted(tried, key=rank, reverse=True), spare)
        candidates = [one.candidate for one in best]
    shown = logs.track(candidates, "measuring directions", len(candidates), "directions")
    measured = [observer.measure(candidate, bases, strengths) for candidate in shown]
    kept, more = _unlike(sorted(measured, key=rank, reverse=True), count)
    return kept, similar + more


def _unlike(ordered: Sequence[Measured], count: int) -> tuple[list[Measured], int]:
    """The first `count` of which no two are alike, and how many were passed over for that."""
    kept: list[Measured] = []
    similar = 0
    for one in ordered:
        if len(kept) == count:
            break
        if any(alike(one, other) for other in kept):
            similar += 1
        else:
            kept.append(one)
    return kept, similar


def alike(a: Measured, b: Measured) -> bool:
    """Whether two directions do the same; see `SAME_SHIFT`. Those of two labels never do: whoever
    gave both wants both."""
    labels = [one.candidate.label for one in (a, b) if one.candidate.label is not None]
    if len({(label.column, label.value) for label in labels}) > 1:
        return False
    first, second = a.candidate.direction.shift, b.candidate.direction.shift
    if first is not None and second is not None:
        cosine = torch.cosine_similarity(first.flatten(), second.flatten(), 0)
        if abs(float(cosine)) > SAME_SHIFT:
            return True
    return abs(float((a.change * b.change).sum(1).mean())) > SAME_CHANGE
