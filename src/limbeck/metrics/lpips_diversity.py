"""How different the images of a set are from one another, by LPIPS: over all, within, between."""

from collections.abc import Iterable

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from limbeck import logs
from limbeck.data import Dataset
from limbeck.errors import DataError
from limbeck.kit.images import resize_area, to_float
from limbeck.latents import SPACE_SIZE, nearest_embedding
from limbeck.percept import LPIPS
from limbeck.records import Record

_BATCH = 64
_BLOCK = 256  # rows of double embeddings at once


class Diversity(Record):
    """Mean LPIPS over pairs of different images; a `_spread` is a jackknife standard error.

    `within` is over pairs of the same mode (so a mode weighs by its pairs), `between` over pairs of
    different modes; null where there is no such pair.
    """

    pictures: int
    modes: int = Field(description="modes with at least one image; 0 = none were given")
    overall: float
    overall_spread: float | None
    within: float | None = None
    within_spread: float | None = None
    between: float | None = None
    between_spread: float | None = None


@torch.no_grad()
def embed_pictures(pictures: Tensor, lpips: LPIPS) -> Tensor:
    """uint8 [N, 3, H, W] -> LPIPS embedding at 64 px, float32 [N, D] on the device of `lpips`."""
    x = to_float(pictures.to(next(lpips.parameters()).device))
    return lpips.embed(resize_area(x, SPACE_SIZE))


def lpips_embeddings(batches: Iterable[Tensor], device: str | torch.device = "cpu") -> Tensor:
    """Batches uint8 [n, 3, H, W] -> LPIPS-AlexNet embeddings at 64 px, float32 [N, 31872], CPU.

    Raises:
        DataError: no images.
    """
    lpips = LPIPS.load("alex").to(device)
    parts = [embed_pictures(batch, lpips).cpu() for batch in batches]
    if not parts:
        raise DataError("LPIPS embeddings of no images", "give at least one batch")
    return torch.cat(parts)


def lpips_diversity(pictures: Tensor, batch: int = _BATCH) -> float:
    """Mean LPIPS-AlexNet at 64 px over all pairs of different images, uint8 [N >= 2, 3, S, S].

    Raises:
        ValueError: fewer than two images.
    """
    if len(pictures) < 2:
        raise ValueError(f"diversity needs two images, got {len(pictures)}")
    return embedding_diversity(lpips_embeddings(torch.split(pictures, batch))).overall


def embedding_diversity(embeddings: Tensor, modes: Tensor | None = None) -> Diversity:
    """Mean squared distance over pairs, without forming a pair.

    LPIPS is a squared distance of embeddings e, so image i is from the n of a group,
    in sum, r_i = n |e_i|^2 + sum |e_j|^2 - 2 e_i . sum e_j away: sums over a group give all. A
    mean over pairs is sum(r) / (n (n - 1)); leaving image i out takes 2 r_i from the sum, which
    gives the jackknife (Efron and Stein 1981) in closed form.

    Args:
        embeddings: float [N >= 2, D].
        modes: int64 [N], the mode of each image.

    Raises:
        ValueError: fewer than two images, or another number of modes.
    """
    count = len(embeddings)
    if count < 2 or (modes is not None and modes.shape != (count,)):
        raise ValueError(
            f"diversity of {count} images, modes {None if modes is None else tuple(modes.shape)}"
        )
    one = torch.zeros(count, dtype=torch.int64)
    rows = _summed_distances(embeddings, one)
    pairs = torch.full((count,), count - 1.0, dtype=torch.float64)
    overall, spread = _mean_and_spread(rows, pairs)
    assert overall is not None, "two images make a pair"
    if modes is None:
        return Diversity(pictures=count, modes=0, overall=overall, overall_spread=spread)
    names, inverse = np.unique(modes.cpu().numpy(), return_inverse=True)
    group = torch.from_numpy(inverse)
    own_rows = _summed_distances(embeddings, group)
    own_pairs = group.bincount()[group].double() - 1
    within, within_spread = _mean_and_spread(own_rows, own_pairs)
    between, between_spread = _mean_and_spread(rows - own_rows, pairs - own_pairs)
    return Diversity(
        pictures=count, modes=len(names), overall=overall, overall_spread=spread,
        within=within, within_spread=within_spread, between=between, between_spread=between_spread,
    )  # fmt: skip


def _summed_distances(embeddings: Tensor, group: Tensor) -> Tensor:
    """Double [N]: sum of squared distances from each row to the rows of its group (int64 [N])."""
    groups = int(group.max()) + 1
    sums = torch.zeros(groups, embeddings.shape[1], dtype=torch.float64)
    norms = torch.empty(len(group), dtype=torch.float64)
    shift = embeddings[0].double()  # equal rows are then at exactly 0
    for start in range(0, len(group), _BLOCK):
        rows = slice(start, start + _BLOCK)
        part = embeddings[rows].double() - shift
        sums.index_add_(0, group[rows], part)
        norms[rows] = part.square().sum(1)
    size = group.bincount(minlength=groups).double()
    squares = torch.zeros(groups, dtype=torch.float64).index_add_(0, group, norms)
    found = size[group] * norms + squares[group]
    for start in range(0, len(group), _BLOCK):
        rows = slice(start, start + _BLOCK)
        part = embeddings[rows].double() - shift
        found[rows] -= 2 * (part * sums[group[rows]]).sum(1)
    return found.clamp_min(0)


def _mean_and_spread(rows: Tensor, pairs: Tensor) -> tuple[float | None, float | None]:
    """Mean over ordered pairs and its jackknife deviation; None without (enough) pairs.

    `rows` [N]: summed distances of each image to its partners; `pairs` [N]: how many partners.
    """
    total, all_pairs, count = rows.sum(), pairs.sum(), len(rows)
    if all_pairs == 0:
        return None, None
    left = all_pairs - 2 * pairs
    if count < 3 or not bool((left > 0).all()):
        return float(total / all_pairs), None
    without = (total - 2 * rows) / left
    variance = (count - 1) / count * (without - without.mean()).square().sum()
    return float(total / all_pairs), float(variance.sqrt())


@torch.no_grad()
def nearest_modes(dataset: Dataset, embeddings: Tensor, size: int) -> dict[str, int]:
    """Photo id -> the mode whose centre's image is nearest by LPIPS-AlexNet at 64 px.

    Args:
        dataset: photos.
        embeddings: float [K, D], of the centres' images at 64 px (`ModeCentres.embeddings`).
        size: side in pixels of the networks that drew the centres; photos are read at it, so both
            are equally sharp.
    """
    lpips = LPIPS.load("alex").to(embeddings.device)
    found: dict[str, int] = {}
    batches = -(-len(dataset) // _BATCH)
    for batch in logs.track(
        dataset.batches(size, _BATCH), "finding the mode of each photo", batches
    ):
        nearest = nearest_embedding(embed_pictures(batch.images, lpips), embeddings)
        found.update(zip(batch.ids, nearest.tolist(), strict=True))
    return found
