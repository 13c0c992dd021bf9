"""Some out of many, evenly chosen: always the same ones, without a random number."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def even_rows(total: int, count: int) -> NDArray[np.int64]:
    """At most `count` of the rows 0 to total - 1, ascending, from the first to the last."""
    return np.linspace(0, total - 1, num=min(count, total)).round().astype(np.int64)


def evenly(ids: Sequence[str], count: int) -> tuple[str, ...]:
    """At most `count` of them, in their order."""
    return tuple(ids[row] for row in even_rows(len(ids), count))
