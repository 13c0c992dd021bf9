"""Labels behind a door: studies ask what they say of scores and lists, and cannot read them."""

from collections.abc import Collection, Sequence

from limbeck.artefacts.labels import Truth
from limbeck.artefacts.scores import Scores
from limbeck.evaluation.outlier_table import (
    KeepCost,
    OutlierTable,
    keep_cost,
    outlier_auroc,
)
from limbeck.records import ImageInfo


class HiddenLabels:
    """The truth as a study gets it: answers, no labels."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    def outliers(
        self, scores: Scores, infos: Sequence[ImageInfo], *, seed: int = 0
    ) -> OutlierTable:
        """See `outlier_auroc`."""
        return outlier_auroc(scores, infos, self._truth, seed=seed)

    def cost(self, kept: Collection[str], infos: Sequence[ImageInfo]) -> KeepCost:
        """See `keep_cost`; every photo of `infos` counts as listed."""
        return keep_cost([str(info.id) for info in infos], kept, infos, self._truth)

    def clean(self, infos: Sequence[ImageInfo]) -> tuple[str, ...]:
        """Ids of the photos that labels call in-domain, in the order of `infos`.

        For a reference that no method may use: what a perfect filter would keep.
        """
        rows = self._truth.join(infos)
        fine = {photo for photo, row in rows.items() if row.is_outlier is False}
        return tuple(str(info.id) for info in infos if info.id in fine)
