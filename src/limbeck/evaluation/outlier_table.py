"""Do the scores find the outliers, and what does a keep list cost? Measured against labels."""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from pydantic import Field

from limbeck.artefacts.labels import Truth, TruthRow
from limbeck.artefacts.scores import Scores
from limbeck.errors import DataError
from limbeck.kit.tables import Column
from limbeck.metrics import auroc, average_precision, bootstrap_auroc
from limbeck.records import ImageInfo, Record

ALL = "all"
_ROUNDS = 100
_NO_SCORES = frozenset({"x_core", "x_mode"})


class OutlierRow(Record):
    """One column against one kind of outlier ("all": every kind) and all in-domain photos.

    `spread` is the bootstrap standard deviation of `auroc`, null for single kinds.
    """

    column: str
    kind: str
    auroc: float
    average_precision: float
    spread: float | None
    outliers: int
    in_domain: int


class OutlierTable(Record):
    """AUROC and average precision by column and kind; columns named `x_` are covariates."""

    rows: list[OutlierRow]
    photos_without_label: int = Field(description="scored photos that no label names")
    labels_without_photo: int = Field(description="labelled files that were not scored")

    def row(self, column: str, kind: str = ALL) -> OutlierRow:
        """One row.

        Raises:
            KeyError: no such column or kind.
        """
        for row in self.rows:
            if (row.column, row.kind) == (column, kind):
                return row
        raise KeyError(f"no AUROC of column {column!r}, kind {kind!r}")

    def auroc(self, column: str, kind: str = ALL) -> float:
        """AUROC of a column, for one kind or all; KeyError as `row`."""
        return self.row(column, kind).auroc

    def columns(self) -> list[str]:
        """Columns in table order."""
        return list(dict.fromkeys(row.column for row in self.rows))

    def kinds(self) -> list[str]:
        """Kinds of outliers, without "all"."""
        return list(dict.fromkeys(row.kind for row in self.rows if row.kind != ALL))


def outlier_auroc(
    scores: Scores,
    infos: Sequence[ImageInfo],
    truth: Truth,
    *,
    seed: int = 0,
    rounds: int = _ROUNDS,
) -> OutlierTable:
    """AUROC and average precision of each column, overall and by kind of outlier.

    Args:
        scores: higher = more likely an outlier.
        infos: the dataset's records; they join ids with labels.
        truth: labels; rows with unknown `is_outlier` are left out.
        seed, rounds: of the bootstrap that gives `spread`.

    Raises:
        DataError: no scored photo is labelled, or the labelled ones are all of one sort.
    """
    rows = truth.join(infos)
    flags = {photo: row.is_outlier for photo, row in rows.items() if row.is_outlier is not None}
    known = [index for index, photo in enumerate(scores.ids) if photo in flags]
    photos = [scores.ids[index] for index in known]
    odd = np.array([flags[photo] for photo in photos], dtype=bool)
    if not odd.any() or odd.all():
        raise DataError(
            f"of {len(odd)} scored photos with a label {int(odd.sum())} are outliers",
            "an AUROC needs labelled outliers and labelled in-domain photos",
        )
    kinds = np.array([rows[photo].kind or "unnamed" for photo in photos])
    found: list[OutlierRow] = []
    for name in scores.names:
        if name in _NO_SCORES:
            continue
        values = scores.column(name)[known]
        spread = bootstrap_auroc(values, odd, rounds=rounds, seed=seed)
        found.append(_row(name, ALL, values, odd, spread))
        for kind in sorted(set(kinds[odd])):
            chosen = ~odd | (kinds == kind)
            found.append(_row(name, str(kind), values[chosen], odd[chosen], None))
    matched = {id(rows[photo]) for photo in photos}
    return OutlierTable(
        rows=found,
        photos_without_label=len(scores.ids) - len(photos),
        labels_without_photo=sum(
            row.is_outlier is not None and id(row) not in matched for row in truth.rows
        ),
    )


def _row(
    column: str, kind: str, values: Column, odd: np.ndarray, spread: float | None
) -> OutlierRow:
    return OutlierRow(
        column=column,
        kind=kind,
        auroc=auroc(values, odd),
        average_precision=average_precision(values, odd),
        spread=spread,
        outliers=int(odd.sum()),
        in_domain=int((~odd).sum()),
    )


class KeepCost(Record):
    """What a keep list did to labelled photos; shares are of the labelled photos of that sort."""

    outliers: int
    outliers_removed: float | None = Field(description="share; null without labelled outliers")
    in_domain: int
    in_domain_lost: float | None = Field(description="share; null without in-domain photos")
    removed_by_kind: dict[str, float] = Field(description="kind of outlier -> share dropped")
    kept_by_label: dict[str, float] = Field(description="in-domain label -> share kept")
    outlier_share_before: float
    outlier_share_after: float | None = Field(description="null when nothing labelled is kept")


def keep_cost(
    listed: Collection[str], kept: Collection[str], infos: Sequence[ImageInfo], truth: Truth
) -> KeepCost:
    """Outliers removed, in-domain photos lost, kept share by label.

    Args:
        listed: ids that the rule saw.
        kept: ids that go on, all among `listed`.
        infos, truth: as in `outlier_auroc`.

    Raises:
        DataError: no listed photo is labelled.
    """
    chosen = set(kept)
    rows = truth.join([info for info in infos if info.id in set(listed)])
    odd = {p: r for p, r in rows.items() if r.is_outlier is True}
    fine = {p: r for p, r in rows.items() if r.is_outlier is False}
    if not odd and not fine:
        raise DataError("no listed photo has a known is_outlier", "check the labels' fields")
    left_odd, left_fine = len(chosen & odd.keys()), len(chosen & fine.keys())
    kinds = _shares(odd, chosen, lambda row: row.kind or "unnamed")
    return KeepCost(
        outliers=len(odd),
        outliers_removed=1 - left_odd / len(odd) if odd else None,
        in_domain=len(fine),
        in_domain_lost=1 - left_fine / len(fine) if fine else None,
        removed_by_kind={kind: 1 - share for kind, share in kinds.items()},
        kept_by_label=_shares(fine, chosen, lambda row: row.label or row.mode or "unnamed"),
        outlier_share_before=len(odd) / (len(odd) + len(fine)),
        outlier_share_after=left_odd / (left_odd + left_fine) if left_odd + left_fine else None,
    )


def _shares(
    rows: Mapping[str, TruthRow], chosen: set[str], name: Callable[[TruthRow], str]
) -> dict[str, float]:
    groups: dict[str, list[bool]] = {}
    for photo, row in rows.items():
        groups.setdefault(name(row), []).append(photo in chosen)
    return {group: sum(flags) / len(flags) for group, flags in sorted(groups.items())}
