"""Scores, keep lists and overrides that somebody else wrote: each fault is named."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck import fsio
from limbeck.artefacts.keep import kept_ids, read_keep
from limbeck.artefacts.scores import Scores, read_scores
from limbeck.config import KeepConfig
from limbeck.curation import keep
from limbeck.curation.overrides import read_overrides
from limbeck.errors import DataError


def made(values: list[float]) -> Scores:
    columns = {"recommended": np.array(values, float)}
    return Scores.of(tuple("abcdefgh"[: len(values)]), columns, {"recommended": "given"})


def rewritten(path: Path, name: str, values: object) -> None:
    """The table with one column replaced."""
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(name), name, values), path)


def test_scores_of_strangers_are_refused_by_photo_and_column(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    for name, values, message in [
        (
            "recommended",
            pa.array([0.0, np.nan]),
            r"score 'recommended' of photo b is nan \(1 such\)",
        ),
        ("recommended", pa.array([np.inf, 1.0]), "of photo a is inf"),
        ("recommended", pa.array([None, 1.0]), "without a value"),
        ("recommended", pa.array(["a", "b"]), "of string is not known"),
        ("id", pa.array(["0", "0"]), "names a photo twice"),
        ("id", pa.array([0, 1]), "column 'id' is int64, wanted string"),
    ]:
        made([0.0, 1.0]).save(tmp_path)
        rewritten(path, name, values)
        with pytest.raises(DataError, match=message) as caught:
            read_scores(tmp_path)
        assert str(path) in caught.value.what
    made([0.0, 1.0]).save(tmp_path)
    made([0.0, 1.0, 2.0]).save(tmp_path / "other")
    (tmp_path / "scores.json").write_bytes((tmp_path / "other/scores.json").read_bytes())
    with pytest.raises(DataError, match=r"2 rows and columns recommended; scores\.json says 3"):
        read_scores(tmp_path)
    (tmp_path / "scores.json").write_text('{"images": "two"}')
    with pytest.raises(DataError, match=r"scores\.json: images"):
        read_scores(tmp_path)


def test_keep_lists_of_strangers_are_refused(tmp_path: Path) -> None:
    config = KeepConfig(rule="fraction", fraction=0.5)
    for name, values, message in [
        ("keep", pa.array([True] * 4), "keeps 4 of 4 photos, done.json says 2 of 4"),
        ("keep", pa.array([1, 0, 1, 0]), "column 'keep' is int64, wanted bool"),
        ("keep", pa.array([True, None, True, False]), "without a value"),
        ("id", pa.array(["0"] * 4), "names a photo twice"),
        ("score", pa.array([0.0, 1.0, np.nan, 2.0]), "not finite"),
    ]:
        keep(made([0.0, 1.0, 2.0, 3.0]), tmp_path, config)
        rewritten(tmp_path / "keep.parquet", name, values)
        with pytest.raises(DataError, match=message):
            read_keep(tmp_path)
    done = fsio.read_json(tmp_path / "done.json")
    fsio.write_json(tmp_path / "done.json", {**done, "summary": {"listed": 4}})
    with pytest.raises(DataError, match=r"done\.json: summary: "):
        read_keep(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,keep,reason\n0,1,é\n".encode("latin-1"), "not UTF-8"),
        (b"id,keep,reason\n0,\x1b[31m,\n", "keep is"),
        (b'id,keep,reason\n"0,1,\n', "save it as CSV"),
        (b"id,keep,reason\n" + b"a" * 200_000, "save it as CSV"),
    ],
)
def test_overrides_in_odd_encodings(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "overrides.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_overrides(path, {"0"})
    assert str(path) in caught.value.what


@pytest.mark.timeout(20)
def test_overrides_must_be_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "overrides.csv")
    with pytest.raises(DataError, match="no ordinary file"):
        read_overrides(tmp_path / "overrides.csv", {"0"})


def test_keep_lists_named_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "keep.parquet"
    pq.write_table(pa.table({"id": ["a", "b"], "keep": [True, False], "more": [1, 2]}), path)
    assert kept_ids(path) == kept_ids(tmp_path) == ["a"]
    for table, message in [
        ({"id": ["a"]}, "no column 'keep'"),
        ({"id": ["a"], "keep": ["yes"]}, "column 'keep' is string"),
        ({"id": [1], "keep": [True]}, "column 'id' is int64"),
    ]:
        pq.write_table(pa.table(table), path)
        with pytest.raises(DataError, match=message):
            kept_ids(path)
    path.write_text("id,keep")
    with pytest.raises(DataError, match="no parquet file"):
        kept_ids(path)
