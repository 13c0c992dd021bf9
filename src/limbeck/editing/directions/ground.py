"""Where directions are looked for: latents of all images or of one mode, and base images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from limbeck import logs
from limbeck.editing.directions.settings import DirectionSettings
from limbeck.errors import UsageError
from limbeck.kit.rng import derive_seed
from limbeck.latents import (
    HoldsGenerator,
    ModeCentres,
    draw_latents,
    embed_w,
    nearest_embedding,
    nearest_l2,
    target_for,
    truncate,
    typical_w,
)
from limbeck.percept import LPIPS

_CHUNK = 16
_ROUNDS = 10  # of `samples` latents, to find the members of modes by W, which takes no image
_ENOUGH = 1000  # members of a mode, after which no more are looked for
FEWEST = 50
"""Members that a mode must have for directions to be looked for in it."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Latents among which directions are looked for.

    Attributes:
        mode: whose members they are; None = of all images.
        w: float32 [N, w_dim], not truncated.
        bases: float32 [B, num_ws, w_dim], truncated, whose images show what directions do.
    """

    mode: int | None
    w: Tensor
    bases: Tensor

    @cached_property
    def covariance(self) -> Tensor:
        """Of w, float64 [w_dim, w_dim]."""
        centred = self.w.double() - self.w.double().mean(0)
        return centred.T @ centred / max(len(self.w) - 1, 1)

    def spread(self, v: Tensor) -> float:
        """Standard deviation of w along a unit vector float [w_dim]."""
        v = v.to(self.covariance)
        return float((v @ self.covariance @ v).clamp_min(0).sqrt())

    def explained(self, v: Tensor) -> float:
        """Share of the variance of w that lies along a unit vector, 0 to 1."""
        return self.spread(v) ** 2 / max(float(self.covariance.trace()), 1e-30)


def wanted_modes(asked: DirectionSettings, modes: ModeCentres | None) -> list[int | None]:
    """The modes in which to look, [None] for all images together.

    Raises:
        UsageError: no modes are known, there is none of that number, or it is marked `never`.
    """
    if asked.mode is None and not asked.per_mode:
        return [None]
    if modes is None:
        raise UsageError(
            "directions within modes need modes, and none are known",
            "make them with `limbeck modes` and give their folder",
        )
    if asked.per_mode:
        largest = modes.sizes.argsort(descending=True, stable=True).tolist()
        drawn = set(modes.drawn)
        return [mode for mode in largest if mode in drawn][: asked.per_mode]
    return [None if asked.mode is None else modes.counted(asked.mode)]


@torch.no_grad()
def grounds_for(
    networks: HoldsGenerator, modes: ModeCentres | None, embedder: LPIPS, asked: DirectionSettings
) -> list[Ground]:
    """Latents and base images for each of `wanted_modes`.

    Base images of a mode are members pulled to its centre; else to the centre whose image is
    nearest, or without modes to the mean (of their class).

    Raises:
        UsageError: as `wanted_modes`; a mode has fewer than `FEWEST` members among the samples.
    """
    wanted = wanted_modes(asked, modes)
    G, net = networks.G_ema, networks.config
    if modes is None or wanted == [None]:
        seed = derive_seed(asked.seed, "directions")
        w, c = draw_latents(G.mapping, net, asked.samples, seed)
        base, classes = w[: asked.bases], None if c is None else c[: asked.bases]
        typical = typical_w(G.mapping, net, classes)
        goal = typical if modes is None else _nearest_centres(networks, modes, embedder, base)
        return [Ground(None, w, _pulled(networks, base, asked.psi, goal))]
    modes = modes.to(G.mapping.w_avg.device)
    target_for("multimodal-l2", G.mapping.w_avg[None], w_avg=G.mapping.w_avg, modes=modes)
    numbers = [mode for mode in wanted if mode is not None]
    found = _members(networks, modes, embedder, asked, numbers)
    made = []
    for mode, w in zip(numbers, found, strict=True):
        if len(w) < max(FEWEST, asked.bases):
            raise UsageError(
                f"mode {mode} has {len(w)} members among the latents drawn; "
                f"{max(FEWEST, asked.bases)} are needed",
                f"ask for more --samples than {asked.samples:,}, or for a larger mode",
            )
        made.append(
            Ground(mode, w, _pulled(networks, w[: asked.bases], asked.psi, modes.targets[mode]))
        )
    return made


def _pulled(networks: HoldsGenerator, w: Tensor, psi: float, goal: Tensor) -> Tensor:
    return networks.G_ema.broadcast(truncate(w, psi, goal)).contiguous()


def _nearest_centres(
    networks: HoldsGenerator, modes: ModeCentres, embedder: LPIPS, w: Tensor
) -> Tensor:
    G = networks.G_ema
    modes = modes.to(w.device)
    embeddings = torch.cat([embed_w(G, embedder, part) for part in torch.split(w, _CHUNK)])
    return target_for(
        "multimodal-lpips", w, w_avg=G.mapping.w_avg, modes=modes, embeddings=embeddings
    ).w


def _members(
    networks: HoldsGenerator,
    modes: ModeCentres,
    embedder: LPIPS,
    asked: DirectionSettings,
    numbers: Sequence[int],
) -> list[Tensor]:
    """w [n, w_dim] of each mode's members among latents drawn; by W more are drawn for small
    modes."""
    G = networks.G_ema
    parts: list[list[Tensor]] = [[] for _ in numbers]
    with logs.working("finding the members of modes"):
        for turn in range(_ROUNDS if asked.members == "l2" else 1):
            seed = derive_seed(asked.seed, "directions", turn)
            w, _ = draw_latents(G.mapping, networks.config, asked.samples, seed)
            chosen = members_of(networks, modes, embedder, w, asked)
            for mode, part in zip(numbers, parts, strict=True):
                part.append(w[chosen == mode])
            if all(sum(map(len, part)) >= _ENOUGH for part in parts):
                break
    return [torch.cat(part) for part in parts]


def members_of(
    networks: HoldsGenerator,
    modes: ModeCentres,
    embedder: LPIPS,
    w: Tensor,
    asked: DirectionSettings,
) -> Tensor:
    """The mode that each latent float [N, w_dim] counts as, int64 [N], by `asked.members`.

    Those of modes marked `never` are given to these: they are members of no other mode.
    """
    if asked.members == "l2":
        return modes.numbers[nearest_l2(w, modes.centres)]
    parts = logs.track(torch.split(w, _CHUNK), "giving latents to modes", -(-len(w) // _CHUNK))
    found = [
        nearest_embedding(embed_w(networks.G_ema, embedder, p), modes.embeddings) for p in parts
    ]
    return modes.numbers[torch.cat(found)]
