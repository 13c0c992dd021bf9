"""Nearest neighbours in feature space, a block of distances at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor

CHUNK = 1024


def distance_blocks(a: Tensor, b: Tensor, chunk: int = CHUNK) -> Iterator[tuple[slice, Tensor]]:
    """|a_i - b_j|^2 in blocks: (rows of a, float32 [n <= chunk, M]), n M numbers at once.

    Both are moved by b's mean first, so that float32 keeps its digits for the distances.

    Args:
        a: float [N, D].
        b: float [M, D], of the same dtype.
        chunk: rows of a in one block; changes a distance by rounding only.
    """
    middle = b.double().mean(0).to(b.dtype)
    b = (b - middle).float()
    lengths = b.square().sum(1)
    for start in range(0, len(a), chunk):
        rows = slice(start, min(start + chunk, len(a)))
        part = (a[rows] - middle).float()
        product = torch.addmm(lengths.expand(len(part), -1), part, b.T, alpha=-2)
        yield rows, product.add_(part.square().sum(1, keepdim=True)).clamp_min_(0)


def squared_radii(x: Tensor, most: int, chunk: int = CHUNK) -> Tensor:
    """Squared distances to the nearest others of the same set, float32 [N, most], ascending.

    `x` float [N > most, D]; a picture is not its own neighbour, a copy of it is.
    """
    radii = torch.empty(len(x), most)
    for rows, block in distance_blocks(x, x, chunk):
        own = torch.arange(rows.start, rows.stop)
        block[own - rows.start, own] = torch.inf
        radii[rows] = block.topk(most, largest=False, sorted=True).values
    return radii


def nearest(
    a: Tensor, b: Tensor, *, itself: bool = False, chunk: int = CHUNK
) -> tuple[Tensor, Tensor]:
    """Distance of each a to its nearest b, double [N], and which b that is, int64 [N].

    The distance to the one found is computed again from the difference, so a copy is at exactly 0.

    Args:
        a: float [N, D].
        b: float [M, D].
        itself: a is b, and the nearest *other* one is meant (M >= 2).
        chunk: as in `distance_blocks`.
    """
    found = torch.empty(len(a), dtype=torch.int64)
    for rows, block in distance_blocks(a, b, chunk):
        if itself:
            own = torch.arange(rows.start, rows.stop)
            block[own - rows.start, own] = torch.inf
        found[rows] = block.argmin(1)
    parts = zip(torch.split(a, chunk), torch.split(found, chunk), strict=True)
    return torch.cat([(x.double() - b[i].double()).norm(dim=1) for x, i in parts]), found
