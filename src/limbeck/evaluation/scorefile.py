"""Scores and keep lists of a run, read from their files."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from limbeck.errors import DataError
from limbeck.evaluation.ranking import Column


class ScoreFile:
    """A scores.parquet: `ids`, `names`, `column(name)`."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            DataError: missing or unreadable.
        """
        self._table = _read(Path(path), "limbeck score")

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
    table = _read(Path(path), "limbeck keep")
    ids, flags = table.column("id").to_pylist(), table.column("keep").to_pylist()
    return tuple(ids), tuple(photo for photo, flag in zip(ids, flags, strict=True) if flag)


def _read(path: Path, verb: str) -> pa.Table:
    if not path.exists():
        raise DataError(f"{path} does not exist", f"run `{verb}` first")
    try:
        return pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}", f"run `{verb}` again") from error
