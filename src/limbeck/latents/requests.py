"""What a caller may ask of a generator: seeds and strengths, checked before drawing."""

import math
import re
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal, TypeGuard, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from limbeck.errors import UsageError

MOST_SEED = 2**63 - 1
"""The largest seed."""
_RANGE = re.compile(r"([0-9]{1,40})(?:-([0-9]{1,40}))?")
_MOST_SEEDS = 1_000_000

Seeds = int | Sequence[int] | Tensor | NDArray[Any]
"""One seed, or many; tensors and arrays must hold whole numbers."""


def is_whole(value: object) -> TypeGuard[int]:
    """Whether it is an integer, of Python or numpy; True and 1.0 are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_seeds(seeds: Seeds) -> list[int]:
    """The seeds as plain integers, so that an array's numbers draw what a list's do.

    Args:
        seeds: one whole number, or a sequence, tensor [N] or array [N] of them.

    Raises:
        UsageError: something that is no whole number from 0 to 2**63 - 1.
    """
    how = "give whole numbers from 0 to 2**63 - 1, e.g. 5, [1, 2] or range(8)"
    given: object = seeds.tolist() if isinstance(seeds, Tensor | np.ndarray) else seeds
    values = [given] if isinstance(given, Real) else given
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise UsageError(f"seeds {_short(seeds)} of type {type(seeds).__name__}", how)
    for place, value in enumerate(values):
        where = f" at place {place}" if len(values) > 1 else ""
        if not is_whole(value):
            raise UsageError(f"seed {_short(value)}{where} is no whole number", how)
        if not 0 <= value <= MOST_SEED:
            raise UsageError(f"seed {_short(value)}{where} is out of range", how)
    return [int(value) for value in values]


def parse_seeds(text: str) -> list[int]:
    """`"0-7,42"` -> [0, 1, ..., 7, 42]; both ends of a range count, order and repeats are kept.

    Raises:
        UsageError: another form, a range that runs backwards, a seed beyond 2**63 - 1, or more than
            a million seeds.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise UsageError(
                f"seeds {text!r}: {part!r} is no seed or range",
                "write whole numbers from 0 on and ranges of them, e.g. 0-7,42",
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"seeds {text!r}: {part!r} runs backwards", f"write {last}-{first}")
        if len(seeds) + last - first >= _MOST_SEEDS:
            raise UsageError(f"seeds {text!r}: more than {_MOST_SEEDS:,} seeds", "draw in parts")
        seeds += range(first, last + 1)
    return check_seeds(seeds)


Psi = float | Sequence[float]
"""Strength of truncation: one, or one for each layer of the generator."""


def layered_psi(psi: Psi, num_ws: int, cutoff: int | None = None) -> Psi:
    """The strength of each layer, where layers differ.

    Args:
        psi: one strength, or `num_ws`.
        num_ws: layers of the generator.
        cutoff: how many layers, from the first on, are truncated; the others have strength 1
            (StyleGAN, appendix B). None = all.

    Raises:
        UsageError: not as many strengths as layers; a cut-off that is no number of layers.
    """
    if cutoff is not None and (not is_whole(cutoff) or not 0 <= cutoff <= num_ws):
        raise UsageError(
            f"cut-off {_short(cutoff)} is no number of layers",
            f"this generator has {num_ws} layers: give 0 (none truncated) to {num_ws} (all)",
        )
    if isinstance(psi, str) or not isinstance(psi, Sequence):
        one = check_psi(psi)
        if cutoff is None or cutoff == num_ws:
            return one
        return [one] * cutoff + [1.0] * (num_ws - cutoff)
    if len(psi) != num_ws:
        raise UsageError(
            f"psi {_short(psi)} has {len(psi)} strengths, this generator {num_ws} layers",
            "give one strength, or one for each layer",
        )
    each = [check_psi(value) for value in psi]
    return each if cutoff is None else each[:cutoff] + [1.0] * (num_ws - cutoff)


def check_psi(psi: float) -> float:
    """psi as a float; outside 0..1 is allowed.

    Raises:
        UsageError: not a finite number.
    """
    if isinstance(psi, bool) or not isinstance(psi, Real) or not math.isfinite(psi):
        raise UsageError(f"psi {_short(psi)} is no finite number", "give 0 to 1, e.g. 0.7")
    return float(psi)


def check_batch(batch: int) -> int:
    """Images at once.

    Raises:
        UsageError: not a whole number from 1 on.
    """
    if not is_whole(batch) or batch < 1:
        raise UsageError(f"batch {_short(batch)}", "give a whole number from 1 on")
    return int(batch)


NoiseKind = Literal["const", "random", "none"]


def check_noise(noise: str) -> None:
    """Kind of noise.

    Raises:
        UsageError: none of `NoiseKind`.
    """
    if noise not in get_args(NoiseKind):
        raise UsageError(f"no noise {_short(noise)}", f"give {', '.join(get_args(NoiseKind))}")


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{text[:37]}..."
