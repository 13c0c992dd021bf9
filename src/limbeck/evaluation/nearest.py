"""Photos and pictures seen through LPIPS: the nearest mode of a photo, the diversity of a set."""

import torch
from torch import Tensor

from limbeck import logs
from limbeck.data import Dataset
from limbeck.kit.images import resize_area, to_float
from limbeck.latents import SPACE_SIZE, nearest_embedding
from limbeck.percept import LPIPS

_BATCH = 64


def _embed(pictures: Tensor, lpips: LPIPS) -> Tensor:
    """uint8 NCHW -> LPIPS embedding at 64 px."""
    x = to_float(pictures.to(next(lpips.parameters()).device))
    return lpips.embed(resize_area(x, SPACE_SIZE))


@torch.no_grad()
def nearest_modes(dataset: Dataset, embeddings: Tensor, size: int) -> dict[str, int]:
    """Photo id -> the mode whose centre's picture is nearest by LPIPS-AlexNet at 64 px.

    Args:
        dataset: photos.
        embeddings: float [K, D], of the centres' pictures at 64 px (`ModeCentres.embeddings`).
        size: side in pixels of the networks that drew the centres; photos are read at it, so both
            are equally sharp.
    """
    lpips = LPIPS.load("alex").to(embeddings.device)
    found: dict[str, int] = {}
    batches = -(-len(dataset) // _BATCH)
    for batch in logs.track(dataset.batches(size, _BATCH), "nearest modes", batches):
        nearest = nearest_embedding(_embed(batch.images, lpips), embeddings)
        found.update(zip(batch.ids, nearest.tolist(), strict=True))
    return found


@torch.no_grad()
def lpips_diversity(pictures: Tensor, batch: int = _BATCH) -> float:
    """Mean LPIPS-AlexNet at 64 px over all pairs of different pictures, uint8 [N >= 2, 3, S, S].

    LPIPS is a squared distance of embeddings e, so the mean over pairs is
    2 N / (N - 1) (mean |e|^2 - |mean e|^2), without forming the pairs.
    """
    count = len(pictures)
    if count < 2:
        raise ValueError(f"diversity needs two pictures, got {count}")
    lpips = LPIPS.load("alex")
    embedding = torch.cat([_embed(part, lpips) for part in torch.split(pictures, batch)]).double()
    spread = (embedding**2).sum(1).mean() - (embedding.mean(0) ** 2).sum()
    return float(2 * count / (count - 1) * spread)
