"""k-means over points, and the map from latents to the points that are clustered."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from limbeck import logs
from limbeck.kit.distances import Points as DistancePoints
from limbeck.kit.rng import derive_seed
from limbeck.kit.rows import mean_of
from limbeck.kit.tensors import gathered
from limbeck.latents import embed_w
from limbeck.nets import AnyGenerator
from limbeck.percept import LPIPS

Points = npt.NDArray[np.float32]
RESTARTS = 4
FIT_AT_MOST = 100_000
"""Points that means are fitted to, at most: k-means copies them."""
_ROWS = 4096
_FIT_ROWS = 2048
_CHUNK = 64


@dataclass(frozen=True, eq=False)
class Clusters:
    """A partition, the largest cluster first.

    Attributes:
        labels: int64 [N], the cluster of each point.
        sizes: int64 [K], all at least 1.
        nearest: for each cluster the rows of its members, the nearest to its mean first.
    """

    labels: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    nearest: list[npt.NDArray[np.int64]]


def cluster(points: Points, count: int, seed: int) -> Clusters:
    """k-means with k-means++ starts, the best of 4.

    Of more than 100,000 points the means are fitted to a random 100,000 and every point goes to the
    nearest (the accuracy: docs/scale.md).

    Fewer clusters than `count` come back when the points are fewer than that after removing
    copies (a generator that collapsed); a warning says so.

    Args:
        points: float32 [N, d], N >= count.
        count: clusters asked for.
        seed: the same seed and points give the same clusters.
    """
    found, labels, sizes = np.unique(
        _labels(points, count, seed), return_inverse=True, return_counts=True
    )
    if len(found) < count:
        logs.warn(
            f"only {len(found)} clusters where {count} were asked for: the generator repeats "
            "itself, as after a collapse. Look at its images (grid-*.png of the training) and "
            "use an earlier snapshot, or train again"
        )
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    labels = rank[labels].astype(np.int64)
    nearest = []
    for number in range(len(order)):
        rows = np.flatnonzero(labels == number)
        mean = mean_of(points[some] for some in _parts(rows))
        distance = np.concatenate([((points[some] - mean) ** 2).sum(1) for some in _parts(rows)])
        nearest.append(rows[np.argsort(distance, kind="stable")].astype(np.int64))
    return Clusters(labels, sizes[order].astype(np.int64), nearest)


def _parts(rows: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    return (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))


def _labels(points: Points, count: int, seed: int) -> npt.NDArray[np.int64]:
    """The mean nearest to each point, [N]."""
    if len(points) <= FIT_AT_MOST:
        return np.asarray(_kmeans(points, count, seed).labels_, dtype=np.int64)
    means = torch.from_numpy(fit_means(points[_sample(len(points), seed)], count, seed))
    blocks = DistancePoints.of(means).blocks(torch.from_numpy(points))
    return torch.cat([block.argmin(1) for _, block in blocks]).numpy()


def _sample(count: int, seed: int) -> npt.NDArray[np.int64]:
    """`FIT_AT_MOST` of so many rows, ascending."""
    random = np.random.default_rng(derive_seed(seed, "sample"))
    return np.sort(random.choice(count, FIT_AT_MOST, replace=False))


def fit_means(points: Points, count: int, seed: int) -> Points:
    """The means of `cluster`, float32 [count, d], in no order; copies among them are possible."""
    return np.asarray(_kmeans(points, count, seed).cluster_centers_, dtype=np.float32)


def _kmeans(points: Points, count: int, seed: int) -> KMeans:
    state = derive_seed(seed, "kmeans") % 2**32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # copies: `cluster` says it in words
        return KMeans(n_clusters=count, n_init=RESTARTS, random_state=state).fit(points)


def perceptual_points(
    G: AnyGenerator, embedder: LPIPS, w: Tensor, components: int, seed: int
) -> Points:
    """LPIPS embeddings of G(w) at 64 px, reduced by PCA: float32 [N, <= components].

    Squared distances of embeddings are LPIPS, so k-means here is k-means in LPIPS space.
    An embedding has some 32,000 numbers, so the axes are fitted on the first 2,048 images (w is
    random) and the rest is projected chunk by chunk; all embeddings are never held at once.

    Args:
        G: the generator.
        embedder: LPIPS.
        w: float [N, w_dim] in random order.
        components: axes kept; fewer when there are fewer images.
        seed: of the randomised PCA.
    """
    head = w[:_FIT_ROWS]
    chunks = logs.track(
        torch.split(head, _CHUNK), "looking at images of latents", -(-len(head) // _CHUNK)
    )
    first = gathered(len(head), (embed_w(G, embedder, part).cpu() for part in chunks)).numpy()
    kept = min(components, len(first) - 1, first.shape[1])
    state = derive_seed(seed, "pca") % 2**32
    with logs.working("finding the main axes of the images"):
        pca = PCA(n_components=kept, svd_solver="randomized", random_state=state).fit(first)
    mean = torch.from_numpy(np.ascontiguousarray(pca.mean_, dtype=np.float32))
    axes = torch.from_numpy(np.ascontiguousarray(pca.components_.T, dtype=np.float32))
    # One array from the start: results kept between large temporaries keep the memory in pieces.
    points = np.empty((len(w), kept), dtype=np.float32)
    points[: len(first)] = torch.from_numpy(first).sub_(mean) @ axes  # in place: the largest of all
    del first
    mean, axes = mean.to(w.device), axes.to(w.device)
    rest = torch.split(w[_FIT_ROWS:], _CHUNK) if len(w) > _FIT_ROWS else ()
    at = len(head)
    for part in logs.track(rest, "looking at more images of latents", len(rest)):
        points[at : at + len(part)] = ((embed_w(G, embedder, part) - mean) @ axes).cpu()
        at += len(part)
    return points
