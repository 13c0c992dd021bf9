"""Scores and keep lists of a run, read from their files."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from limbeck.errors import DataError
from limbeck.kit.tables import read_table
from limbeck.metrics import Column


class ScoreFile:
    """A scores.parquet: `ids`, `names`, `column(name)`."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            DataError: missing or unreadable.
        """
        numbers, named = (pa.float64(), pa.int64()), {"source": pa.string()}
        again = _there(path, "limbeck score")
        self._table = read_table(path, {"id": pa.string()}, again, others=numbers, optional=named)

    @property
    def ids(self) -> tuple[str, ...]:
        """Photos in row order."""
        return tuple(self._table.column("id").to_pylist())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the scores and covariates."""
        return tuple(name for name in self._table.column_names if name not in ("id", "source"))

    def column(self, name: str) -> Column:
        """float64 [N]; KeyError for an unknown name."""
        return np.asarray(self._table.column(name).to_numpy(), dtype=np.float64)


def read_kept(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """keep.parquet -> (all listed ids, kept ids).

    Raises:
        DataError: missing or unreadable.
    """
    table = read_table(path, {"id": pa.string(), "keep": pa.bool_()}, _there(path, "limbeck keep"))
    ids, flags = table.column("id").to_pylist(), table.column("keep").to_pylist()
    return tuple(ids), tuple(photo for photo, flag in zip(ids, flags, strict=True) if flag)


def _there(path: Path, verb: str) -> str:
    """What to do about a bad table that `verb` made, which must be there."""
    if not path.exists():
        raise DataError(f"{path} does not exist", f"run `{verb}` first")
    return f"run `{verb}` again"
