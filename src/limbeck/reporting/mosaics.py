"""Two walls of real photos: what came in, and what the filter dropped."""

from dataclasses import dataclass

import numpy as np

from limbeck.data import Dataset
from limbeck.kit.rng import derive_seed
from limbeck.reporting.artefacts import KeepTable, ScoreTable
from limbeck.reporting.pictures import Picture, sheet

COUNT = 40
_COLUMNS = 10
_SIDE = 64


@dataclass(frozen=True)
class Mosaics:
    """Sheets of photos chosen at random; None where there is no filter yet."""

    everything: Picture
    dropped: Picture | None


def show_mosaics(dataset: Dataset, scores: ScoreTable | None, keep: KeepTable | None) -> Mosaics:
    """Random accepted photos, and random dropped photos (the same draw on any day)."""
    view = dataset.at(min(_SIDE, dataset.size), resident=False)
    random = np.random.default_rng(derive_seed(0, "report mosaics"))
    rows = np.sort(random.permutation(len(dataset))[:COUNT])
    everything = sheet(
        view[rows], _COLUMNS, f"{len(rows)} accepted photos, chosen at random", at_most=_SIDE
    )
    if keep is None or scores is None:
        return Mosaics(everything, None)
    out = np.array([i for i, p in enumerate(dataset.ids) if keep.kept.get(p) is False], dtype=int)
    if not len(out):
        return Mosaics(everything, None)
    rows = np.sort(random.permutation(out)[:COUNT])
    alt = f"{len(rows)} photos that the filter dropped, chosen at random"
    return Mosaics(everything, sheet(view[rows], _COLUMNS, alt, at_most=_SIDE))
