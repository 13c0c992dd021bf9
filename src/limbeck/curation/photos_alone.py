"""What the filter makes of photos alone, without a generator."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from limbeck import logs
from limbeck.curation.densities import hellinger, typical
from limbeck.curation.formulas import CORE
from limbeck.curation.looking import Blocks, Found, PhotoLook, features_of
from limbeck.curation.neighbours import Neighbours
from limbeck.data import Dataset
from limbeck.kit.tables import Column


@dataclass(frozen=True)
class Seen:
    """What the filter sees of photos alone.

    Attributes:
        spaces: `feature` (AlexNet, float32 [N, 1152]) and `lite0` (EfficientNet-Lite0, [N, 1280]).
        seams: float64 [N].
    """

    spaces: Mapping[str, NDArray[np.float32]]
    seams: Column

    @classmethod
    def of(
        cls, alex: NDArray[np.float32], lite0: NDArray[np.float32], seams: NDArray[np.float32]
    ) -> "Seen":
        """From what the trunks give."""
        return cls(
            {"feature": alex, "lite0": hellinger(lite0)}, np.asarray(seams, dtype=np.float64)
        )

    def only(self, rows: NDArray[np.int64]) -> "Seen":
        """Some of the photos, by row number."""
        return Seen({name: x[rows] for name, x in self.spaces.items()}, self.seams[rows])


def look_at(dataset: Dataset, *, batch: int = 64, device: str | torch.device = "cpu") -> Seen:
    """See every photo as the filter does where no generator takes part.

    Raises:
        WeightsError: the pretrained weights that ship with limbeck are damaged.
    """
    look = PhotoLook(dataset, device)
    blocks = Blocks(len(dataset), batch)
    parts: dict[str, list[NDArray[np.generic]]] = {}
    with logs.working("looking at every photo", len(dataset), "photos") as task:
        for block in range(len(blocks)):
            for rows in blocks.batches(block):
                for name, values in look.columns(rows).items():
                    parts.setdefault(name, []).append(values.cpu().numpy())
                task.step(len(rows))
    return seen_in({name: np.concatenate(values) for name, values in parts.items()})


def seen_in(found: Found) -> Seen:
    """From what `PhotoLook` and `BlockScorer` found."""
    alex, lite0 = features_of(found, "feature"), features_of(found, "lite0")
    return Seen.of(alex, lite0, features_of(found, "seam"))


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
