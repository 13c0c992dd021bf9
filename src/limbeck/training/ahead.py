"""Photos of the next step, read while this one computes."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from limbeck.data import PixelView

Key = tuple[int, int, int]  # images seen, share, shares


class Ahead:
    """Reads rows of a view on a thread of its own, before they are asked for.

    Which rows are read never depends on what was read ahead. Photos of this step and the next are
    held, no more. A resident view is asked directly.

    Args:
        view: the photos.
    """

    def __init__(self, view: PixelView) -> None:
        self._view = view
        self._thread = None if view.resident else ThreadPoolExecutor(1, "limbeck-ahead")
        self._waiting: dict[Key, Future[Tensor]] = {}

    def take(self, key: Key, rows: NDArray[np.int64]) -> Tensor:
        """uint8 [n, 3, S, S] of these rows, read ahead under this key or read now.

        Raises:
            DataError: a file of pixels is damaged.
        """
        waiting = self._waiting.pop(key, None)
        return self._view[rows] if waiting is None else waiting.result()

    def begin(self, key: Key, rows: NDArray[np.int64], now: int) -> None:
        """Begin to read these rows; what waits for other steps than `now` and this one is let go.

        Args:
            key: under which they will be asked for.
            rows: int [n].
            now: images seen in this step.
        """
        if self._thread is None:
            return
        for old in [old for old in self._waiting if old[0] not in (now, key[0])]:
            self._waiting.pop(old).cancel()
        if key not in self._waiting:
            self._waiting[key] = self._thread.submit(self._view.__getitem__, rows)
