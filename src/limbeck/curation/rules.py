"""Keep rules as pure functions on arrays: how many photos go on, and which."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.stats import norm

from limbeck.artefacts.keep import GUTTED
from limbeck.kit.tables import Column
from limbeck.metrics import log_scores, ordinary

"""A mode is gutted where its kept share is below this part of the kept share of all photos."""


class Cut(NamedTuple):
    """Where the shape of a column says to cut.

    `share` is kept, `asked` is the share before the limits. `decided_by`: the "shape" itself; the
    "clamp", where the shape asked for a share outside the limits; "no cut": nothing stands out.
    """

    share: float
    decided_by: Literal["shape", "clamp", "no cut"]
    asked: float


def find_cut(values: Column, least: float = 0.6, most: float = 0.95) -> Cut:
    """The share of photos to keep, read off the column's own shape (an empirical null, Efron 2004).

    1. u = the logarithm of a column without negative values (`log_scores`: distances, and Fisher's
       sum of their log p-values, which go together, are close to log-normal), else the column.
    2. Ordinary photos are taken to be normal, with m, s from the lower half of u (`ordinary`).
    3. Fdr(t) = (1 - Phi((t - m) / s)) / (#{u >= t} / N): the share of ordinary photos expected at
       or above t. From the smallest t > m with Fdr(t) <= 1/2 on, photos are dropped: at least half
       of them are odd. The result is clamped to [least, most].

    On normal mixtures with 5, 10, 20, 30 % outliers at four standard deviations it keeps 92, 86,
    75, 67 %: somewhat more is dropped than is odd. Without outliers it keeps `most`; photos that
    all have the same score are all kept.

    Args:
        values: [N], higher = more likely an outlier.
        least, most: limits of the share (0.6 and 0.95 by default).
    """
    count = len(values)
    if not count or values.min() == values.max():
        return Cut(1.0, "no cut", 1.0)
    u = np.sort(log_scores(values) if values.min() >= 0 else values)
    mean, spread = ordinary(u)
    if spread <= 0:
        return Cut(most, "no cut", 1.0)
    above = (count - np.searchsorted(u, u, side="left")) / count
    odd = np.flatnonzero((norm.sf((u - mean) / spread) <= 0.5 * above) & (u > mean))
    if not len(odd):
        return Cut(most, "no cut", 1.0)
    asked = float(odd[0]) / count
    share = float(np.clip(asked, least, most))
    return Cut(share, "shape" if share == asked else "clamp", asked)


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
