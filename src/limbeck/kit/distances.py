"""Squared Euclidean distances between many points, by matrix products."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

CHUNK = 1024  # rows of distances at once
AT_ONCE = 16_384
"""Rows in double precision at once. To this number sums are those of all rows at once."""


@dataclass(frozen=True, eq=False)
class Points:
    """Points [M, D], prepared once and asked often: moved by their mean, so that digits last.

    Attributes:
        middle: [D], their mean.
        moved: [M, D], without it.
        squares: [M], squared lengths of `moved`.
    """

    middle: Tensor
    moved: Tensor
    squares: Tensor

    @classmethod
    def of(cls, points: Tensor) -> "Points":
        """Float [M, D]."""
        middle = points.mean(0)
        moved = points - middle
        return cls(middle, moved, moved.square().sum(1))

    def distances(self, a: Tensor) -> Tensor:
        """[N, D] of the same dtype -> |a_i - b_j|^2 [N, M], >= 0."""
        a = a - self.middle
        products = torch.addmm(self.squares.expand(a.shape[0], -1), a, self.moved.T, alpha=-2)
        return products.add_(a.square().sum(1, keepdim=True)).clamp_min_(0)

    def blocks(self, a: Tensor, chunk: int = CHUNK) -> Iterator[tuple[slice, Tensor]]:
        """The same a few rows at a time: (rows of a, [n <= chunk, M])."""
        for start in range(0, len(a), chunk):
            rows = slice(start, min(start + chunk, len(a)))
            yield rows, self.distances(a[rows])


def mean_in_double(points: Tensor) -> Tensor:
    """Float [N, D] -> mean, double [D]; only `AT_ONCE` rows are doubles at a time."""
    parts = [part.double().sum(0) for part in torch.split(points, AT_ONCE)]
    return torch.stack(parts).sum(0) / len(points)


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """[N, D], [M, D] -> |a_i - b_j|^2 [N, M], >= 0."""
    return Points.of(b).distances(a)
