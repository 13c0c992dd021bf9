"""Scoring a dataset: two streams of photos, then what needs them all."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.scores import MODE, Scores, read_scores
from limbeck.artefacts.stage import Provenance
from limbeck.config import RECOMMENDED, WITHOUT_GENERATOR, ScoreConfig
from limbeck.curation.columns import TOLD_APART, PhotoBatch, Scorer
from limbeck.curation.critic import PHOTOS as CRITIC_PHOTOS
from limbeck.curation.densities import hellinger, typical
from limbeck.curation.embedding import NEIGHBOURS
from limbeck.curation.formulas import (
    CORE,
    DENSITIES,
    FORMULAS,
    FUSED,
    FUSED_WITHOUT,
    formulas_digest,
    recommended_formula,
)
from limbeck.curation.generated import (
    LITE0,
    SPACES,
    generated_spaces,
    nearness,
    norm_distances,
)
from limbeck.curation.mixture import fit_mixture
from limbeck.curation.neighbours import Neighbours
from limbeck.curation.seams import strongest_seam
from limbeck.data import Dataset
from limbeck.errors import DataError
from limbeck.kit.allocator import keep_memory
from limbeck.kit.images import to_float
from limbeck.kit.rows import Rows, StoredRows
from limbeck.kit.selection import even_rows
from limbeck.kit.tables import Column
from limbeck.latents import SPACE_SIZE, tensors_digest
from limbeck.metrics import agreement, weighted_mean
from limbeck.nets import Networks
from limbeck.percept import LPIPS, Features, at_least

FEATURE_SIZE = 128
LITE0_SIDE = 160
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

    Returns:
        Scores; each column's formula is in `.summary.columns`. `recommended` fuses four distances
        from what is typical (`typical`), `seam` and, with an encoder, `lpips_mid`;
        `without_generator` leaves the last out.

    Raises:
        DataError: an empty dataset, or a score that is not finite.
        WeightsError: the pretrained weights that ship with limbeck are damaged.
    """
    started = time.perf_counter()
    if not len(dataset):
        raise DataError(f"{dataset.root} holds no accepted photo", "see what ingest rejected")
    with logs.working("comparing with what is there"):
        provenance = scores_provenance(dataset, networks, config, centres, seed)
        if provenance.done_in(out):
            return read_scores(out)
    networks.eval()
    with fresh(out, "scores") as folder:
        with fsio.Scratch(folder) as disk:
            columns, ability = compute(dataset, networks, config, disk, centres=centres, seed=seed)
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
    lpips = _lpips(networks)
    probe = dataset.select(dataset.ids[: config.batch])
    with torch.no_grad(), logs.working("measuring how fast scoring is on this machine"):
        _survey(probe, lpips, config.batch, [])
        lite0 = _lite0(networks)
        started = time.perf_counter()
        centroid, _ = _survey(probe, lpips, config.batch, [])
        _look(probe, lite0, config.batch, [])
        surveyed = time.perf_counter() - started
        scorer = Scorer(
            networks, lpips, config, centroid=centroid, centres=None, seed=0,
            pictures=NEIGHBOURS, photos=_some(probe, networks),
        )  # fmt: skip
        started = time.perf_counter()
        _stream(probe, scorer, config.batch, lambda _: [])
    return (surveyed + time.perf_counter() - started) / max(len(probe), 1)


@dataclass(frozen=True)
class Seen:
    """What the filter sees of photos alone.

    Attributes:
        spaces: `feature` (AlexNet, float32 [N, 1152]) and `lite0` (EfficientNet-Lite0 as
            `hellinger` has it, [N, 1280]), in memory or on disk.
        seams: float64 [N].
    """

    spaces: Mapping[str, Rows]
    seams: Column

    def only(self, rows: NDArray[np.int64]) -> "Seen":
        """Some of the photos, by row number."""
        return Seen({name: x[rows] for name, x in self.spaces.items()}, self.seams[rows])


@torch.no_grad()
def look_at(dataset: Dataset, *, batch: int = 64, device: str | torch.device = "cpu") -> Seen:
    """See every photo as the filter does where no generator takes part.

    Raises:
        WeightsError: the pretrained weights that ship with limbeck are damaged.
    """
    features: list[NDArray[np.float32]] = []
    lite0: list[NDArray[np.float32]] = []
    _, seams = _survey(dataset, LPIPS.load("alex").to(device), batch, features)
    _look(dataset, Features("efficientnet-lite0", device, LITE0_SIDE), batch, lite0)
    return Seen({"feature": np.concatenate(features), "lite0": np.concatenate(lite0)}, seams)


def photo_columns(seen: Seen, *, seed: int) -> dict[str, Column]:
    """The columns [N] of photos alone: distances to their like, from what is typical, seams, core.

    Args:
        seen: what `look_at` gave, of at least one photo.
        seed: of the halves that fits are made of.
    """
    with logs.working("finding every photo's nearest others"):
        near = {name: Neighbours.of(x, seed=seed) for name, x in seen.spaces.items()}
    found = typical(seen.spaces, list(near.values()), seed=seed)
    return {
        **{f"{name}_knn": space.like for name, space in near.items()},
        **found.distances,
        "seam": seen.seams,
        CORE: found.core.astype(np.float64),
    }


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


@torch.no_grad()
def compute(
    dataset: Dataset,
    networks: Networks,
    config: ScoreConfig,
    disk: fsio.Scratch,
    *,
    centres: Tensor | None = None,
    seed: int = 0,
) -> tuple[Columns, Ability]:
    """All columns [N] of `score` in dataset order, and what the networks can do.

    Features of photos lie on `disk` meanwhile: 24 KB a photo.
    """
    with logs.working("loading weights"):
        lpips = _lpips(networks)
        lite0 = _lite0(networks)
    if next(lpips.parameters()).device.type == "cpu":
        keep_memory()
    features, look = StoredRows(disk), StoredRows(disk)
    centroid, seams = _survey(dataset, lpips, config.batch, features)
    with logs.working(f"generating {config.generated:,} images to compare with"):
        scorer = Scorer(
            networks, lpips, config, centroid=centroid, centres=centres, seed=seed,
            pictures=config.generated, photos=_some(dataset, networks),
        )  # fmt: skip
    photos = {name: StoredRows(disk) for name in SPACES}
    streamed = _stream(dataset, scorer, config.batch, photos.__getitem__)
    told = streamed.pop(TOLD_APART, None)
    photos = {name: rows for name, rows in photos.items() if len(rows)}
    with logs.working(f"generating {config.generated:,} images as the norm"):
        images = generated_spaces(
            networks, lpips, scorer.lite0, config.generated, seed=seed, batch=config.batch
        )
    _look(dataset, lite0, config.batch, look)
    seen = Seen({"feature": features, "lite0": look}, seams)
    columns = _assemble(
        {**streamed, **norm_distances(photos, images), **photo_columns(seen, seed=seed)}
    )
    own = None if told is None else float(np.asarray(told, dtype=np.float64).mean())
    return columns, Ability(own, nearness(photos, images))


def _some(dataset: Dataset, networks: Networks) -> Tensor:
    """Photos from all over the dataset, uint8 [N, 3, S, S] as the networks see them."""
    rows = even_rows(len(dataset), CRITIC_PHOTOS)
    return dataset.at(networks.config.size, resident=False)[rows]


def _device(networks: Networks) -> torch.device:
    return next(networks.G_ema.parameters()).device


def _lpips(networks: Networks) -> LPIPS:
    return LPIPS.load("alex").to(_device(networks))


def _lite0(networks: Networks) -> Features:
    return Features("efficientnet-lite0", _device(networks), LITE0_SIDE)


def _rows(dataset: Dataset, batch: int, what: str) -> Iterator[NDArray[np.int64]]:
    """Row numbers in batches, with progress counted in photos."""
    with logs.working(what, len(dataset), "photos") as task:
        for start in range(0, len(dataset), batch):
            stop = min(start + batch, len(dataset))
            yield np.arange(start, stop)
            task.at(stop)


class _Store(Protocol):
    """Where float32 [n, D] go, batch by batch."""

    def append(self, block: NDArray[np.float32], /) -> object: ...


def _survey(dataset: Dataset, lpips: LPIPS, batch: int, features: _Store) -> tuple[Tensor, Column]:
    """First stream, photos alone: centroid [D] in LPIPS space, seams [N]; features [N, 1152]."""
    device = next(lpips.parameters()).device
    small = dataset.at(SPACE_SIZE, resident=False)
    large = dataset.at(min(dataset.size, FEATURE_SIZE), resident=False)
    total: Tensor | None = None
    seams = []
    for rows in _rows(dataset, batch, "looking at every photo"):
        embedding = lpips.embed(to_float(small[rows].to(device)))
        total = embedding.sum(0) if total is None else total + embedding.sum(0)
        photos = to_float(large[rows].to(device))
        features.append(lpips.pooled(at_least(photos, SPACE_SIZE)).float().cpu().numpy())
        seams.append(strongest_seam(photos).cpu().numpy())
    assert total is not None, "an empty dataset is refused before"
    return total / len(dataset), np.asarray(np.concatenate(seams), dtype=np.float64)


def _look(dataset: Dataset, trunk: Features, batch: int, features: _Store) -> None:
    """`hellinger` features of all photos as large as they are kept, up to 160 px: [N, dim]."""
    view = dataset.at(min(dataset.size, LITE0_SIDE), resident=False)
    for some in _rows(dataset, batch, f"looking at every photo by {trunk.name}"):
        features.append(hellinger(trunk(view[some]).cpu().numpy()))


def _stream(
    dataset: Dataset, scorer: Scorer, batch: int, store: Callable[[str], _Store]
) -> dict[str, NDArray[np.generic]]:
    """Second stream, photos against the networks: raw columns [N]; features go to their store."""
    device = next(scorer.networks.G_ema.parameters()).device
    seen = dataset.at(scorer.networks.config.size, resident=False)
    small = dataset.at(SPACE_SIZE, resident=False)
    parts: dict[str, list[NDArray[np.generic]]] = {}
    for rows in _rows(dataset, batch, "comparing photos with the generator's"):
        photos = PhotoBatch(seen[rows].to(device), small[rows].to(device))
        for name, values in scorer.columns(photos).items():
            found = values.cpu().numpy()
            if name not in SPACES:
                parts.setdefault(name, []).append(found)
                continue
            features = np.asarray(found, dtype=np.float32)
            store(name).append(hellinger(features) if name == LITE0 else features)
    return {name: np.concatenate(values) for name, values in parts.items()}


def _assemble(streamed: Mapping[str, NDArray[np.generic]]) -> Columns:
    """Columns that need the whole set, in the order of FORMULAS, `recommended` first."""
    made: Arrays = {name: np.asarray(v, dtype=np.float64) for name, v in streamed.items()}
    if "lpips" in made:
        middle = [made.pop("lpips_conv2"), made.pop("lpips_conv3")]
        made["lpips_mid"] = np.sum([part / max(part.mean(), 1e-12) for part in middle], axis=0)
        hazy = made.pop("blur_distance")
        floor = max(_BLUR_FLOOR * float(hazy.mean()), 1e-12)
        made["lpips_blur_ratio"] = made["lpips"] / np.maximum(hazy, floor)
    result: Columns = {
        RECOMMENDED: fuse({name: made[name] for name in FUSED if name in made}),
        WITHOUT_GENERATOR: fuse({name: made[name] for name in FUSED_WITHOUT}),
    }
    result |= {name: made[name] for name in FORMULAS if name in made}
    if MODE in made:
        result[MODE] = made[MODE].astype(np.int64)
    return result


def fuse(columns: Mapping[str, Column]) -> Column:
    """The recommended fusion [N] of columns [N] each, `DENSITIES` among them.

    The distances from what is typical are averaged and give every photo a probability of being an
    outlier; then every column counts by its `agreement` with that of the distances in other spaces
    than its own. A column that knows nothing of the outliers, as those of an immature generator,
    gets no weight; no label and no constant is there to be tuned.
    """
    names = list(columns)
    weights = [_weight(name, columns) for name in names]
    return weighted_mean([columns[name] for name in names], weights)


def _weight(name: str, columns: Mapping[str, Column]) -> float:
    own = DENSITIES.get(name)
    judges = [columns[other] for other, space in DENSITIES.items() if space != own]
    u = weighted_mean(judges)
    if not float(np.ptp(u)) > 0:
        return 0.0
    return agreement(columns[name], fit_mixture(u).outlier(u))


def _formulas(columns: Columns, config: ScoreConfig) -> dict[str, str]:
    known = {
        **FORMULAS,
        RECOMMENDED: recommended_formula(columns),
        WITHOUT_GENERATOR: recommended_formula(columns, FUSED_WITHOUT),
    }
    for name in ("nngen", "gen_feature_gauss"):
        known[name] = known[name].format(neighbours=NEIGHBOURS, pictures=config.generated)
    return {name: known[name] for name in columns}
