"""Photos' nearest others: what tells a mode from outliers, be they few or very many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck.kit.rng import derive_seed
from limbeck.kit.rows import Rows, blocks, mean_and_deviation
from limbeck.kit.tables import Column
from limbeck.metrics import standardised

CROWD, MOST = 0.1, 0.2
"""Shares of all photos: what is a crowd, and what is more than any kind of outlier has."""
ALIKE = 0.9
"""Standard deviations by which outliers are lonelier than all photos: their median, at least."""
TAIL, MODE = 0.33, 0.62
"""What part of a dropped photo's crowd is dropped too, at least and at most. Of the tail of one
group it is 0.29 at most; of a mode with a sixth of the photos 0.74, whatever the draw."""
_TENTH = 10
_AT_MOST = 20_000
EXACT = 100_000
"""Photos up to which means are summed in float32, as ever; of more in float64."""
_ROWS = 512
_SMALL = 1e-6

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Neighbours:
    """Euclidean distances of photos to others, in one space of standardised features.

    Ramaswamy, Rastogi and Shim 2000. Of more than 20,000 photos a random 20,000 stand for all.

    Attributes:
        like: [N], to the tenth nearest other photo. Photos of one kind are near one another however
            few they are.
        crowd: [N], to the last of the nearest tenth of all photos.
        most: [N], to the last of the nearest fifth.
    """

    like: Column
    crowd: Column
    most: Column
    _points: "_Standardised"
    _others: Tensor

    @classmethod
    def of(cls, features: Rows, *, seed: int) -> "Neighbours":
        """Find them among float32 [N, D]; `seed` chooses which stand for all."""
        turn = np.random.default_rng(derive_seed(seed, "halves")).permutation(len(features))
        points = _Standardised.of(features)
        others = np.flatnonzero(turn < _AT_MOST)
        ranks = [  # a photo is its own nearest
            min(rank + 1, len(others))
            for rank in (_TENTH, *(round(share * len(others)) for share in (CROWD, MOST)))
        ]
        crowd = points[others]
        found = [
            torch.stack([distances.kthvalue(rank, dim=1).values for rank in ranks])
            for distances in (torch.cdist(part, crowd) for part in points.blocks())
        ]
        like, tenth, fifth = torch.cat(found, 1).double().numpy()
        return cls(like, tenth, fifth, points, torch.from_numpy(others))

    def company(self, flags: Flags) -> Column:
        """The share [N] of the photos with a flag [N] among each photo's nearest tenth of all."""
        flagged = torch.from_numpy(flags)[self._others].float()
        reach = torch.from_numpy(self.crowd).float()[:, None] * (1 + _SMALL)
        others = self._points[self._others.numpy()]
        shares = []
        for part, far in zip(self._points.blocks(), torch.split(reach, _ROWS), strict=True):
            near = (torch.cdist(part, others) <= far).float()
            shares.append(near @ flagged / near.sum(1))
        return np.asarray(torch.cat(shares).double().numpy())


@dataclass(frozen=True)
class _Standardised:
    """Features in standard deviations from their mean, worked out when they are asked for."""

    features: Rows
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    @classmethod
    def of(cls, features: Rows) -> "_Standardised":
        sums = np.float32 if len(features) <= EXACT else np.float64
        mean, spread = mean_and_deviation(features, sums)
        return cls(features, mean, np.maximum(spread, np.float32(_SMALL)))

    def __getitem__(self, rows: NDArray[np.int64]) -> Tensor:
        return self._of(self.features[rows])

    def blocks(self) -> Iterator[Tensor]:
        """All, float32 [n <= 512, D]."""
        return (self._of(block) for block in blocks(self.features, _ROWS))

    def _of(self, block: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.asarray((block - self.mean) / self.spread, dtype=np.float32))


def are_alike(dropped: Flags, like: Sequence[Column]) -> bool:
    """Whether what would be dropped are photos of a kind, and not outliers.

    Args:
        dropped: [N].
        like: as of `Neighbours`, a column [N] each feature space; none = not known.

    Returns:
        True where the dropped photos' median is, in every space, less than 0.9 standard deviations
        above that of all photos: they lie as close to one another as ordinary photos do.
    """
    if not dropped.any() or not like:
        return False
    return all(_above(distance, dropped) < ALIKE for distance in like)


def are_many(dropped: Flags, spaces: Sequence[Neighbours]) -> bool:
    """Whether what would be dropped are so many outliers that each kind has its like near.

    Then `are_alike` says nothing; kinds of outliers are smaller than modes.

    Args:
        dropped: [N].
        spaces: of every feature space.

    Returns:
        True where of a dropped photo's nearest tenth 0.33 to 0.62 are dropped too (means over
        photos and spaces), and the dropped photos' median distance to it is higher, in standard
        deviations of all photos, than that to their like.
    """
    if not spaces or not dropped.any():
        return False
    own = np.mean([space.company(dropped)[dropped].mean() for space in spaces])
    crowd, like = (
        np.mean([_above(distance, dropped) for distance in distances])
        for distances in ([space.crowd for space in spaces], [space.like for space in spaces])
    )
    return bool(TAIL <= own <= MODE and crowd > like)


def _above(distance: Column, some: Flags) -> float:
    return float(np.median(standardised(distance, np.inf)[some]))
