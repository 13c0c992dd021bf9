"""Keep rules as pure functions on arrays: how many photos go on, and which."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck.artefacts.keep import GUTTED
from limbeck.curation.mixture import fit_mixture
from limbeck.kit.tables import Column
from limbeck.metrics import standardised

Flags = NDArray[np.bool_]

_FEWEST = 20  # photos below which no shape is read
LIKELY, SURE, CLEAR = 0.1, 0.9, 0.4
GAIN = 1.5
"""Log likelihood that a group of outliers must be worth: this times log N (BIC, Schwarz 1978: three
parameters)."""


class Cut(NamedTuple):
    """Where the shape of a column says to cut.

    `share` is kept, `asked` is the share before the limits. `decided_by`: the "shape" itself; the
    "clamp", where the shape asked for a share outside the limits; "no cut": nothing stands out.
    `low` and `high`: the shares of photos that are outliers with a probability above 0.9 and above
    0.1; between them lie the photos of which the shape is not sure.
    """

    share: float
    decided_by: Literal["shape", "clamp", "no cut"]
    asked: float
    low: float = 0.0
    high: float = 0.0


def find_cut(values: Column, least: float = 0.4, most: float = 1.0, outliers: float = 0.0) -> Cut:
    """The share of photos to keep, read off the column's own shape (Efron 2004: a local fdr).

    1. u = the column in standard deviations of its lower half (`standardised`; of a column without
       negative values the logarithm).
    2. A mixture of ordinary photos, skew-normal, and outliers at least two of their standard
       deviations further up (`fit_mixture`). Where the second group is worth less than 1.5 log N in
       log likelihood, there is none, and all photos are kept.
    3. Dropped is what is an outlier with a probability above 1/2; but where fewer than `CLEAR` of
       these are above 0.9, the groups are not apart, the second is the first one's tail, and only
       what is above 0.9 is dropped (unless it is known that there are `outliers`). The share is
       clamped to [least, most].

    Args:
        values: [N], higher = more likely an outlier.
        least, most: limits of the share kept.
        outliers: the smallest share of outliers that the mixture may find, where it is known.
    """
    count = len(values)
    u = standardised(values, np.inf)
    if count < _FEWEST or not float(np.ptp(u)) > 0:
        return Cut(min(1.0, most) if count and values.min() < values.max() else 1.0, "no cut", 1.0)
    fitted = fit_mixture(u, outliers)
    probability = fitted.outlier(u)
    if fitted.gain < GAIN * np.log(count) or not (probability > 0.5).any():
        return Cut(most, "no cut", 1.0)
    low, dropped, high = (float((probability > p).mean()) for p in (SURE, 0.5, LIKELY))
    if not outliers and low < CLEAR * dropped:
        dropped = low
    share = float(np.clip(1 - dropped, least, most))
    return Cut(share, "shape" if share == 1 - dropped else "clamp", 1 - dropped, low, high)


def order(values: Column, ids: Sequence[str]) -> list[int]:
    """Row numbers from the most ordinary to the oddest; equal scores go by id."""
    return sorted(range(len(ids)), key=lambda row: (values[row], ids[row]))


def keep_lowest(values: Column, ids: Sequence[str], count: int) -> np.ndarray:
    """bool [N]: the `count` lowest, ties by id."""
    kept = np.zeros(len(ids), dtype=bool)
    kept[order(values, ids)[:count]] = True
    return kept


def share_count(share: float, total: int) -> int:
    """How many of `total` a share keeps: rounded half up, at least one of a non-empty set."""
    return min(max(int(np.floor(share * total + 0.5)), min(total, 1)), total)


def quotas(count: int, sizes: Mapping[int, int]) -> dict[int, int]:
    """Share `count` out in proportion to the modes' sizes (largest remainder, ties by mode).

    The quotas add up to `count` exactly, and none exceeds its mode.
    """
    total = sum(sizes.values())
    exact = {mode: count * size / total for mode, size in sizes.items()}
    result = {mode: int(np.floor(value)) for mode, value in exact.items()}
    by_remainder = sorted(exact, key=lambda mode: (result[mode] - exact[mode], mode))
    for mode in by_remainder[: count - sum(result.values())]:
        result[mode] += 1
    return result


def odd_modes(values: Column, modes: Sequence[int], count: int) -> set[int]:
    """Modes that are clusters of odd photos: a quota would save them, so they get none.

    With t the `count`-th lowest score, a mode of whose photos less than half as many lie at or
    below t as of all photos (and that the keep rule calls gutted).
    """
    below = values <= np.sort(values)[count - 1] if count else np.ones(len(values), dtype=bool)
    overall = float(below.mean()) if len(below) else 1.0
    return {m for m, share in kept_shares(below, modes).items() if share < GUTTED * overall}


def keep_per_mode(
    values: Column, ids: Sequence[str], modes: Sequence[int], count: int
) -> np.ndarray:
    """bool [N]: `count` photos in all, the lowest scores of each mode.

    Every mode keeps the same share, so that a rare kind of photo is not judged by the common ones;
    but in `odd_modes` only what one cut for all would keep.
    """
    everywhere = keep_lowest(values, ids, count)
    numbers = np.asarray(modes)
    odd = odd_modes(values, modes, count)
    kept = everywhere & np.isin(numbers, sorted(odd))
    sizes = {int(m): int((numbers == m).sum()) for m in np.unique(numbers) if int(m) not in odd}
    rows_by_order = np.array(order(values, ids), dtype=np.int64)
    for mode, quota in quotas(count - int(kept.sum()), sizes).items() if sizes else ():
        kept[rows_by_order[numbers[rows_by_order] == mode][:quota]] = True
    return kept


def kept_shares(kept: np.ndarray, modes: Sequence[int]) -> dict[int, float]:
    """mode -> share of its photos that are kept."""
    numbers = np.asarray(modes)
    return {int(mode): float(kept[numbers == mode].mean()) for mode in np.unique(numbers)}
