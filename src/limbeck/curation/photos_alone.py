"""What the filter makes of photos alone, without a generator."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from limbeck import logs
from limbeck.curation.densities import typical
from limbeck.curation.formulas import CORE
from limbeck.curation.gathering import Gathered, gather
from limbeck.curation.looking import PHOTOS_ALONE, Blocks, Found, PhotoLook
from limbeck.curation.neighbours import Neighbours
from limbeck.data import Dataset
from limbeck.kit.rows import Rows
from limbeck.kit.tables import Column


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

    @classmethod
    def of(cls, gathered: Gathered) -> "Seen":
        """From what `PhotoLook` or `BlockScorer` found."""
        spaces = {name: gathered.features[name] for name in PHOTOS_ALONE}
        return cls(spaces, np.asarray(gathered.numbers["seam"], dtype=np.float64))

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

    def batches(task: logs.Task) -> Iterator[Found]:
        for block in range(len(blocks)):
            for rows in blocks.batches(block):
                columns = look.columns(rows)
                yield {name: values.cpu().numpy() for name, values in columns.items()}
                task.step(len(rows))

    with logs.working("looking at every photo", len(dataset), "photos") as task:
        return Seen.of(gather(batches(task)))


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
