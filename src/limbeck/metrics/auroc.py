"""How well a score separates outliers from the rest: AUROC, average precision, bootstrap."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from limbeck.kit.rng import derive_seed
from limbeck.kit.tables import Column

Flags = NDArray[np.bool_]


def auroc(values: Column, odd: Flags) -> float:
    """Chance that a random odd item has a higher value than a random ordinary one; ties count half.

    values [N], odd [N] -> [0, 1], or nan where one of the two groups is empty (Mann-Whitney U).
    """
    positive, negative = int(odd.sum()), int((~odd).sum())
    if not positive or not negative:
        return float("nan")
    ranks = np.asarray(rankdata(values))
    u = float(ranks[odd].sum()) - positive * (positive + 1) / 2
    return u / (positive * negative)


def average_precision(values: Column, odd: Flags) -> float:
    """Mean precision at the odd items, oddest first: sum over cuts of (R_n - R_{n-1}) P_n.

    Equal values make one cut; nan without odd items.
    """
    positive = int(odd.sum())
    if not positive:
        return float("nan")
    order = np.argsort(-values, kind="stable")
    cuts = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    hits = np.cumsum(odd[order])[cuts]
    return float((np.diff(hits, prepend=0) / positive * (hits / (cuts + 1))).sum())


def bootstrap_auroc(values: Column, odd: Flags, *, rounds: int, seed: int) -> float:
    """Standard deviation of the AUROC over `rounds` resamplings within each group."""
    if odd.all() or not odd.any():
        return float("nan")
    random = np.random.default_rng(derive_seed(seed, "bootstrap"))
    high, low = values[odd], values[~odd]
    flags = np.arange(len(values)) < len(high)
    found = [
        auroc(np.concatenate([random.choice(high, len(high)), random.choice(low, len(low))]), flags)
        for _ in range(rounds)
    ]
    return float(np.std(found, ddof=1)) if rounds > 1 else 0.0
