"""What is found out about photos one by one, by whoever looks at them: one process, or parts.

Photos are looked at in batches of fixed boundaries, and a few batches make a block: whoever works
on a block does the very same sums.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck import logs
from limbeck.config import ScoreConfig
from limbeck.curation.columns import PhotoBatch, Scorer
from limbeck.curation.critic import PHOTOS as CRITIC_PHOTOS
from limbeck.curation.seams import strongest_seam
from limbeck.data import Dataset
from limbeck.kit.images import to_float
from limbeck.kit.selection import even_rows
from limbeck.latents import SPACE_SIZE
from limbeck.nets import Networks
from limbeck.percept import LPIPS, Features, at_least

PHOTOS_ALONE = ("feature", "lite0")
"""Spaces that photos are seen in without a generator: AlexNet, and EfficientNet-Lite0."""

FEATURE_SIZE = 128
LITE0_SIDE = 160
CENTROID_PHOTOS = 2048
"""Photos that the centroid is the mean of: all of a small set. The mean of so many is off by a
2,048th of the photos' variance, which adds the same to every distance; and a part need not see all
photos."""
_BATCHES = 4  # of a block

Numbers = NDArray[np.int64]
Found = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Blocks:
    """How photos are cut: blocks of four batches, the last one shorter.

    Attributes:
        photos: how many, at least 1.
        batch: photos looked at together.
    """

    photos: int
    batch: int

    def __len__(self) -> int:
        return -(-self.photos // self.size)

    @property
    def size(self) -> int:
        """Photos of a block."""
        return _BATCHES * self.batch

    def rows(self, block: int) -> range:
        """Row numbers of the photos of a block."""
        return range(block * self.size, min((block + 1) * self.size, self.photos))

    def batches(self, block: int) -> Iterator[Numbers]:
        """The same in batches."""
        rows = self.rows(block)
        return _batches(np.arange(rows.start, rows.stop), self.batch)


def _batches(rows: Numbers, batch: int) -> Iterator[Numbers]:
    return (rows[start : start + batch] for start in range(0, len(rows), batch))


class PhotoLook:
    """Looks at photos alone, without a generator: features of two trunks, and seams.

    Raises:
        WeightsError: the pretrained weights that ship with limbeck are damaged.
    """

    def __init__(self, dataset: Dataset, device: str | torch.device) -> None:
        self.lpips = LPIPS.load("alex").to(device)
        self._device = torch.device(device)
        self._lite0 = Features("efficientnet-lite0", device, LITE0_SIDE)
        self._photos = dataset.at(min(dataset.size, FEATURE_SIZE), resident=False)
        self._large = dataset.at(min(dataset.size, LITE0_SIDE), resident=False)

    @torch.no_grad()
    def columns(self, rows: Numbers) -> dict[str, Tensor]:
        """Of photos by row number: `feature` [n, 1152], `lite0` [n, 1280], `seam` [n]."""
        photos = to_float(self._photos[rows].to(self._device))
        return {
            "feature": self.lpips.pooled(at_least(photos, SPACE_SIZE)).float(),
            "lite0": self._lite0(self._large[rows]),
            "seam": strongest_seam(photos),
        }


class BlockScorer:
    """All that is found out about the photos of a block, beside networks and images of theirs.

    Args:
        dataset: the photos.
        networks, config, centres, seed: as of `score`; networks are in evaluation mode.
        pictures: how many images `nngen` compares with; default: as `config` says.

    Raises:
        WeightsError: the pretrained weights that ship with limbeck are damaged.
    """

    def __init__(
        self,
        dataset: Dataset,
        networks: Networks,
        config: ScoreConfig,
        *,
        centres: Tensor | None,
        seed: int,
        pictures: int | None = None,
    ) -> None:
        self._device = next(networks.G_ema.parameters()).device
        self._look = PhotoLook(dataset, self._device)
        self._seen = dataset.at(networks.config.size, resident=False)
        self._small = dataset.at(SPACE_SIZE, resident=False)
        self.blocks = Blocks(len(dataset), config.batch)
        self._scorer = Scorer(
            networks, self._look.lpips, config, centroid=self._centroid(), centres=centres,
            seed=seed, pictures=pictures or config.generated,
            photos=self._seen[even_rows(len(dataset), CRITIC_PHOTOS)],
        )  # fmt: skip

    @torch.no_grad()
    def block(self, block: int, task: logs.Task | None = None) -> Found:
        """Raw columns [n, ...] of a block's photos; see `Scorer.columns`, `PhotoLook.columns`.

        Args:
            block: its number.
            task: told of every batch, in photos.
        """
        parts: dict[str, list[NDArray[np.generic]]] = {}
        for rows in self.blocks.batches(block):
            photos = PhotoBatch(
                self._seen[rows].to(self._device), self._small[rows].to(self._device)
            )
            made = {**self._look.columns(rows), **self._scorer.columns(photos)}
            for name, values in made.items():
                parts.setdefault(name, []).append(values.cpu().numpy())
            if task is not None:
                task.step(len(rows))
        return {name: np.concatenate(values) for name, values in parts.items()}

    @torch.no_grad()
    def _centroid(self) -> Tensor:
        """The mean [D] of embeddings in LPIPS space, of photos spread over the whole set."""
        rows = even_rows(self.blocks.photos, CENTROID_PHOTOS)
        total: Tensor | None = None
        for some in _batches(rows, self.blocks.batch):
            seen = self._look.lpips.embed(to_float(self._small[some].to(self._device)))
            total = seen.sum(0) if total is None else total + seen.sum(0)
        assert total is not None, "an empty dataset is refused before"
        return total / len(rows)
