"""Scoring a dataset: what is found out about each photo, then what needs them all."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.scores import MODE, Scores, read_scores
from limbeck.artefacts.stage import Provenance
from limbeck.config import RECOMMENDED, WITHOUT_GENERATOR, ScoreConfig
from limbeck.curation.columns import TOLD_APART
from limbeck.curation.embedding import NEIGHBOURS
from limbeck.curation.formulas import (
    DENSITIES,
    FORMULAS,
    FUSED,
    FUSED_WITHOUT,
    formulas_digest,
    recommended_formula,
)
from limbeck.curation.gathering import Gathered, gather
from limbeck.curation.generated import (
    LITE0_SIDE,
    SPACES,
    generated_spaces,
    nearness,
    norm_distances,
)
from limbeck.curation.looking import Blocks, BlockScorer
from limbeck.curation.mixture import fit_mixture
from limbeck.curation.parts import Parts
from limbeck.curation.photos_alone import Seen, photo_columns
from limbeck.data import Dataset
from limbeck.errors import DataError
from limbeck.kit.allocator import keep_memory
from limbeck.kit.tables import Column
from limbeck.latents import tensors_digest
from limbeck.metrics import agreement, weighted_mean
from limbeck.nets import Networks
from limbeck.percept import LPIPS, Features

_BLUR_FLOOR = 0.01

Arrays = dict[str, Column]
Columns = dict[str, Column | NDArray[np.int64]]


def score(
    dataset: Dataset,
    networks: Networks,
    out: Path,
    config: ScoreConfig,
    *,
    centres: Tensor | None = None,
    seed: int = 0,
    parts: Path | None = None,
) -> Scores:
    """Score every photo; writes scores.parquet, scores.json (formulas) and done.json into `out`.

    Nothing here reads a label. Scores that stand in `out` for the same photos, networks, centres,
    settings and seed are returned as they are.

    Args:
        dataset: photos; read at the networks' size, at 64 px and at up to 128 px.
        networks: G_ema, D and, for the reconstruction columns, E_ema; the work is done where their
            parameters lie. They are put into evaluation mode.
        out: the stage's folder.
        config: mirror, blur, batch, how many images are generated.
        centres: mode centres, latents float [K, w_dim]; adds `mode_distance` and `x_mode`.
        seed: of the generated images that `nngen` compares with.
        parts: a folder of all blocks of these scores (see `score_part`); then no photo is read.

    Returns:
        Scores; each column's formula is in `.summary.columns`. `recommended` fuses four distances
        from what is typical (`typical`), `seam` and, with an encoder, `lpips_mid`;
        `without_generator` leaves the last out.

    Raises:
        DataError: an empty dataset, or a score that is not finite; blocks in `parts` are missing,
            damaged, or made of other photos, networks, settings or versions.
        WeightsError: the pretrained weights that ship with limbeck are damaged.
    """
    started = time.perf_counter()
    require_photos(dataset)
    with logs.working("comparing with what is there"):
        provenance = scores_provenance(dataset, networks, config, centres, seed)
        if provenance.done_in(out):
            return read_scores(out)
    networks.eval()
    with fresh(out, "scores") as folder:
        with fsio.Scratch(folder) as disk:
            if parts is None:
                found = look_through(scorer_of(dataset, networks, config, centres, seed), disk)
            else:
                found = Parts(parts, provenance, blocks_of(dataset, config)).read(disk)
            columns, ability = compute(found, networks, config, seed=seed)
        seconds = time.perf_counter() - started
        scores = Scores.of(
            dataset.ids, columns, _formulas(columns, config), round(seconds, 3),
            sources=[info.source for info in dataset.infos],
            told_apart=ability.told_apart, near=ability.near,
        )  # fmt: skip
        scores.save(folder)
        summary = scores.summary.model_dump(mode="json")
        provenance.finish(folder, "scores", started=started, summary=summary)
    return scores


def require_photos(dataset: Dataset) -> None:
    """Refuse an empty dataset.

    Raises:
        DataError: it holds no accepted photo.
    """
    if not len(dataset):
        raise DataError(f"{dataset.root} holds no accepted photo", "see what ingest rejected")


def blocks_of(dataset: Dataset, config: ScoreConfig) -> Blocks:
    """How the photos are cut."""
    return Blocks(len(dataset), config.batch)


def scorer_of(
    dataset: Dataset, networks: Networks, config: ScoreConfig, centres: Tensor | None, seed: int
) -> BlockScorer:
    """What looks at blocks of photos; networks are put into evaluation mode."""
    networks.eval()
    if _device(networks).type == "cpu":
        keep_memory()
    with logs.working(f"generating {config.generated:,} images to compare with"):
        return BlockScorer(dataset, networks, config, centres=centres, seed=seed)


def scores_provenance(
    dataset: Dataset, networks: Networks, config: ScoreConfig, centres: Tensor | None, seed: int
) -> Provenance:
    """What `score` makes scores of."""
    settings = {**config.model_dump(mode="json"), "seed": seed, "formulas": formulas_digest()}
    return Provenance.of(score_inputs(dataset, networks, centres), settings)


def score_inputs(
    dataset: Dataset, networks: Networks, centres: Tensor | None = None
) -> dict[str, str]:
    """Digests of what `score` reads: dataset, networks (G_ema, E_ema, D), centres."""
    used = {k: v for k, v in networks.members().items() if k in ("G_ema", "E_ema", "D")}
    digests = [tensors_digest(module.state_dict()) for _, module in sorted(used.items())]
    return {
        "dataset": dataset.digest,
        "networks": "-".join(digests),
        "centres": "" if centres is None else tensors_digest({"centres": centres}),
    }


def seconds_per_photo(dataset: Dataset, networks: Networks, config: ScoreConfig) -> float:
    """Measured cost of scoring one photo of `dataset`, without the fixed part (the images)."""
    networks.eval()
    probe = dataset.select(dataset.ids[: config.batch])
    with logs.working("measuring how fast scoring is on this machine"):
        scorer = BlockScorer(probe, networks, config, centres=None, seed=0, pictures=NEIGHBOURS)
        started = time.perf_counter()
        scorer.block(0)
    return (time.perf_counter() - started) / max(len(probe), 1)


@dataclass(frozen=True)
class Ability:
    """What the networks can do, by photos alone.

    Attributes:
        told_apart: share of photos nearer to their own reconstruction than to another's; None
            without an encoder.
        near: see `nearness`.
    """

    told_apart: float | None
    near: float


def look_through(scorer: BlockScorer, disk: fsio.Scratch) -> Gathered:
    """Look at all photos here; features lie on `disk`."""
    blocks = scorer.blocks
    with logs.working("looking at every photo", blocks.photos, "photos") as task:
        return gather((scorer.block(block, task) for block in range(len(blocks))), disk)


@torch.no_grad()
def compute(
    found: Gathered, networks: Networks, config: ScoreConfig, *, seed: int
) -> tuple[Columns, Ability]:
    """All columns [N] of `score` in dataset order, and what the networks can do.

    Args:
        found: out about all photos, here (`look_through`) or by parts.
        networks, config, seed: as of `score`; what is found out is of the same.
    """
    seen = Seen.of(found)
    photos = {name: found.features[name] for name in SPACES if name in found.features}
    streamed = {name: values for name, values in found.numbers.items() if name != "seam"}
    told = streamed.pop(TOLD_APART, None)
    with logs.working(f"generating {config.generated:,} images as the norm"):
        device = _device(networks)
        images = generated_spaces(
            networks, LPIPS.load("alex").to(device),
            Features("efficientnet-lite0", device, LITE0_SIDE), config.generated, seed=seed,
            batch=config.batch,
        )  # fmt: skip
    columns = _assemble(
        {**streamed, **norm_distances(photos, images), **photo_columns(seen, seed=seed)}
    )
    own = None if told is None else float(np.asarray(told, dtype=np.float64).mean())
    return columns, Ability(own, nearness(photos, images))


def _device(networks: Networks) -> torch.device:
    return next(networks.G_ema.parameters()).device


def _assemble(streamed: Mapping[str, NDArray[np.generic]]) -> Columns:
    """Columns that need the whole set, in the order of FORMULAS, `recommended` first."""
    made: Arrays = {name: np.asarray(v, dtype=np.float64) for name, v in streamed.items()}
    if "lpips" in made:
        middle = [made.pop("lpips_conv2"), made.pop("lpips_conv3")]
        made["lpips_mid"] = np.sum([part / max(part.mean(), 1e-12) for part in middle], axis=0)
        hazy = made.pop("blur_distance")
        floor = max(_BLUR_FLOOR * float(hazy.mean()), 1e-12)
        made["lpips_blur_ratio"] = made["lpips"] / np.maximum(hazy, floor)
    odd = suspects(made)
    result: Columns = {
        RECOMMENDED: fuse({name: made[name] for name in FUSED if name in made}, odd),
        WITHOUT_GENERATOR: fuse({name: made[name] for name in FUSED_WITHOUT}, odd),
    }
    result |= {name: made[name] for name in FORMULAS if name in made}
    if MODE in made:
        result[MODE] = made[MODE].astype(np.int64)
    return result


def fuse(
    columns: Mapping[str, Column], suspected: Mapping[str, Column | None] | None = None
) -> Column:
    """The recommended fusion [N] of columns [N] each, `DENSITIES` among them.

    The distances from what is typical are averaged and give every photo a probability of being an
    outlier; then every column counts by its `agreement` with that of the distances in other spaces
    than its own. A column that knows nothing of the outliers, as those of an immature generator,
    gets no weight; no label and no constant is there to be tuned.

    Args:
        columns: by name.
        suspected: `suspects` of the same distances, where they are known.
    """
    judges = suspects(columns) if suspected is None else suspected
    weights = []
    for name, column in columns.items():
        odd = judges[DENSITIES.get(name, "")]
        weights.append(0.0 if odd is None else agreement(column, odd))
    return weighted_mean(list(columns.values()), weights)


def suspects(columns: Mapping[str, Column]) -> dict[str, Column | None]:
    """By feature space, each photo's probability [N] of being an outlier as the `DENSITIES` of the
    other spaces see it; by "", as all see it. None where all photos are equally far."""
    found: dict[str, Column | None] = {}
    for own in ("", *DENSITIES.values()):
        if own not in found:
            u = weighted_mean([columns[name] for name, space in DENSITIES.items() if space != own])
            found[own] = fit_mixture(u).outlier(u) if float(np.ptp(u)) > 0 else None
    return found


def _formulas(columns: Columns, config: ScoreConfig) -> dict[str, str]:
    known = {
        **FORMULAS,
        RECOMMENDED: recommended_formula(columns),
        WITHOUT_GENERATOR: recommended_formula(columns, FUSED_WITHOUT),
    }
    for name in ("nngen", "gen_feature_gauss"):
        known[name] = known[name].format(neighbours=NEIGHBOURS, pictures=config.generated)
    return {name: known[name] for name in columns}
