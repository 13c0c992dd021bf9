"""Scores that need no generator: what a filter reaches without any training (METHOD 6)."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from limbeck import logs
from limbeck.artefacts.scores import Scores
from limbeck.curation import (
    GAUSS_COMPONENTS,
    PPCA_COMPONENTS,
    fit_components,
    gaussian_distance,
    residual_distance,
)
from limbeck.data import Dataset
from limbeck.kit.images import to_float
from limbeck.kit.rng import derive_seed
from limbeck.kit.tables import Column
from limbeck.latents import SPACE_SIZE
from limbeck.metrics import dataset_features
from limbeck.percept import LPIPS, Features

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
