"""Precision, recall, density and coverage of two sets of features, from nearest neighbours."""

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from limbeck.errors import DataError
from limbeck.kit.distances import CHUNK, Points, mean_in_double
from limbeck.records import Record

PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS = 3, 5
_EDGE = 1 + 1e-5  # an image on a sphere, to within the rounding of float32, lies inside


class Overlap(Record):
    """Four figures of two sets; precision and density tell of quality, the others of variety."""

    real: int
    fake: int
    precision: float = Field(description="share of fakes within the real ones' spheres, k = 3")
    recall: float = Field(description="share of reals within the fakes' spheres, k = 3")
    density: float = Field(description="real spheres that hold a fake, mean over fakes / k, k = 5")
    coverage: float = Field(description="share of real spheres that hold a fake, k = 5")


def manifold_overlap(real: Tensor, fake: Tensor, *, chunk: int = CHUNK) -> Overlap:
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

    An image's sphere reaches to its k-th nearest other image of its own set. Precision and
    recall, arXiv 1904.06991, equation 2, k = 3; density and coverage, arXiv 2002.09797, equations 4
    and 6, k = 5. All but density lie in [0, 1]; for two samples of one distribution density is
    about 1 and coverage about 1 - 2^-5. They depend on the counts: compare equal counts only.

    Args:
        real: float [N > 5, D].
        fake: float [M > 3, D].
        chunk: rows of distances at once; memory is chunk x max(N, M) x 4 bytes.

    Raises:
        DataError: fewer images than the neighbours need, or other shapes.
    """
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
        raise DataError(f"features {tuple(real.shape)} and {tuple(fake.shape)}: wanted [N, D] each")
    if len(real) <= DENSITY_NEIGHBOURS or len(fake) <= PRECISION_NEIGHBOURS:
        raise DataError(
            f"{len(real)} real and {len(fake)} generated images are too few for nearest neighbours",
            f"give more than {DENSITY_NEIGHBOURS} of each",
        )
    radii = squared_radii(real, DENSITY_NEIGHBOURS, chunk) * _EDGE
    narrow, wide = radii[:, PRECISION_NEIGHBOURS - 1], radii[:, DENSITY_NEIGHBOURS - 1]
    around_fakes = squared_radii(fake, PRECISION_NEIGHBOURS, chunk)[:, -1] * _EDGE
    precise, inside = 0, 0
    recalled = torch.zeros(len(real), dtype=torch.bool)
    covered = torch.zeros(len(real), dtype=torch.bool)
    for rows, block in distance_blocks(fake, real, chunk):
        precise += int((block <= narrow).any(1).sum())
        held = block <= wide
        inside += int(held.sum())
        covered |= held.any(0)
        recalled |= (block <= around_fakes[rows, None]).any(0)
    return Overlap(
        real=len(real),
        fake=len(fake),
        precision=precise / len(fake),
        recall=float(recalled.double().mean()),
        density=inside / (DENSITY_NEIGHBOURS * len(fake)),
        coverage=float(covered.double().mean()),
    )


def distance_blocks(a: Tensor, b: Tensor, chunk: int = CHUNK) -> Iterator[tuple[slice, Tensor]]:
    """|a_i - b_j|^2 in blocks: (rows of a, float32 [n <= chunk, M]), n M numbers at once.

    Both are moved by b's mean first, so that float32 keeps its digits for the distances.

    Args:
        a: float [N, D].
        b: float [M, D], of the same dtype.
        chunk: rows of a in one block; changes a distance by rounding only.
    """
    middle = mean_in_double(b).to(b.dtype)
    points = Points.of((b - middle).float())
    for start in range(0, len(a), chunk):
        rows = slice(start, min(start + chunk, len(a)))
        yield rows, points.distances((a[rows] - middle).float())


def squared_radii(x: Tensor, most: int, chunk: int = CHUNK) -> Tensor:
    """Squared distances to the nearest others of the same set, float32 [N, most], ascending.

    `x` float [N > most, D]; an image is not its own neighbour, a copy of it is.
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
