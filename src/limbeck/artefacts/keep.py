"""The keep list: which photos go on, and why."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from limbeck import fsio
from limbeck.artefacts.stage import read_done
from limbeck.errors import DataError
from limbeck.kit.tables import read_table
from limbeck.records import KeepSummary, Outliers

KEEP_TABLE = "keep.parquet"
GUTTED = 0.5
"""A mode is gutted where its share of kept photos is below this part of the share of all."""


class KeepList:
    """Which photos go on.

    Attributes:
        table: pyarrow table (id, source, keep, reason, score), one row a scored photo, in dataset
            order; `source` is the photo's name, empty where the scores hold none; `reason` is empty
            for what the rule keeps.
        summary: counts, rule, threshold, kept share per mode, warnings.
    """

    def __init__(self, table: pa.Table, summary: KeepSummary) -> None:
        self.table = table
        self.summary = summary

    @property
    def ids(self) -> tuple[str, ...]:
        """Kept photos, in dataset order."""
        return tuple(photo for photo, kept in self.kept.items() if kept)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Dropped photos, in dataset order."""
        return tuple(photo for photo, kept in self.kept.items() if not kept)

    @cached_property
    def kept(self) -> dict[str, bool]:
        """id -> whether it goes on, in dataset order."""
        return self._by_id("keep")

    @cached_property
    def reasons(self) -> dict[str, str]:
        """id -> why not, or what a person said."""
        return self._by_id("reason")

    def _by_id(self, column: str) -> dict[str, Any]:
        ids, values = (self.table.column(name).to_pylist() for name in ("id", column))
        return dict(zip(ids, values, strict=True))


def read_keep(folder: Path) -> KeepList:
    """Read what `keep` wrote.

    Raises:
        DataError: the folder holds no finished, readable keep list.
    """
    folder = Path(folder)
    done = read_done(folder)
    if done is None or not (folder / KEEP_TABLE).exists():
        raise DataError(f"{folder} holds no finished keep list", "run `limbeck keep`")
    again, path = "run `limbeck keep` again", folder / KEEP_TABLE
    summary = fsio.as_record(done.summary, KeepSummary, f"{folder / 'done.json'}: summary", again)
    table = read_table(path, _FIELDS, again)
    kept = pc.sum(table["keep"]).as_py() or 0
    if (len(table), kept) != (summary.listed, summary.kept):
        raise DataError(
            f"{path} keeps {kept} of {len(table)} photos, done.json says {summary.kept} of "
            f"{summary.listed}",
            again,
        )
    if pc.count_distinct(table["id"]).as_py() < len(table):
        raise DataError(f"{path} names a photo twice", again)
    if not np.isfinite(table["score"].to_numpy()).all():
        raise DataError(f"{path} holds a score that is not finite", again)
    return KeepList(table, summary)


_FIELDS = {"id": pa.string(), "keep": pa.bool_(), "reason": pa.string(), "score": pa.float64()}


def kept_ids(path: Path) -> list[str]:
    """Kept photos of a keep.parquet, finished or not, or of the folder that holds it.

    Raises:
        DataError: there is none, or it is damaged.
    """
    file = path / KEEP_TABLE if path.is_dir() else path
    if not file.exists():
        raise DataError(f"{file}: no such keep list", "give a file made by `limbeck keep`")
    wanted = {"id": pa.string(), "keep": pa.bool_()}
    table = read_table(file, wanted, "give a file made by `limbeck keep`")
    return [str(photo) for photo in table.filter(table["keep"])["id"].to_pylist()]


def found_outliers(outliers: Outliers, photos: int) -> str:
    """What the shape of the scores says, in a sentence: "about 31% (25% to 38%) of these ..."."""
    if not outliers.share:
        return f"no group of these {photos:,} photos stands apart as outliers"
    low, high = sorted((outliers.low, outliers.share, outliers.high))[::2]
    return (
        f"about {in_percent(outliers.share)} ({in_percent(low)} to {in_percent(high)}) of these "
        f"{photos:,} photos look like outliers"
    )


def in_percent(share: float) -> str:
    """`0.314` -> `31%`; below a tenth with one decimal."""
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"
