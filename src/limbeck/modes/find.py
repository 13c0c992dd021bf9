"""The stage `modes`: latents of a generator -> clusters, centres, exemplars, atlas."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.mode_files import MODES_FORMAT, Modes, count_modes, read_modes
from limbeck.artefacts.mode_marks import marked
from limbeck.artefacts.stage import Provenance
from limbeck.config import ModesConfig
from limbeck.errors import UsageError
from limbeck.kit.rng import derive_seed
from limbeck.latents import (
    HoldsGenerator,
    ModeCentres,
    draw_w,
    embed_w,
    nearest_embedding,
    nearest_l2,
    tensors_digest,
)
from limbeck.modes.atlas import images_of_latents, write_atlas, write_sheets
from limbeck.modes.clustering import Clusters, cluster, perceptual_points
from limbeck.modes.count import choose_count
from limbeck.modes.typical import typical_latents
from limbeck.nets import AnyGenerator
from limbeck.percept import LPIPS
from limbeck.records import ClusterChoice, ModesSummary

_CHUNK = 64


def assign(points: Tensor, modes: Modes | ModeCentres) -> Tensor:
    """The mode that each point counts as, int64 [N].

    A person's marks are honoured so far as modes are merged; `never` is about drawing alone.

    Args:
        points: latents float [N, w_dim] (nearest centre in W), or LPIPS-AlexNet embeddings at 64 px
            float [N, D] (nearest centre's image); told apart by their width.
        modes: the centres.

    Raises:
        UsageError: neither of the two widths.
    """
    centres = modes.mode_centres if isinstance(modes, Modes) else modes
    width = points.shape[1] if points.ndim == 2 else 0
    if width == centres.centres.shape[1]:
        found = nearest_l2(points, centres.centres.to(points.device))
    elif width == centres.embeddings.shape[1]:
        found = nearest_embedding(points, centres.embeddings.to(points.device))
    else:
        raise UsageError(
            f"points of shape {tuple(points.shape)} are neither latents [N, "
            f"{centres.centres.shape[1]}] nor embeddings [N, {centres.embeddings.shape[1]}]"
        )
    return centres.numbers.to(points.device)[found]


@torch.no_grad()
def centres_of(G: AnyGenerator, embedder: LPIPS, w: Tensor, clusters: Clusters) -> ModeCentres:
    """The centres of clusters of latents, on the CPU.

    Args:
        G: the generator.
        embedder: LPIPS.
        w: float [N, w_dim], the latents that were clustered.
        clusters: their partition.
    """
    rows = [torch.from_numpy(r).to(w.device) for r in clusters.nearest]
    centres = torch.stack([w[r].double().mean(0).float() for r in rows])
    parts = [embed_w(G, embedder, part) for part in torch.split(centres, _CHUNK)]
    sizes = torch.from_numpy(clusters.sizes).to(torch.int64)
    return ModeCentres(centres.cpu(), torch.cat(parts).float().cpu(), sizes)


@torch.no_grad()
def find_modes(
    networks: HoldsGenerator, out: Path, config: ModesConfig, *, seed: int = 0, typical: int = 0
) -> Modes:
    """Cluster latents of the averaged generator.

    `config.samples` w are drawn and clustered by k-means in W, or in LPIPS space (embeddings of
    their images at 64 px, PCA to `config.pca`). A centre is the mean w of the members in both.
    Their number is `config.clusters`, or chosen (see `choose_count`). Writes modes.safetensors,
    modes.json, mode-00.png ..., atlas.png, and done.json last; the same call again reads what is
    there. marks.csv, a person's, stays and is read.

    Args:
        networks: `Networks` or a `Pipeline`.
        out: the stage's folder.
        config: how many latents, how many clusters, in which space.
        seed: the same seed gives the same modes.
        typical: of so many of the latents the images are looked at, and the typical quarter goes
            with the modes (`typical_latents`); at most `config.samples`, 0 = none.

    Raises:
        UsageError: fewer samples than clusters.
        DataError: the folder cannot be written.
    """
    if config.clusters is not None and config.samples < config.clusters:
        raise UsageError(
            f"modes.samples {config.samples} is less than modes.clusters {config.clusters}",
            "draw more samples or ask for fewer clusters",
        )
    out, started = Path(out), time.perf_counter()
    G = networks.G_ema
    typical = min(typical, config.samples)
    provenance = modes_provenance(networks, config, seed, typical)
    settings = _settings(config, seed, typical)
    if provenance.done_in(out) and (out / "modes.safetensors").exists():
        return read_modes(out)
    with fresh(out, "modes") as folder:
        lpips = LPIPS.load("alex").to(G.mapping.w_avg.device)
        w, clusters, found, choice = _clustered(networks, lpips, config, seed)
        if typical:
            found = replace(found, typical=typical_latents(G, lpips, w[:typical], seed))
        summary = ModesSummary(
            clusters=len(found), found=count_modes(found.sizes), space=config.space,
            samples=config.samples, sizes=found.sizes.tolist(),
            typical=0 if found.typical is None else len(found.typical),
            seconds=round(time.perf_counter() - started, 3), choice=choice,
        )  # fmt: skip
        _write(folder, found, summary, settings)
        with logs.working("drawing the atlas"):
            _draw(folder, G, w, clusters, found, config.exemplars)
        provenance.finish(folder, "modes", started=started, summary=summary.model_dump())
    _say(summary)
    return Modes(marked(found, out), summary)


def modes_provenance(
    networks: HoldsGenerator, config: ModesConfig, seed: int, typical: int = 0
) -> Provenance:
    """What `find_modes` makes modes of."""
    inputs = {"generator": tensors_digest(networks.G_ema.state_dict())}
    return Provenance.of(inputs, _settings(config, seed, min(typical, config.samples)))


def _settings(config: ModesConfig, seed: int, typical: int) -> dict[str, object]:
    some = {"typical": typical} if typical else {}
    return {**config.model_dump(mode="json"), "seed": seed, **some}


def _clustered(
    networks: HoldsGenerator, lpips: LPIPS, config: ModesConfig, seed: int
) -> tuple[Tensor, Clusters, ModeCentres, ClusterChoice | None]:
    """Latents, their clusters, the centres, and why so many clusters."""
    G = networks.G_ema
    with logs.working(f"drawing {config.samples:,} latents"):
        w = draw_w(G.mapping, networks.config, config.samples, derive_seed(seed, "modes"))
    if config.space == "w":
        points = np.ascontiguousarray(w.cpu().numpy(), dtype=np.float32)
    else:
        points = perceptual_points(G, lpips, w, config.pca, seed)
    choice = None
    if config.clusters is None:
        with logs.working("choosing the number of clusters"):
            choice = choose_count(points, seed)
    count = choice.chosen if choice else config.clusters or 1
    with logs.working(f"grouping {len(points):,} latents into {count} clusters"):
        clusters = cluster(points, count, seed)
        found = centres_of(G, lpips, w, clusters)
    return w, clusters, found, choice


def _say(summary: ModesSummary) -> None:
    if summary.choice is not None:
        gains = ", ".join(
            f"{count} {share:.1%}"
            for count, share in zip(summary.choice.counts, summary.choice.explained, strict=True)
        )
        logs.say(
            f"{summary.choice.chosen} clusters chosen (variance that so many explain: {gains})"
        )


def _draw(
    out: Path, G: AnyGenerator, w: Tensor, clusters: Clusters, found: ModeCentres, count: int
) -> None:
    """The sheets and the atlas, with `count` members of each cluster."""
    rows = [torch.from_numpy(r[:count]).to(w.device) for r in clusters.nearest]
    examples = [images_of_latents(G, w[r]) for r in rows]
    write_sheets(out, examples)
    centres = images_of_latents(G, found.centres.to(w.device))
    write_atlas(out / "atlas.png", centres, examples, found.sizes.tolist())


def _write(
    out: Path, found: ModeCentres, summary: ModesSummary, settings: dict[str, object]
) -> None:
    found.save(out / "modes.safetensors")
    total = sum(summary.sizes)
    fsio.write_json(
        out / "modes.json",
        {
            "format_version": MODES_FORMAT,
            "summary": summary.model_dump(mode="json"),
            "settings": settings,
            "centres": found.digest(),
            "modes": [
                {"mode": k, "size": size, "share": size / total, "picture": f"mode-{k:02d}.png"}
                for k, size in enumerate(summary.sizes)
            ],
        },
    )
