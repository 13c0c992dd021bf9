"""Which rows come next: a pure function of (seed, images seen), so a resumed run needs no state."""

import numpy as np
import torch
from numpy.typing import NDArray

from limbeck.errors import DataError
from limbeck.kit.rng import generator


class Order:
    """An endless shuffled stream of rows; every epoch is a new permutation of all of them.

    Batches run across the end of an epoch, so a batch may hold one row twice (its last place in
    one epoch and its first in the next) and may be larger than the dataset. Several processes
    share one order: rank r of W takes `order.rows(images_seen)[r::W]`.

    Args:
        n: rows of the dataset, at least 1.
        batch: rows a call returns, at least 1.
        seed: of the run.

    Raises:
        DataError: there is no row to order, or no place in the batch.
    """

    def __init__(self, n: int, batch: int, seed: int) -> None:
        if n < 1 or batch < 1:
            raise DataError(
                f"cannot order {n} images in batches of {batch}",
                "both must be at least 1: ingest more photos or relax the keep rule",
            )
        self.n = n
        self.batch = batch
        self.seed = seed
        self._memory: dict[int, NDArray[np.int64]] = {}

    def rows(self, images_seen: int) -> NDArray[np.int64]:
        """int64 [batch]: the rows after `images_seen` images (any number from 0)."""
        if images_seen < 0:
            raise ValueError(f"images_seen is {images_seen}, must not be negative")
        places = images_seen + np.arange(self.batch, dtype=np.int64)
        epochs = places // self.n
        chosen = np.empty(self.batch, dtype=np.int64)
        for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
            here = epochs == epoch
            chosen[here] = self._permutation(epoch)[places[here] % self.n]
        return chosen

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        """The epoch's permutation; the last two are remembered, which changes no answer."""
        if epoch not in self._memory:
            shuffled = torch.randperm(self.n, generator=generator(self.seed, "order", epoch))
            if len(self._memory) >= 2:
                self._memory.pop(min(self._memory))
            self._memory[epoch] = shuffled.numpy().astype(np.int64, copy=False)
        return self._memory[epoch]
