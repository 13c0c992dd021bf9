"""Photos seen through LPIPS: the mode whose centre's picture is nearest."""

import torch
from torch import Tensor

from limbeck import logs
from limbeck.data import Dataset
from limbeck.evaluation.diversity import embed_pictures
from limbeck.latents import nearest_embedding
from limbeck.percept import LPIPS

_BATCH = 64


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
    for batch in logs.track(
        dataset.batches(size, _BATCH), "finding the mode of each photo", batches
    ):
        nearest = nearest_embedding(embed_pictures(batch.images, lpips), embeddings)
        found.update(zip(batch.ids, nearest.tolist(), strict=True))
    return found
