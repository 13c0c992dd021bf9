"""The table of scores: one row a photo, one column a score, each with its formula."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from limbeck import fsio
from limbeck.errors import DataError, UsageError
from limbeck.kit.tables import Column, read_table
from limbeck.records import ScoreSummary

MODE = "x_mode"
SOURCE = "source"
_PARQUET, _FORMULAS = "scores.parquet", "scores.json"


class Scores:
    """Scores of a dataset's photos.

    Attributes:
        ids: the photos, in dataset order.
        table: pyarrow table, `id` and `source` (strings) and one float64 column a score (`x_mode`
            is int64).
        summary: counts, seconds and the formula of every column.

    In every score column higher = more likely an outlier; a column named `x_...` is a covariate,
    not a score.
    """

    def __init__(self, table: pa.Table, summary: ScoreSummary) -> None:
        self.table = table
        self.summary = summary

    @classmethod
    def of(
        cls,
        ids: tuple[str, ...],
        columns: Mapping[str, Column | NDArray[np.int64]],
        formulas: Mapping[str, str] | None = None,
        seconds: float = 0.0,
        *,
        sources: Sequence[str] | None = None,
        told_apart: float | None = None,
        near: float | None = None,
    ) -> "Scores":
        """Build from arrays [N] each; `sources` are the photos' names; no formulas = all empty.

        Raises:
            DataError: a column has another length, no formula, or a value that is not finite.
        """
        formulas = dict.fromkeys(columns, "") if formulas is None else formulas
        for name, values in columns.items():
            if len(values) != len(ids) or name not in formulas:
                raise DataError(f"score column {name!r} has no formula or not {len(ids)} rows")
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                raise DataError(
                    f"score {name!r} of photo {ids[bad[0]]} is {values[bad[0]]} ({len(bad)} such)",
                    "the networks may hold NaN: score an earlier snapshot",
                )
        who = {"id": pa.array(ids, pa.string())}
        if sources is not None:
            who[SOURCE] = pa.array(sources, pa.string())
        table = pa.table({**who, **dict(columns)})
        named = {name: formulas[name] for name in columns}
        summary = ScoreSummary(
            images=len(ids),
            columns=named,
            seconds=seconds,
            told_apart=told_apart,
            near=near,
        )
        return cls(table, summary)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The photos' ids, in row order."""
        return tuple(self.table.column("id").to_pylist())

    @cached_property
    def sources(self) -> tuple[str, ...] | None:
        """The photos' names in row order; None in a table that does not hold them."""
        if SOURCE not in self.table.column_names:
            return None
        return tuple(self.table.column(SOURCE).to_pylist())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the score columns, without `id` and `source`."""
        return tuple(name for name in self.table.column_names if name not in ("id", SOURCE))

    @cached_property
    def row_of(self) -> dict[str, int]:
        """id -> row."""
        return {photo: row for row, photo in enumerate(self.ids)}

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def column(self, name: str) -> Column:
        """One column as float64 [N], in the order of `ids`.

        Raises:
            UsageError: there is no such column; the message lists those that exist.
        """
        if name not in self.names:
            raise UsageError(f"no score column {name!r}", f"choose one of {', '.join(self.names)}")
        return np.asarray(self.table.column(name).to_numpy(), dtype=np.float64)

    def only(self, names: Sequence[str]) -> "Scores":
        """The same photos with some of the columns, without their names.

        Raises:
            UsageError: as `column`.
        """
        formulas = {name: self.summary.columns[name] for name in names}
        return Scores.of(self.ids, {name: self.column(name) for name in names}, formulas)

    def modes(self) -> dict[str, int] | None:
        """id -> nearest mode (`x_mode`), or None when no centres were given to `score`."""
        if MODE not in self.names:
            return None
        return dict(zip(self.ids, self.table.column(MODE).to_pylist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write scores.parquet and scores.json (formulas); the caller writes done.json."""
        with fsio.atomic_file(folder / _PARQUET) as temporary:
            pq.write_table(self.table, temporary)
        fsio.write_json(folder / _FORMULAS, self.summary.model_dump(mode="json"))


def read_scores(folder: Path) -> Scores:
    """Read what `score` wrote.

    Raises:
        DataError: the folder holds no scores, unreadable ones, columns that scores.json does not
            know, an id given twice, or a score that is not finite (its photo and column are named).
    """
    folder = Path(folder)
    path = folder / _PARQUET
    if not path.exists():
        raise DataError(f"{folder} holds no scores ({_PARQUET} is missing)", "run `limbeck score`")
    summary = fsio.read_record(folder / _FORMULAS, ScoreSummary, _AGAIN)
    kinds = (pa.float64(), pa.int64())
    scores = Scores(
        read_table(path, {"id": pa.string()}, _AGAIN, others=kinds, optional={SOURCE: pa.string()}),
        summary,
    )
    if set(scores.names) != summary.columns.keys() or len(scores) != summary.images:
        raise DataError(
            f"{path} has {len(scores)} rows and columns {', '.join(scores.names)}; {_FORMULAS} "
            f"says {summary.images} and {fsio.plain(', '.join(summary.columns))}",
            _AGAIN,
        )
    if pc.count_distinct(scores.table["id"]).as_py() < len(scores):
        raise DataError(f"{path} names a photo twice", _AGAIN)
    for name in scores.names:
        values = scores.column(name)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            photo = fsio.plain(scores.ids[bad[0]])
            what = f"{path}: score {name!r} of photo {photo} is {values[bad[0]]}"
            raise DataError(f"{what} ({len(bad)} such)", _AGAIN)
    return scores


_AGAIN = "move it away and score again"
