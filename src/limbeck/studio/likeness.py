"""Photos like a photo: distances between pooled LPIPS features, made once in the background."""

import threading

import numpy as np
import torch
from numpy.typing import NDArray

from limbeck import logs
from limbeck.data import Dataset
from limbeck.errors import LimbeckError
from limbeck.kit.images import to_float
from limbeck.kit.rng import generator
from limbeck.percept import LPIPS, at_least

_SIDE, _NUMBERS, _BATCH = 64, 192, 64


class Likeness:
    """Features of a dataset's photos; `start` begins to make them.

    LPIPS-AlexNet's features of each layer, averaged over the photo at 64 px and thrown onto 192
    random orthogonal axes, which keeps distances within a few per cent (Johnson and Lindenstrauss).
    They stay in memory, 77 MB for 100,000 photos: on a disk they would outlive a take-down.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.done = 0
        self.failed: LimbeckError | OSError | None = None
        self._features: NDArray[np.float32] | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def of(self) -> int:
        """How many photos there are."""
        return len(self.dataset)

    def start(self) -> None:
        """Begin, where nobody has.

        Raises:
            LimbeckError, OSError: what the photos or the weights could not be read for.
        """
        with self._lock:
            if self.failed is not None:
                failed, self.failed, self._thread = self.failed, None, None
                raise failed
            if self._thread is None:
                self._thread = threading.Thread(target=self._make, daemon=True, name="likeness")
                self._thread.start()

    def distances(self, place: int) -> NDArray[np.float32]:
        """float32 [N]: from the photo at a row of the dataset to each of its photos, itself 0.

        Raises:
            ValueError: the features are not made yet.
        """
        if self._features is None:
            raise ValueError("not made yet")
        found = np.linalg.norm(self._features - self._features[place], axis=1)
        return np.asarray(found, dtype=np.float32)

    def _make(self) -> None:
        try:
            self._features = self._look()
            self.done = self.of
        except (LimbeckError, OSError) as error:
            logs.warn(f"photos could not be compared: {error}")
            self.failed = error

    @torch.no_grad()
    def _look(self) -> NDArray[np.float32]:
        lpips = LPIPS.load("alex")
        view = self.dataset.at(min(_SIDE, self.dataset.size), resident=False)
        found: list[NDArray[np.float32]] = []
        axes: torch.Tensor | None = None
        for start in range(0, self.of, _BATCH):
            rows = np.arange(start, min(start + _BATCH, self.of))
            pooled = lpips.pooled(at_least(to_float(view[rows])))
            if axes is None:
                many = pooled.shape[1]
                drawn = torch.randn(many, min(_NUMBERS, many), generator=generator("likeness"))
                axes = torch.linalg.qr(drawn).Q
            found.append((pooled @ axes).numpy())
            self.done = min(start + len(rows), self.of - 1)
        return np.concatenate(found)
