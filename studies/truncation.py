"""`python -m studies truncation`: does pulling to the nearest mode pay, and by how much?

The same seeds are drawn under every method, strength and set of centres, and compared with photos.
Every finished cell is a line of cells.jsonl at once; the same call goes on where it stopped, and a
call for another generator of the same dataset adds a run, so that the summary has a spread.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from limbeck import __version__, fsio, logs
from limbeck.bench import Work, compare
from limbeck.config import Space, Truncation
from limbeck.data import Dataset
from limbeck.errors import UsageError
from limbeck.kit.device import machine
from limbeck.kit.images import resize_area, to_float
from limbeck.kit.rng import derive_seed
from limbeck.kit.selection import evenly
from limbeck.latents import (
    SPACE_SIZE,
    HoldsGenerator,
    ModeCentres,
    draw_w,
    images_of_seeds,
    tensors_digest,
)
from limbeck.metrics import compare_sets, dataset_features, embedding_diversity, lpips_embeddings
from limbeck.modes import images_of_latents
from limbeck.percept import LPIPS, FeatureExtractor, Features, features_of
from studies.equal_precision import summarise
from studies.truncation_cells import Cell, Sets, Targets, Wanted, plan, study_centres

FORMAT_VERSION = 1
MOST_PHOTOS = 5000
_BATCH = 64


def study_truncation(
    networks: HoldsGenerator,
    dataset: Dataset,
    out: Path,
    *,
    features: Sequence[str] = ("lpips-alex",),
    count: int = 2000,
    psis: Sequence[float] = (0.3, 0.5, 0.7, 0.85, 1.0),
    clusters: Sequence[int] = (8, 16, 32, 64, 128),
    cluster_psis: Sequence[float] = (0.5, 0.7),
    base_clusters: int = 64,
    spaces: Sequence[Space] = ("w", "lpips"),
    samples: int = 10_000,
    repeats: int = 7,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure every way of truncating one generator against photos.

    Cells: `global`, each multi-modal method and `index` (each seed pulled to a centre drawn by its
    share) at `psis` with `base_clusters`; the multi-modal ones at the other `clusters` and
    `cluster_psis`; centres from clusters in each of `spaces`. At psi 1 all are one cell. Writes
    cells.jsonl as it goes, then summary.json and images.

    Args:
        networks: `Networks` or a `Pipeline`.
        dataset: photos to compare with, up to 5,000 evenly chosen, at the generator's size.
        out: folder; several generators may share it.
        features: names that `limbeck.percept.Features` knows.
        count: images of a cell.
        psis, clusters, cluster_psis, base_clusters, spaces: what is varied.
        samples: latents that are clustered.
        repeats: turns of the timing; 0 = none.
        seed: of latents and clusters.

    Returns:
        What summary.json holds.

    Raises:
        UsageError: unknown features, or too few latents for the clusters.
        DataError: the folder cannot be written.
    """
    numbers = {*clusters, base_clusters}
    if not spaces or min(numbers) < 1 or samples < max(numbers):
        raise UsageError(
            f"{samples} latents cannot make {max(numbers)} clusters in the spaces {list(spaces)}",
            "ask for at least one space and no more clusters than samples",
        )
    cells = plan(psis, clusters, cluster_psis, base_clusters, spaces)
    study = _Study(networks, dataset, list(features), count, seed, samples)
    combinations = list(dict.fromkeys((cell.space, cell.clusters) for cell in cells))
    wanted = Wanted(samples=samples, seed=seed)
    sets = study_centres(networks, study.lpips, out / "centres", combinations, wanted, study.run)
    _measure(study, cells, sets, out / "cells.jsonl")
    path = out / "costs.json"
    costs = fsio.read_json(path) if path.exists() else {}
    if repeats and study.run not in costs:
        base = sets[spaces[0], base_clusters].to(networks.G_ema.mapping.w_avg.device)
        costs[study.run] = truncation_costs(networks, study.lpips, base, repeats=repeats)
        costs[study.run]["machine"] = machine(networks.G_ema.mapping.w_avg.device)
        fsio.write_json(path, costs)
    rows = [row for row in fsio.read_jsonl(out / "cells.jsonl") if row["study"] == study.digest]
    found = summarise(rows, cells, base_clusters, out)
    found |= {"costs": costs.get(study.run), "run": study.run}
    fsio.write_json(out / "summary.json", found)
    return found


class _Study:
    """What all cells share: the latents, the photos' features, the names of it all.

    Attributes:
        digest: of the photos, the features and the sizes; runs of one study are comparable.
        run: of the generator and the seed.
    """

    def __init__(
        self,
        networks: HoldsGenerator,
        dataset: Dataset,
        features: list[str],
        count: int,
        seed: int,
        latents: int,
    ) -> None:
        G = networks.G_ema
        self.networks, self.seed = networks, seed
        self.device = G.mapping.w_avg.device
        self.extractors: list[FeatureExtractor] = [Features(n, self.device) for n in features]
        self.lpips = LPIPS.load("alex").to(self.device)
        self._dataset = dataset
        size = networks.config.size
        self.photos = min(len(dataset), MOST_PHOTOS)
        self.digest = fsio.digest_json(
            [FORMAT_VERSION, dataset.digest, size, self.photos, features, count, latents]
        )
        self.run = fsio.digest_json([tensors_digest(G.state_dict()), seed])
        self.w = draw_w(G.mapping, networks.config, count, derive_seed(seed, "truncation study"))

    def real(self) -> list[Tensor]:
        """Features of the photos, one tensor float32 [N, D] a set of features."""
        size = self.networks.config.size
        ids = evenly(self._dataset.ids, self.photos)
        return [dataset_features(self._dataset, e, size=size, ids=ids) for e in self.extractors]

    def key(self, cell: Cell, centres: str) -> str:
        """Names a cell of this run by content."""
        return fsio.digest_json([self.digest, self.run, cell.values(), centres])


def _measure(study: _Study, cells: Sequence[Cell], sets: Sets, path: Path) -> None:
    """Append what is not there yet."""
    digests = {key: one.digest() for key, one in sets.items()}
    keys = {cell: study.key(cell, digests[cell.space, cell.clusters]) for cell in cells}
    rows = fsio.read_jsonl(path)
    if path.exists() and not path.read_text(encoding="utf-8").endswith("\n"):  # killed in a line
        fsio.write_text(path, "".join(fsio.json_line(row) for row in rows))
    there = {row["key"] for row in rows}
    left = [cell for cell in cells if keys[cell] not in there]
    if not left:
        logs.say(f"all {len(cells)} cells are measured")
        return
    logs.say(f"{len(left)} of {len(cells)} cells to measure, {len(study.w)} images each")
    real = study.real()
    targets = Targets(study.networks.G_ema, study.lpips, study.w, sets, study.seed)
    with logs.working("measuring cells", len(left)) as task:
        for cell in left:
            task.note = str(cell)
            row = _cell(study, cell, targets, real)
            fsio.append_jsonl(path, {"key": keys[cell], **row})
            task.step()


def _cell(study: _Study, cell: Cell, targets: Targets, real: list[Tensor]) -> dict[str, Any]:
    """Draw the cell's images and measure them."""
    began = time.perf_counter()
    pictures = images_of_latents(study.networks.G_ema, targets.truncated(cell))
    modes = targets.modes(cell)
    seen = lpips_embeddings(torch.split(pictures, _BATCH), study.device)
    found = {}
    for extractor, photos in zip(study.extractors, real, strict=True):
        fake = features_of(torch.split(pictures, _BATCH), extractor)
        compared = compare_sets(photos, fake, features=extractor.name, seed=study.seed)
        found[extractor.name] = compared.model_dump(mode="json")
    return {
        "format_version": FORMAT_VERSION, "study": study.digest, "run": study.run,
        **cell.values(), "seed": study.seed, "pictures": len(pictures), "photos": study.photos,
        "features": found, "lpips": embedding_diversity(seen, modes).model_dump(mode="json"),
        "seconds": round(time.perf_counter() - began, 3),
        "date": datetime.now(UTC).isoformat(timespec="seconds"), "limbeck": __version__,
    }  # fmt: skip


PLAIN = "global"
EMBEDDED = "global + one embedding"
LOOKED = "two images + one embedding"
_PSI = 0.7


def truncation_costs(
    networks: HoldsGenerator,
    embedder: LPIPS,
    modes: ModeCentres,
    *,
    pictures: int = 32,
    batch: int = 16,
    repeats: int = 7,
) -> dict[str, Any]:
    """Seconds an image of each way of truncating, and ratios to plain (global) sampling.

    `global + one embedding` is what multimodal-lpips would cost if looking at G(w) needed no second
    synthesis; `two pictures + one embedding` is what it cannot do without, so that
    `assignment` (the method's time to that, less 1) is what finding the nearest centre
    costs. With seven turns and more the medians can be quoted.

    Args:
        networks: the generator, where it lies.
        embedder: LPIPS on the same device.
        modes: its centres.
        pictures: images in one turn.
        batch: at once.
        repeats: turns of each.
    """
    seeds, device = range(pictures), networks.G_ema.mapping.w_avg.device

    def draw(truncation: Truncation) -> Callable[[], list[Tensor]]:
        return lambda: [
            one.image
            for one in images_of_seeds(
                networks, seeds, psi=_PSI, truncation=truncation, modes=modes, embedder=embedder,
                batch=batch,
            )
        ]  # fmt: skip

    @torch.no_grad()
    def look() -> None:
        for part in torch.split(torch.stack(draw("global")()), batch):
            embedder.embed(resize_area(to_float(part.to(device)), SPACE_SIZE))

    def look_and_draw() -> None:
        look()
        draw("global")()

    methods: Sequence[Truncation] = ("multimodal-l2", "multimodal-lpips")
    if modes.typical is not None:
        methods = (*methods, "multimodal-typical")
    works: dict[str, Work] = {PLAIN: draw("global"), EMBEDDED: look, LOOKED: look_and_draw}
    works |= {method: draw(method) for method in methods}
    times = compare({name: {"draw": work} for name, work in works.items()}, device, repeats)
    wall = {name: pieces["draw"]["wall"] for name, pieces in times.items()}
    plain = wall[PLAIN]["median"]
    return {
        "pictures": pictures, "batch": batch, "repeats": repeats,
        "seconds_per_picture": {n: t["median"] / pictures for n, t in wall.items()},
        "half_iqr": {n: t["half_iqr"] / pictures for n, t in wall.items()},
        "ratio_to_global": {n: t["median"] / plain for n, t in wall.items()},
        "assignment": wall["multimodal-lpips"]["median"] / wall[LOOKED]["median"] - 1,
    }  # fmt: skip
