"""Distances between two sets of features: FID (Heusel et al. 2017) and KID (Binkowski et al. 2018).

The tests hold both to torchmetrics' numbers. They are ours because torchmetrics takes the square
roots of eigenvalues of S1 S2: where a set has fewer images than features most are zeros with
rounding noise, and an FID that is small beside the covariances is off by 1e-5 to 1e-3 of itself
(here: below 1e-10); and because its KID draws from the global generator.
"""

import numpy as np
import torch
from torch import Tensor

from limbeck.errors import DataError
from limbeck.kit.distances import AT_ONCE, mean_in_double
from limbeck.kit.rng import derive_seed

_CHUNK = 2048  # rows of double numbers at once


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """FID: squared Fréchet distance of the two Gaussians with the sets' means and covariances.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), arXiv 1706.08500, equation 6; covariances are
    divided by N - 1. With S = R^T R, R the triangle of a QR decomposition of the centred features,
    the last trace is the sum of the singular values of R1 R2^T: no root of a matrix is formed, and
    a singular covariance (N <= D) costs no digits. The sets' sizes bias it: compare
    figures of equal sizes only.

    Args:
        real: float [N >= 2, D], any finite values.
        fake: float [M >= 2, D].

    Returns:
        0 (equal moments) to infinity, computed in double precision.

    Raises:
        DataError: other shapes.
    """
    _check(real, fake)
    means, triangles = zip(*(_moments(features) for features in (real, fake)), strict=True)
    between = (means[0] - means[1]).square().sum()
    spreads = sum(float(triangle.square().sum()) for triangle in triangles)
    shared = torch.linalg.svdvals(triangles[0] @ triangles[1].T).sum()
    return max(0.0, float(between) + spreads - 2 * float(shared))


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [D] and R [min(N, D), D] with R^T R the covariance, in double, chunk by chunk."""
    mean = mean_in_double(features)
    triangle = features.new_empty(0, features.shape[1], dtype=torch.float64)
    for part in torch.split(features, max(_CHUNK, features.shape[1])):
        stacked = torch.cat([triangle, part.double() - mean])
        triangle = torch.linalg.qr(stacked, mode="r").R
    return mean, triangle / (len(features) - 1) ** 0.5


def kernel_distance(
    real: Tensor, fake: Tensor, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """KID: unbiased squared MMD under the kernel (x.y / D + 1)^3, over random subsets.

    arXiv 1801.01401, section 4. Subsets are drawn without replacement from each set, and hold at
    most half of the smaller set, so that the deviation means something for small sets as well. All
    subsets are summed in one pass over the kernel matrix, a block at a time.

    Args:
        real: float [N >= 4, D].
        fake: float [M >= 4, D].
        subsets: how many, >= 1.
        subset_size: images of each set in one subset.
        seed: of the subsets; the same seed gives the same figure.

    Returns:
        Mean and standard deviation over subsets, in double precision; the mean may be negative.

    Raises:
        DataError: other shapes, or fewer than four images.
    """
    _check(real, fake)
    size = min(subset_size, len(real) // 2, len(fake) // 2)
    if size < 2 or subsets < 1:
        raise DataError(
            f"KID of {len(real)} photos and {len(fake)} generated images cannot be computed",
            "give at least four of each",
        )
    random = np.random.default_rng(derive_seed(seed, "kernel_distance"))
    x, y = real, fake
    in_x, in_y = _choices(random, subsets, size, len(x)), _choices(random, subsets, size, len(y))
    pairs = size * (size - 1)
    within = (_kernel_sums(x, in_x, x, in_x) - in_x @ _own_kernel(x)) / pairs
    within += (_kernel_sums(y, in_y, y, in_y) - in_y @ _own_kernel(y)) / pairs
    found = within - 2 * _kernel_sums(x, in_x, y, in_y) / size**2
    return float(found.mean()), float(found.std(correction=0))


def kernel_error(real: Tensor, fake: Tensor) -> float:
    """Standard error of KID over the images: what other photos and other seeds would change.

    The first term of the variance of the two-sample U-statistic (Serfling 1980, section 5.2):
    4 var(h_x) / N + 4 var(h_y) / M, where h_x(i) is the mean kernel of image i with the others of
    its set less that with the other set's. It says nothing of what another training would change.

    Args:
        real: float [N >= 2, D].
        fake: float [M >= 2, D].

    Raises:
        DataError: other shapes.
    """
    _check(real, fake)
    parts = []
    for ours, other in ((real, fake), (fake, real)):
        alike, unlike = (
            torch.cat([_kernel_sum(part, against) for part in torch.split(ours, _CHUNK)])
            for against in (ours, other)
        )
        within = (alike - _own_kernel(ours)) / (len(ours) - 1)
        parts.append(4 * (within - unlike / len(other)).var() / len(ours))
    return float(torch.stack(parts).sum().sqrt())


def kernel_distance_of_all(real: Tensor, fake: Tensor) -> float:
    """KID of all features at once: unbiased squared MMD of [N >= 2, D] and [M >= 2, D].

    arXiv 1801.01401, equation 4, in double precision; it may be negative. One number of one pair of
    sets, for ranking; `kernel_distance` also says how much it varies.
    """
    n, m = len(real), len(fake)
    x, y = real.double(), fake.double()
    xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    within = (xx.sum() - xx.trace()) / (n * (n - 1)) + (yy.sum() - yy.trace()) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x.y / D + 1)^3 of all pairs, [N, M]."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def _choices(random: np.random.Generator, subsets: int, size: int, count: int) -> Tensor:
    """Double [subsets, count]: 1 where an image is in a subset."""
    chosen = torch.zeros(subsets, count, dtype=torch.float64)
    for row in chosen:
        row[torch.from_numpy(random.choice(count, size, replace=False))] = 1
    return chosen


def _kernel_sums(x: Tensor, in_x: Tensor, y: Tensor, in_y: Tensor) -> Tensor:
    """Sum of the kernel over the pairs of each subset, [subsets]."""
    total = torch.zeros(len(in_x), dtype=torch.float64)
    for rows, block in zip(
        torch.split(in_x, _CHUNK, 1), torch.split(x, _CHUNK), strict=True
    ):  # fmt: skip
        used = rows.any(0)
        ours = block[used].double()
        for theirs, part in zip(
            torch.split(in_y, AT_ONCE, 1), torch.split(y, AT_ONCE), strict=True
        ):  # fmt: skip
            total += ((rows[:, used] @ _kernel(ours, part.double())) * theirs).sum(1)
    return total


def _kernel_sum(x: Tensor, y: Tensor) -> Tensor:
    """Sum of the kernel over all y, double [N]."""
    parts = [_kernel(x.double(), part.double()).sum(1) for part in torch.split(y, AT_ONCE)]
    return torch.stack(parts).sum(0)


def _own_kernel(x: Tensor) -> Tensor:
    squares = [part.double().square().sum(1) for part in torch.split(x, AT_ONCE)]
    return (torch.cat(squares) / x.shape[1] + 1) ** 3


def _check(real: Tensor, fake: Tensor) -> None:
    fits = real.ndim == fake.ndim == 2 and real.shape[1:] == fake.shape[1:]
    if not fits or min(len(real), len(fake)) < 2:
        raise DataError(
            f"features of shapes {tuple(real.shape)} and {tuple(fake.shape)} cannot be compared",
            "give [N, D] and [M, D] of at least two images each",
        )
