"""Centres for the truncation study: every space and number from one draw of latents."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limbeck import fsio, logs
from limbeck.config import ModesConfig, Space
from limbeck.kit.rng import derive_seed
from limbeck.latents import Embeds, HoldsGenerator, ModeCentres, draw_w
from limbeck.modes import (
    Points,
    centres_of,
    cluster,
    learn_map,
    lpips_to_centres,
    perceptual_points,
)

Combination = tuple[Space, int]


@dataclass(frozen=True)
class Wanted:
    """How centres are made: latents clustered, latents a map learns from, the seed of both."""

    samples: int
    map_samples: int
    seed: int


def study_centres(
    networks: HoldsGenerator,
    embedder: Embeds,
    folder: Path,
    combinations: Sequence[Combination],
    wanted: Wanted,
    run: str,
) -> tuple[dict[Combination, ModeCentres], dict[str, Any]]:
    """Centres with maps for each (space, clusters), and how good each map is.

    What lies in `folder` is read; the rest is made together, each picture drawn once a purpose, and
    written there.

    Args:
        networks: the generator.
        embedder: LPIPS on its device.
        folder: of the study.
        combinations: what is asked for.
        wanted: how they are made.
        run: names generator and seed.

    Returns:
        The centres on the CPU, and `"w-64"` -> what `learn_map` measured, as plain values.
    """
    paths = {
        key: folder / f"{run}-{fsio.digest_json(asdict(wanted))}-{key[0]}-{key[1]}.safetensors"
        for key in combinations
    }
    missing = [key for key in combinations if not _quality(paths[key]).exists()]
    if missing:
        logs.say(f"making {len(missing)} sets of clusters of {wanted.samples:,} latents")
        made, quality = _make(networks, embedder, missing, wanted)
        for key in missing:
            made[key].save(paths[key])
            fsio.write_json(_quality(paths[key]), quality[key])
    found = {key: ModeCentres.load(paths[key]) for key in combinations}
    names = {key: f"{key[0]}-{key[1]}" for key in combinations}
    return found, {names[key]: fsio.read_json(_quality(paths[key])) for key in combinations}


def _quality(path: Path) -> Path:
    return path.with_suffix(".json")


def _make(
    networks: HoldsGenerator, embedder: Embeds, keys: Sequence[Combination], wanted: Wanted
) -> tuple[dict[Combination, ModeCentres], dict[Combination, Any]]:
    painter, seed = networks.G_ema, wanted.seed
    w = draw_w(painter.mapping, networks.config, wanted.samples, derive_seed(seed, "modes"))
    points, head = _points(networks, embedder, w, {space for space, _ in keys}, seed)
    found = {}
    for space, count in keys:
        with logs.working(f"grouping latents into {count} clusters in {space}"):
            clusters = cluster(points[space], count, seed)
            found[space, count] = centres_of(painter, embedder, w, clusters)
    seen = w[: wanted.map_samples]
    if len(seen) == 0:
        return found, dict.fromkeys(keys)
    every = torch.cat([found[key].embeddings for key in keys])
    known = None if head is None else head[: len(seen)]
    distances = lpips_to_centres(painter, embedder, seen, every, known)
    quality: dict[Combination, Any] = {}
    parts = torch.split(distances, [len(found[key]) for key in keys], dim=1)
    for key, part in zip(keys, parts, strict=True):
        with logs.working(f"learning the map to {key[1]} clusters in {key[0]}"):
            chooser, measured = learn_map(seen, part, found[key].centres, seed)
        found[key] = replace(found[key], map=chooser)
        quality[key] = measured.model_dump(mode="json")
        logs.say(
            f"map to {key[1]} clusters in {key[0]}: right for {measured.agreement:.1%} of latents "
            f"it had not seen (the nearest centre: {measured.agreement_l2:.1%})"
        )
    return found, quality


def _points(
    networks: HoldsGenerator, embedder: Embeds, w: Tensor, spaces: set[Space], seed: int
) -> tuple[dict[Space, Points], Tensor | None]:
    """What is clustered in each space, and embeddings of the first pictures where there are."""
    points: dict[Space, Points] = {}
    head = None
    if "w" in spaces:
        points["w"] = np.ascontiguousarray(w.cpu().numpy(), dtype=np.float32)
    if "lpips" in spaces:
        components = ModesConfig().pca
        points["lpips"], head = perceptual_points(networks.G_ema, embedder, w, components, seed)
    return points, head
