"""What a generator draws for measuring: batches of images, generated when they are asked for."""

from collections.abc import Iterator
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.config import Truncation
from limbeck.kit.images import to_float, to_uint8
from limbeck.latents import (
    HoldsGenerator,
    ModeCentres,
    images_of_seeds,
    needs_pictures,
    tensors_digest,
)
from limbeck.percept import LPIPS

_HELD_BYTES = 256 * 2**20
_BATCH = 64
_WIDE_BATCH, _WIDE = 8, 256  # images at once from this many pixels a side


class Drawn:
    """Images of consecutive seeds, as an iterable of uint8 [n, 3, S, S] batches on the CPU.

    Iterating twice gives the same images: held in memory while they take at most 256 MB, generated
    again otherwise.

    Args:
        networks: `Networks` or a `Pipeline`.
        count: how many.
        first: the first seed.
        psi, truncation, modes: as in `limbeck.sample`.
        size: pixels a side that smaller images are enlarged to (bicubic); None = as drawn.
    """

    def __init__(
        self,
        networks: HoldsGenerator,
        count: int,
        *,
        psi: float = 1.0,
        truncation: Truncation = "none",
        modes: ModeCentres | None = None,
        first: int = 0,
        size: int | None = None,
    ) -> None:
        self.networks, self.psi, self.truncation, self.modes = networks, psi, truncation, modes
        self.seeds = range(first, first + count)
        self.size = max(networks.config.size, size or 0)
        self._held: list[Tensor] | None = None

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def key(self) -> dict[str, str]:
        """All that the images depend on, for `picture_features`."""
        generator = self.networks.G_ema
        return {
            "generator": tensors_digest(generator.state_dict()),
            "seeds": f"{self.seeds.start}-{self.seeds.stop - 1}",
            "psi": repr(self.psi),
            "truncation": self.truncation,
            "modes": self.modes.drawing_digest() if self.modes is not None else "",
            "size": str(self.size),
        }

    def __iter__(self) -> Iterator[Tensor]:
        if self._held is not None:
            yield from self._held
            return
        size = self.size
        fits = len(self) * 3 * size * size <= _HELD_BYTES
        held: list[Tensor] = []
        for pictures in self._generated(_WIDE_BATCH if size >= _WIDE else _BATCH):
            if fits:
                held.append(pictures)
            yield pictures
        self._held = held if fits else None

    def first(self, count: int) -> Iterator[Tensor]:
        """Batches with the first `count` images, or all when there are fewer."""
        for pictures in self:
            yield pictures[:count]
            count -= len(pictures)
            if count <= 0:
                return

    def _generated(self, batch: int) -> Iterator[Tensor]:
        lpips = None
        if needs_pictures(self.truncation):
            lpips = LPIPS.load("alex").to(self.networks.G_ema.mapping.w_avg.device)
        samples = images_of_seeds(
            self.networks, self.seeds, psi=self.psi, truncation=self.truncation, modes=self.modes,
            embedder=lpips, batch=batch,
        )  # fmt: skip
        images = (sample.image for sample in samples)
        while chunk := list(islice(images, batch)):
            yield self._enlarged(torch.stack(chunk))

    def _enlarged(self, pictures: Tensor) -> Tensor:
        if pictures.shape[-1] == self.size:
            return pictures
        sides = (self.size, self.size)
        return to_uint8(F.interpolate(to_float(pictures), sides, mode="bicubic"))
