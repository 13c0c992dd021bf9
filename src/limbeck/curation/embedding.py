"""A crowd of generated images in LPIPS space, where a squared distance is LPIPS."""

import torch
from torch import Tensor

from limbeck.kit.distances import Points
from limbeck.kit.rng import derive_seed
from limbeck.latents import draw_latents, embed_w, truncate, typical_w
from limbeck.nets import AnyGenerator, AnyNet
from limbeck.percept import LPIPS

NEIGHBOURS, PSI = 20, 0.7


def nearest_mean(distances: Tensor, neighbours: int) -> Tensor:
    """[N, M] -> mean of each row's `neighbours` smallest (all of them if M is less)."""
    count = min(neighbours, distances.shape[1])
    return distances.topk(count, dim=1, largest=False).values.mean(1)


def embed_many(G: AnyGenerator, embedder: LPIPS, w: Tensor, batch: int) -> Tensor:
    """Latents float [K, w_dim] -> LPIPS embeddings [K, D] of their images at 64 px."""
    return torch.cat([embed_w(G, embedder, part) for part in torch.split(w, batch)])


class Pictures:
    """Images that the generator draws at psi 0.7 towards the global mean.

    Attributes:
        embeddings: float32 [count, D] at 64 px.
        w_std: float32 [w_dim], spread of M(z) before truncation.
    """

    def __init__(
        self,
        G: AnyGenerator,
        embedder: LPIPS,
        net: AnyNet,
        *,
        count: int,
        seed: int,
        batch: int,
    ) -> None:
        """Draw `count` images (classes, if any, by natural frequency)."""
        w, classes = draw_latents(G.mapping, net, count, derive_seed(seed, "score"))
        self.w_std = w.std(0, correction=0).clamp_min(1e-6)
        towards_mean = truncate(w, PSI, typical_w(G.mapping, net, classes))
        self.embeddings = embed_many(G, embedder, towards_mean, batch)
        self._points = Points.of(self.embeddings)

    def nearest(self, embedding: Tensor, neighbours: int = NEIGHBOURS) -> Tensor:
        """[N, D] -> mean LPIPS [N] to the nearest images."""
        return nearest_mean(self._points.distances(embedding), neighbours)
