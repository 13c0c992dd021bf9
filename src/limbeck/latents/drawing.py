"""Drawing: latents at random or by seed, what their pictures look like, seeds to pictures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from limbeck.config import NetConfig, Truncation
from limbeck.errors import UsageError
from limbeck.kit.images import resize_area, to_uint8
from limbeck.kit.rng import Draws, generator
from limbeck.latents.centres import ModeCentres
from limbeck.latents.truncation import needs_pictures, target_for, truncate

SPACE_SIZE = 64
"""Pictures are compared by LPIPS at this side in pixels; larger and smaller ones are resized."""

NoiseKind = Literal["const", "random", "none"]


class MapsLatents(Protocol):
    """What is asked of a mapping network."""

    @property
    def w_avg(self) -> Tensor: ...  # noqa: D102
    def w(self, z: Tensor, c: Tensor | None = None) -> Tensor: ...  # noqa: D102


class Paints(Protocol):
    """What is asked of a generator; `limbeck.nets.Generator` is one."""

    @property
    def mapping(self) -> MapsLatents: ...  # noqa: D102
    @property
    def synthesis(self) -> Callable[..., Tensor]: ...  # noqa: D102
    def broadcast(self, w: Tensor) -> Tensor: ...  # noqa: D102


class Embeds(Protocol):
    """What is asked of a perceptual space; `limbeck.percept.LPIPS` is one."""

    def embed(self, x: Tensor) -> Tensor: ...  # noqa: D102


class HoldsGenerator(Protocol):
    """Networks of a run, or a model folder's pipeline."""

    @property
    def G_ema(self) -> Paints: ...  # noqa: D102
    @property
    def config(self) -> NetConfig: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Sample:
    """One seed's picture, uint8 [3, S, S] on the CPU, and the mode it was pulled to, if any."""

    seed: int
    image: Tensor
    mode: int | None


def seeds_to_z(seeds: Sequence[int], z_dim: int) -> Tensor:
    """Standard normal float32 [N, z_dim] on the CPU; a row depends on its own seed alone."""
    rows = [torch.randn(z_dim, generator=generator("z", seed)) for seed in seeds]
    return torch.stack(rows) if rows else torch.empty(0, z_dim)


@torch.no_grad()
def draw_w(
    mapping: MapsLatents, net: NetConfig, count: int, seed: int, batch: int = 4096
) -> Tensor:
    """float32 [count, w_dim] on the mapping's device: M(z) of random z, not truncated.

    Classes, if the generator has them, are drawn uniformly.
    """
    random = generator(seed, "draw_w")
    device = mapping.w_avg.device
    z = torch.randn(count, net.z_dim, generator=random)
    c = torch.randint(net.num_classes, (count,), generator=random) if net.num_classes else None
    parts = []
    for start in range(0, count, batch):
        rows = slice(start, start + batch)
        classes = None if c is None else c[rows].to(device)
        parts.append(mapping.w(z[rows].to(device), classes).float())
    return torch.cat(parts)


@torch.no_grad()
def embed_w(painter: Paints, embedder: Embeds, w: Tensor) -> Tensor:
    """float [N, w_dim] -> float32 [N, D]: LPIPS embedding of G(w) at 64 px, const noise."""
    picture = painter.synthesis(painter.broadcast(w), noise="const").float()
    return embedder.embed(resize_area(picture, SPACE_SIZE))


@torch.no_grad()
def paint_seeds(
    networks: HoldsGenerator,
    seeds: Sequence[int],
    *,
    psi: float,
    truncation: Truncation,
    modes: ModeCentres | None,
    embedder: Embeds | None,
    mode_index: int | None = None,
    batch: int = 16,
    noise: NoiseKind = "const",
    labels: Sequence[int] | None = None,
) -> Iterator[Sample]:
    """One picture a seed, whatever the others: the one implementation of drawing.

    The same within 1/255 across batch sizes, bitwise where a chunk has the same size. `labels`
    default to seed mod classes for class-conditional generators.

    Raises:
        UsageError: as `target_for`; psi outside 0..1; labels that do not fit.
    """
    if not 0 <= psi <= 1 or batch < 1:
        raise UsageError(f"psi {psi} and batch {batch}: wanted 0 <= psi <= 1 and batch >= 1")
    painter, net = networks.G_ema, networks.config
    w_avg = painter.mapping.w_avg
    classes = _classes(seeds, labels, net.num_classes)
    modes = modes.to(w_avg.device) if modes else None
    step = 1 if noise == "random" else batch
    for start in range(0, len(seeds), step):
        chunk = seeds[start : start + step]
        c = None if classes is None else classes[start : start + step].to(w_avg.device)
        w = painter.mapping.w(seeds_to_z(chunk, net.z_dim).to(w_avg.device), c)
        pictures = needs_pictures(truncation) and modes is not None and embedder is not None
        embeddings = embed_w(painter, embedder, w) if pictures and embedder else None
        target = target_for(
            truncation, w, w_avg=w_avg, modes=modes, embeddings=embeddings, mode_index=mode_index
        )
        ws = painter.broadcast(truncate(w, psi, target.w))
        random = Draws(generator("noise", chunk[0])) if noise == "random" else None
        images = to_uint8(painter.synthesis(ws, noise=noise, rng=random)).cpu()
        chosen = [None] * len(chunk) if target.modes is None else target.modes.tolist()
        for seed, image, mode in zip(chunk, images, chosen, strict=True):
            yield Sample(seed, image, mode)


def _classes(seeds: Sequence[int], labels: Sequence[int] | None, num_classes: int) -> Tensor | None:
    if num_classes == 0:
        if labels is not None:
            raise UsageError("labels were given, but the generator has no classes")
        return None
    chosen = [seed % num_classes for seed in seeds] if labels is None else list(labels)
    if len(chosen) != len(seeds) or not all(0 <= c < num_classes for c in chosen):
        raise UsageError(
            f"{len(chosen)} labels for {len(seeds)} seeds and {num_classes} classes",
            f"give one label from 0 to {num_classes - 1} per seed",
        )
    return torch.tensor(chosen, dtype=torch.int64)
