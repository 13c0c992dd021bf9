"""The truncation study's cells: which method, towards which centres, how strongly."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limbeck import fsio, logs
from limbeck.config import ModesConfig, Space, Truncation
from limbeck.kit.rng import derive_seed, generator
from limbeck.latents import (
    HoldsGenerator,
    ModeCentres,
    draw_w,
    embed_w,
    target_for,
    truncate,
)
from limbeck.modes import (
    Points,
    centres_of,
    cluster,
    perceptual_points,
    typical_latents,
)
from limbeck.nets import AnyGenerator
from limbeck.percept import LPIPS

Sets = Mapping[tuple[Space, int], ModeCentres]
"""(space of clustering, number of clusters) -> centres."""

TYPICAL: Truncation = "multimodal-typical"
TOWARDS_MODES: tuple[Truncation, ...] = ("multimodal-lpips", "multimodal-l2", TYPICAL)
METHODS: tuple[Truncation, ...] = ("global", *TOWARDS_MODES, "index")
_CHUNK = 64


@dataclass(frozen=True)
class Cell:
    """One set of images. `space` and `clusters` name the centres; for `none` and `global`, which
    have none, those whose nearest one says what a mode is."""

    method: Truncation
    space: Space
    clusters: int
    psi: float

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Cell":
        """The cell that a row of cells.jsonl was measured on."""
        return cls(row["method"], row["space"], row["clusters"], row["psi"])

    def values(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def __str__(self) -> str:
        where = "" if self.method in ("none", "global") else f" {self.clusters} in {self.space}"
        return f"{self.method}{where} psi {self.psi:g}"


def plan(
    psis: Sequence[float],
    clusters: Sequence[int],
    cluster_psis: Sequence[float],
    base: int,
    spaces: Sequence[Space],
) -> list[Cell]:
    """All cells, each once; psi 1 is the same image for every method: one cell, `none`.

    First `global`, then every method at `base` clusters, then the multi-modal ones at the other
    numbers.
    """
    cells = [Cell("none", spaces[0], base, 1.0)] if 1.0 in psis else []
    cells += [Cell("global", spaces[0], base, psi) for psi in psis if psi < 1]
    for space in spaces:
        methods = [m for m in METHODS[1:] if m != TYPICAL or space == spaces[0]]  # of no cluster
        cells += [Cell(m, space, base, psi) for m in methods for psi in psis if psi < 1]
    for space in spaces:
        cells += [
            Cell(method, space, count, psi)
            for method in TOWARDS_MODES
            if method != TYPICAL
            for count in clusters
            for psi in cluster_psis
            if psi < 1
        ]
    return list(dict.fromkeys(cells))


def drawn_modes(sizes: Tensor, count: int, seed: int) -> Tensor:
    """int64 [count]: centres drawn at random by their share, int64 sizes [K], for `index`."""
    random = generator(seed, "index")
    return torch.multinomial(sizes.double(), count, replacement=True, generator=random)


class Targets:
    """Where every method pulls every w, found by looking at each G(w) once.

    Attributes:
        w: float32 [N, w_dim].
        w_avg: float32 [w_dim].
    """

    def __init__(self, G: AnyGenerator, embedder: LPIPS, w: Tensor, sets: Sets, seed: int) -> None:
        """Embed every G(w) and ask each method; `seed` draws the centres of `index`."""
        self.w, self.w_avg, self._sets = w, G.mapping.w_avg, sets
        self._drawn = {key: drawn_modes(one.sizes, len(w), seed) for key, one in sets.items()}
        here = {key: one.to(w.device) for key, one in sets.items()}
        parts: dict[tuple[str, Space, int], list[Tensor]] = {}
        nearest: dict[tuple[Space, int], list[Tensor]] = {key: [] for key in sets}
        chunks = torch.split(w, _CHUNK)
        for part in logs.track(chunks, "drawing and comparing images", len(chunks)):
            seen = embed_w(G, embedder, part)
            for (space, count), modes in here.items():
                for method in TOWARDS_MODES:
                    found = target_for(method, part, w_avg=self.w_avg, modes=modes, embeddings=seen)
                    parts.setdefault((method, space, count), []).append(found.w)
                    if method == "multimodal-lpips" and found.modes is not None:
                        nearest[space, count].append(found.modes.cpu())
        self._found = {key: torch.cat(rows) for key, rows in parts.items()}
        self._nearest = {key: torch.cat(rows) for key, rows in nearest.items()}

    def truncated(self, cell: Cell) -> Tensor:
        """float32 [N, w_dim]: w' of the cell."""
        if cell.method == "none":
            return self.w
        if cell.method == "global":
            return truncate(self.w, cell.psi, self.w_avg)
        if cell.method == "index":
            centres = self._sets[cell.space, cell.clusters].centres.to(self.w.device)
            chosen = self._drawn[cell.space, cell.clusters].to(self.w.device)
            return truncate(self.w, cell.psi, centres[chosen])
        return truncate(self.w, cell.psi, self._found[cell.method, cell.space, cell.clusters])

    def modes(self, cell: Cell) -> Tensor:
        """int64 [N] on the CPU: the mode of each image, the same for all methods but `index`.

        It is the perceptually nearest centre of G(w) as it was before truncation; for `index` the
        centre that was drawn.
        """
        key = (cell.space, cell.clusters)
        return self._drawn[key] if cell.method == "index" else self._nearest[key]


Combination = tuple[Space, int]


@dataclass(frozen=True)
class Wanted:
    """How centres are made: how many latents are clustered, the seed, and of how many the images
    are looked at for typical ones."""

    samples: int
    seed: int
    typical: int = 4000


def study_centres(
    networks: HoldsGenerator,
    embedder: LPIPS,
    folder: Path,
    combinations: Sequence[Combination],
    wanted: Wanted,
    run: str,
) -> dict[Combination, ModeCentres]:
    """Centres for each (space, clusters), on the CPU.

    What lies in `folder` is read; the rest is made together, each image drawn once a purpose, and
    written there.

    Args:
        networks: the generator.
        embedder: LPIPS on its device.
        folder: of the study.
        combinations: what is asked for.
        wanted: how they are made.
        run: names generator and seed.
    """
    paths = {
        key: folder / f"{run}-{fsio.digest_json(asdict(wanted))}-{key[0]}-{key[1]}.safetensors"
        for key in combinations
    }
    missing = [key for key in combinations if not paths[key].exists()]
    if missing:
        logs.say(f"making {len(missing)} sets of clusters of {wanted.samples:,} latents")
        for key, one in _make(networks, embedder, missing, wanted).items():
            one.save(paths[key])
    return {key: ModeCentres.load(paths[key]) for key in combinations}


def _make(
    networks: HoldsGenerator, embedder: LPIPS, keys: Sequence[Combination], wanted: Wanted
) -> dict[Combination, ModeCentres]:
    G, seed = networks.G_ema, wanted.seed
    w = draw_w(G.mapping, networks.config, wanted.samples, derive_seed(seed, "modes"))
    points = _points(networks, embedder, w, {space for space, _ in keys}, seed)
    typical = typical_latents(G, embedder, w[: wanted.typical], seed)
    found = {}
    for space, count in keys:
        with logs.working(f"grouping latents into {count} clusters in {space}"):
            clusters = cluster(points[space], count, seed)
            found[space, count] = replace(centres_of(G, embedder, w, clusters), typical=typical)
    return found


def _points(
    networks: HoldsGenerator, embedder: LPIPS, w: Tensor, spaces: set[Space], seed: int
) -> dict[Space, Points]:
    """What is clustered in each space."""
    points: dict[Space, Points] = {}
    if "w" in spaces:
        points["w"] = np.ascontiguousarray(w.cpu().numpy(), dtype=np.float32)
    if "lpips" in spaces:
        components = ModesConfig().pca
        points["lpips"] = perceptual_points(networks.G_ema, embedder, w, components, seed)
    return points
