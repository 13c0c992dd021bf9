"""Photos and pictures in LPIPS space, where a squared distance is LPIPS (METHOD 4)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from limbeck.config import NetConfig
from limbeck.kit.images import resize_area
from limbeck.kit.rng import generator
from limbeck.latents import truncate
from limbeck.nets import Generator
from limbeck.percept import LPIPS, at_least

SPACE_SIZE = 64
PICTURES, NEIGHBOURS, PSI = 1500, 20, 0.7


def at_space(pictures: Tensor) -> Tensor:
    """Float NCHW of any size -> 64 px, the size of LPIPS space in which sets are compared."""
    if min(pictures.shape[-2:]) < SPACE_SIZE:
        return at_least(pictures, SPACE_SIZE)
    return resize_area(pictures, SPACE_SIZE)


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """[N, D], [M, D] -> |a_i - b_j|^2 [N, M] by one matrix product, at least 0."""
    squares = (a**2).sum(1, keepdim=True) + (b**2).sum(1) - 2 * (a @ b.T)
    return squares.clamp_min(0)


def nearest_mean(distances: Tensor, neighbours: int) -> Tensor:
    """[N, M] -> mean of each row's `neighbours` smallest (all of them if M is less)."""
    count = min(neighbours, distances.shape[1])
    return distances.topk(count, dim=1, largest=False).values.mean(1)


class Pictures:
    """A fixed crowd of the generator's pictures in LPIPS space.

    Attributes:
        embeddings: float32 [count, D] at 64 px.
        w_std: float32 [w_dim], spread of M_ema(z) before truncation.
    """

    def __init__(
        self, g: Generator, lpips: LPIPS, net: NetConfig, *, count: int, seed: int, batch: int
    ) -> None:
        """Draw `count` pictures at psi 0.7 (classes, if any, uniformly at random)."""
        device = next(g.parameters()).device
        random = generator(seed, "score", "pictures")
        z = torch.randn(count, net.z_dim, generator=random)
        c = None
        if net.num_classes:
            c = torch.randint(net.num_classes, (count,), generator=random).to(device)
        latents, embeddings = [], []
        for start in range(0, count, batch):
            rows = slice(start, start + batch)
            w = g.mapping.w(z[rows].to(device), None if c is None else c[rows])
            latents.append(w)
            ws = g.broadcast(truncate(w, PSI, g.mapping.w_avg))
            embeddings.append(lpips.embed(at_space(g.synthesis(ws, noise="const").float())))
        self.embeddings = torch.cat(embeddings)
        self.w_std = torch.cat(latents).float().std(0, correction=0).clamp_min(1e-6)

    def nearest(self, embedding: Tensor, neighbours: int = NEIGHBOURS) -> Tensor:
        """[N, D] -> mean LPIPS [N] to the nearest pictures."""
        return nearest_mean(squared_distances(embedding, self.embeddings), neighbours)


def embed_centres(g: Generator, lpips: LPIPS, centres: Tensor, batch: int) -> Tensor:
    """Latent centres [K, w_dim] -> LPIPS embeddings [K, D] of their pictures at 64 px."""

    def chunks() -> Iterator[Tensor]:
        for part in torch.split(centres.to(next(g.parameters()).device), batch):
            picture = g.synthesis(g.broadcast(part.float()), noise="const").float()
            yield lpips.embed(at_space(picture))

    return torch.cat(list(chunks()))
