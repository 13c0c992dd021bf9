"""A crowd of generated pictures in LPIPS space, where a squared distance is LPIPS (METHOD 4)."""

import torch
from torch import Tensor

from limbeck.config import NetConfig
from limbeck.kit.rng import derive_seed
from limbeck.latents import Embeds, Paints, draw_latents, embed_w, truncate, typical_w

PICTURES, NEIGHBOURS, PSI = 1500, 20, 0.7


def squared_norms(a: Tensor) -> Tensor:
    """[N, D] -> |a_i|^2 [N]."""
    norms: Tensor = torch.linalg.vector_norm(a, dim=1)
    return norms.square()


def squared_distances(a: Tensor, b: Tensor, b_norms: Tensor | None = None) -> Tensor:
    """[N, D], [M, D] -> |a_i - b_j|^2 [N, M] by one matrix product, at least 0.

    `b_norms` is `squared_norms(b)` where it is known.
    """
    norms = squared_norms(b) if b_norms is None else b_norms
    return (squared_norms(a)[:, None] + norms - 2 * (a @ b.T)).clamp_min(0)


def nearest_mean(distances: Tensor, neighbours: int) -> Tensor:
    """[N, M] -> mean of each row's `neighbours` smallest (all of them if M is less)."""
    count = min(neighbours, distances.shape[1])
    return distances.topk(count, dim=1, largest=False).values.mean(1)


def embed_many(painter: Paints, embedder: Embeds, w: Tensor, batch: int) -> Tensor:
    """Latents float [K, w_dim] -> LPIPS embeddings [K, D] of their pictures at 64 px."""
    return torch.cat([embed_w(painter, embedder, part) for part in torch.split(w, batch)])


class Pictures:
    """Pictures that the generator draws at psi 0.7 towards the global mean.

    Attributes:
        embeddings: float32 [count, D] at 64 px.
        w_std: float32 [w_dim], spread of M(z) before truncation.
    """

    def __init__(
        self,
        painter: Paints,
        embedder: Embeds,
        net: NetConfig,
        *,
        count: int,
        seed: int,
        batch: int,
    ) -> None:
        """Draw `count` pictures (classes, if any, by natural frequency)."""
        w, classes = draw_latents(painter.mapping, net, count, derive_seed(seed, "score"))
        self.w_std = w.std(0, correction=0).clamp_min(1e-6)
        towards_mean = truncate(w, PSI, typical_w(painter.mapping, net, classes))
        self.embeddings = embed_many(painter, embedder, towards_mean, batch)
        self._norms = squared_norms(self.embeddings)

    def nearest(self, embedding: Tensor, neighbours: int = NEIGHBOURS) -> Tensor:
        """[N, D] -> mean LPIPS [N] to the nearest pictures."""
        return nearest_mean(squared_distances(embedding, self.embeddings, self._norms), neighbours)
