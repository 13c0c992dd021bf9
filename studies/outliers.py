"""`python -m studies outliers`: which score finds which outlier, with and without a generator.

Labels come in as `HiddenLabels`: nothing here reads one. Scores are made by `limbeck.curation` and
kept in `out`, one folder for each set of networks, named by content.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limbeck import __version__, fsio, logs
from limbeck.artefacts.scores import MODE, Scores
from limbeck.config import ScoreConfig
from limbeck.curation import (
    GAUSS_COMPONENTS,
    PPCA_COMPONENTS,
    fit_components,
    gaussian_distance,
    residual_distance,
    score,
    score_inputs,
)
from limbeck.data import Dataset
from limbeck.errors import UsageError
from limbeck.evaluation import HiddenLabels, OutlierTable
from limbeck.kit.device import machine
from limbeck.kit.images import to_float
from limbeck.kit.rng import derive_seed
from limbeck.kit.tables import Column
from limbeck.latents import SPACE_SIZE
from limbeck.metrics import dataset_features, present_features
from limbeck.nets import Networks, trunk_shapes
from limbeck.percept import LPIPS, Features
from studies.plots import draw_heat

FORMAT_VERSION = 1
BASELINE, TRAINED, UNTRAINED = "baseline", "trained", "untrained"
FEATURES = ("lpips-alex", "efficientnet-lite0")
ALL = "all"

Row = dict[str, Any]


def study_outliers(
    dataset: Dataset,
    truth: HiddenLabels,
    out: Path,
    *,
    networks: Sequence[Networks] = (),
    config: ScoreConfig,
    seed: int = 0,
    features: Sequence[str] = FEATURES,
    device: str | torch.device = "cpu",
) -> dict[str, Any]:
    """AUROC and average precision of every score column and of the baselines, by kind of outlier.

    Groups of rows: `trained` (columns that look at the networks, mean and spread over them),
    `untrained` (the same with fresh networks of the same shapes), `baseline` (`baseline_columns`,
    and score columns that come out the same whatever the networks). Writes outliers.json and
    outliers.png.

    Args:
        dataset: the photos.
        truth: what labels say of scores.
        out: folder; scores that stand there are used again.
        networks: trained ones of one shape, several seeds; none = baselines alone.
        config: of scoring.
        seed: of scoring, of the fresh networks, of the random order and of the bootstrap.
        features: pretrained features of the baselines; what is absent is skipped with one line.
        device: where the baselines' trunks and the fresh networks run; networks stay where they
            are.

    Returns:
        What outliers.json holds.

    Raises:
        UsageError: networks of different shapes, or unknown features.
        DataError: no labelled outliers among the photos, or none in-domain.
    """
    began = time.perf_counter()
    if any(one.config != networks[0].config for one in networks):
        raise UsageError(
            "--networks of different shapes cannot be averaged",
            "give trainings of one configuration that differ in their seed alone",
        )
    where = torch.device(device)
    with logs.stages(_stage_names(len(networks))) as walk:
        walk.begin(_STAGES[0])
        own = baseline_columns(dataset, present_features(features), seed=seed, device=where)
        truth.outliers(own.only(["random"]), dataset.infos)  # wrong labels are told early
        walk.end()
        tables = _tables(walk, dataset, networks, out, config, seed, where)
        walk.begin(_STAGES[2])
        rows, baselines = [], own
        if tables:
            *trained, control = tables
            free = blind_columns(tables)
            judged = [
                truth.outliers(_without(one, free), dataset.infos, seed=seed) for one in trained
            ]
            rows += score_rows(TRAINED, judged)
            untrained = truth.outliers(_without(control, free), dataset.infos, seed=seed)
            rows += score_rows(UNTRAINED, [untrained])
            shared = control.only(free)
            both = {name: table.column(name) for table in (own, shared) for name in table.names}
            baselines = Scores.of(dataset.ids, both)
        plain = truth.outliers(baselines, dataset.infos, seed=seed)
        walk.end()
    rows = sorted([*rows, *score_rows(BASELINE, [plain])], key=lambda row: -row["auroc"])
    found = {
        "bench": "outliers", "format_version": FORMAT_VERSION, "dataset": dataset.digest,
        "photos": len(dataset), **_counts(plain), "networks": [_name(dataset, n) for n in networks],
        "seed": seed, "rows": rows, "best": best_scores(rows),
        "seconds": round(time.perf_counter() - began, 1), "machine": machine(where),
        "date": datetime.now(UTC).isoformat(timespec="seconds"), "limbeck": __version__,
    }  # fmt: skip
    fsio.write_json(out / "outliers.json", found)
    draw_heat(out / "outliers.png", found)
    return found


_STAGES = ("baselines", "untrained networks", "comparing with the labels")


def _stage_names(networks: int) -> list[str]:
    """What `study_outliers` does, in order."""
    if not networks:
        return [_STAGES[0], _STAGES[2]]
    return [_STAGES[0], *(f"networks {n} of {networks}" for n in range(1, networks + 1)),
            *_STAGES[1:]]  # fmt: skip


def _tables(
    walk: logs.Walk, dataset: Dataset, networks: Sequence[Networks], out: Path,
    config: ScoreConfig, seed: int, where: torch.device,
) -> list[Scores]:  # fmt: skip
    """Scores of each of the networks, and last of fresh ones of their shapes; none without any."""
    tables = []
    for number, one in enumerate(networks, 1):
        walk.begin(f"networks {number} of {len(networks)}")
        tables.append(_scores(dataset, one, out, config, seed))
        walk.end()
    if tables:
        walk.begin(_STAGES[1])
        first = networks[0]
        fresh = Networks.create(
            trunk_shapes(first.config), seed, encoder=first.E_ema is not None
        ).to(where)
        tables.append(_scores(dataset, fresh, out, config, seed))
        walk.end()
    return tables


def score_rows(group: str, tables: Sequence[OutlierTable]) -> list[Row]:
    """One row a column: means over tables (one each set of networks), with their spread.

    `spread` is the standard deviation over networks, or for one table the bootstrap's over photos;
    `spread_over` says which. A column is averaged over the tables that have it.
    """
    rows: list[Row] = []
    for column in dict.fromkeys(name for table in tables for name in table.columns()):
        having = [table for table in tables if column in table.columns()]
        whole = [table.row(column) for table in having]
        several = len(having) > 1
        values = [row.auroc for row in whole]
        kinds = {
            kind: _mean_and_spread([table.auroc(column, kind) for table in having])
            for kind in having[0].kinds()
        }
        rows.append(
            {
                "score": column, "group": group, "tables": len(having),
                "auroc": statistics.fmean(values),
                "spread": statistics.stdev(values) if several else whole[0].spread,
                "spread_over": "networks" if several else "photos",
                "average_precision": statistics.fmean(row.average_precision for row in whole),
                "by_kind": kinds,
            }
        )  # fmt: skip
    return rows


def _mean_and_spread(values: Sequence[float]) -> dict[str, float | None]:
    spread = statistics.stdev(values) if len(values) > 1 else None
    return {"auroc": statistics.fmean(values), "spread": spread}


def best_scores(rows: Sequence[Row]) -> dict[str, Row]:
    """Kind ("all": every kind) -> the row's score, group and AUROC that is highest there.

    Covariates (`x_...`) do not count.
    """
    chosen = [row for row in rows if not row["score"].startswith("x_")]
    kinds = [ALL, *chosen[0]["by_kind"]]
    found = {}
    for kind in kinds:
        best = max(chosen, key=lambda row: value_of(row, kind))
        found[kind] = {
            "score": best["score"], "group": best["group"], "auroc": value_of(best, kind),
        }  # fmt: skip
    return found


def value_of(row: Row, kind: str) -> float:
    """AUROC of a row for a kind, or for "all"."""
    return float(row["auroc"] if kind == ALL else row["by_kind"][kind]["auroc"])


def blind_columns(tables: Sequence[Scores]) -> list[str]:
    """Scores that are the same in all tables: they do not look at the networks."""
    first, *others = tables
    return [
        name
        for name in first.names
        if name != MODE
        and all(
            name in other.names
            and np.allclose(first.column(name), other.column(name), rtol=1e-6, atol=0)
            for other in others
        )
    ]


def _without(scores: Scores, names: Sequence[str]) -> Scores:
    return scores.only([name for name in scores.names if name not in (*names, MODE)])


def _scores(
    dataset: Dataset, networks: Networks, out: Path, config: ScoreConfig, seed: int
) -> Scores:
    folder = out / f"scores-{_name(dataset, networks)}"
    return score(dataset, networks, folder, config, seed=seed)


def _name(dataset: Dataset, networks: Networks) -> str:
    """Eight hex of the photos and the networks."""
    return fsio.digest_json(score_inputs(dataset, networks))[:8]


def _counts(table: OutlierTable) -> dict[str, Any]:
    """How many labelled photos of each sort there are."""
    column = table.columns()[0]
    row = table.row(column)
    return {
        "outliers": row.outliers, "in_domain": row.in_domain,
        "kinds": {kind: table.row(column, kind).outliers for kind in table.kinds()},
        "photos_without_label": table.photos_without_label,
        "labels_without_photo": table.labels_without_photo,
    }  # fmt: skip


NEIGHBOURS = 10
FEATURE_SIZE = 128  # pixels at which pretrained features see a photo, or the dataset's size
_SHORT = {"lpips-alex": "alex", "efficientnet-lite0": "lite0", "inception": "inception"}
_BATCH = 64
_ROWS = 512  # of distances at once


def baseline_columns(
    dataset: Dataset, features: Sequence[str], *, seed: int, device: torch.device
) -> Scores:
    """Every baseline of a dataset, in row order.

    * `random`: a random order, the floor.
    * `centroid`: LPIPS distance to the mean embedding at 64 px.
    * `gauss:X`, `ppca:X`, `knn10:X` for each kind of pretrained features, X = `alex` (spatial means
      of AlexNet's layers), `lite0`, `inception`: instance selection by a Gaussian and by the
      residual of PPCA, fitted to all photos as DeVries et al. (2020) do, and the distance to the
      tenth nearest other photo.

    Args:
        dataset: the photos, at least two.
        features: names that `limbeck.percept.Features` knows.
        seed: of `random`.
        device: where trunks run.
    """
    random = np.random.default_rng(derive_seed(seed, "random score"))
    made = {
        "random": np.asarray(random.random(len(dataset))),
        "centroid": _centroid_distance(dataset, device),
    }
    size = min(dataset.size, FEATURE_SIZE)
    for name in features:
        seen = dataset_features(dataset, Features(name, device), size=size)
        values, short = seen.numpy(), _SHORT[name]
        fitted = fit_components(values, GAUSS_COMPONENTS)
        made[f"gauss:{short}"] = gaussian_distance(values, fitted)
        made[f"ppca:{short}"] = residual_distance(values, fitted.first(PPCA_COMPONENTS))
        made[f"knn{NEIGHBOURS}:{short}"] = neighbour_distance(seen)
    return Scores.of(dataset.ids, made)


def neighbour_distance(features: Tensor, neighbours: int = NEIGHBOURS) -> Column:
    """float [N >= 2, D] -> Euclidean distance to the k-th nearest other row, float64 [N].

    Ramaswamy, Rastogi and Shim 2000; k is at most N - 1.
    """
    count = min(neighbours, len(features) - 1)
    found = []
    for start in range(0, len(features), _ROWS):
        distances = torch.cdist(features[start : start + _ROWS], features)
        own = torch.arange(len(distances))
        distances[own, own + start] = torch.inf
        found.append(distances.kthvalue(count, dim=1).values)
    return np.asarray(torch.cat(found).double().numpy())


@torch.no_grad()
def _centroid_distance(dataset: Dataset, device: torch.device) -> Column:
    """|phi(x) - mean phi|^2 [N] in LPIPS space at 64 px; two passes, no embedding is kept."""
    lpips = LPIPS.load("alex").to(device)
    batches = -(-len(dataset) // _BATCH)

    def embedded(what: str) -> Iterator[Tensor]:
        for part in logs.track(dataset.batches(SPACE_SIZE, _BATCH), what, batches):
            yield lpips.embed(to_float(part.images.to(device)))

    sums = torch.stack([part.double().sum(0) for part in embedded("the mean photo")])
    mean = (sums.sum(0) / len(dataset)).float()
    parts = [
        (part - mean).square().sum(1).cpu() for part in embedded("distances to the mean photo")
    ]
    return np.asarray(torch.cat(parts).double().numpy())
