"""Tables on disk: what is in one is known before it is unfolded."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.errors import DataError
from limbeck.kit import tables
from limbeck.kit.tables import read_table

FIELDS = {"id": pa.string(), "n": pa.int64()}
SOUND = {"id": ["a", "b", "a"], "n": [1, 2, 3]}


def written(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), path, compression="zstd", **options)
    return path


def test_known_columns_are_read_in_order(tmp_path: Path) -> None:
    path = written(tmp_path / "a", {"more": [0.5] * 3, **SOUND})
    table = read_table(path, FIELDS, "again")
    assert table.to_pydict() == SOUND
    assert table.schema.types == list(FIELDS.values())
    table = read_table(path, FIELDS, "again", others=[pa.float64()])
    assert table.column_names == ["more", "id", "n"]
    empty = written(
        tmp_path / "e", {"id": pa.array([], pa.string()), "n": pa.array([], pa.int64())}
    )
    assert read_table(empty, FIELDS, "again").schema.types == list(FIELDS.values())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a"]}, "no column 'n'"),
        ({"id": [1], "n": [1]}, "column 'id' is int64, wanted string"),
        ({"id": ["a"], "n": ["1"]}, "column 'n' is string, wanted int64"),
        ({"id": [None, "a"], "n": [1, 2]}, "column 'id' has rows without a value"),
        ({**SOUND, "x\x1b": ["a"] * 3}, r"column 'x\\\\x1b' of string is not known"),
    ],
)
def test_other_columns_are_refused(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_table(written(tmp_path / "a", columns), FIELDS, "again", others=[])
    assert str(tmp_path / "a") in caught.value.what
    assert caught.value.do == "again"


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array([1]), pa.array([2])], ["id", "n", "n"])
    pq.write_table(table, tmp_path / "a")
    with pytest.raises(DataError, match="two columns of one name"):
        read_table(tmp_path / "a", FIELDS, "again")


def test_many_rows_are_refused_by_the_files_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROWS", 100)
    written(tmp_path / "a", {"id": ["a"] * 101, "n": [1] * 101})
    with pytest.raises(DataError, match="101 rows, the limit is 100"):
        read_table(tmp_path / "a", FIELDS, "again")


@pytest.mark.parametrize("dictionary", [True, False])
def test_repeated_text_is_counted_before_it_is_unfolded(tmp_path: Path, dictionary: bool) -> None:
    rows = 3000 if dictionary else 800
    columns = {"id": ["x" * 100_000] * rows, "n": [1] * rows}
    path = written(tmp_path / "a", columns, use_dictionary=dictionary)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="unfolds to more than"):
        read_table(path, FIELDS, "again")


def test_long_lists_are_refused(tmp_path: Path) -> None:
    box = {"box": pa.array([[1] * 4, None, [1] * 4], pa.list_(pa.int32()))}
    fields = {"box": pa.list_(pa.int32())}
    written(tmp_path / "a", box)
    assert read_table(tmp_path / "a", fields, "again", nulls=True).to_pydict()["box"][0] == [1] * 4
    written(tmp_path / "a", {"box": pa.array([[1] * 10**6], pa.list_(pa.int32()))})
    with pytest.raises(DataError, match="1000000 values in 1 rows"):
        read_table(tmp_path / "a", fields, "again")


def column_of(path: Path) -> tuple[int, int]:
    column = pq.read_metadata(path).row_group(0).column(0)
    return column.dictionary_page_offset or column.data_page_offset, column.total_compressed_size


def test_pages_are_believed_rather_than_the_end(tmp_path: Path) -> None:
    """The end of a small table behind the pages of one that unfolds to 40 MB."""
    kind, fields = pa.list_(pa.int32()), {"box": pa.list_(pa.int32())}
    small, large = tmp_path / "small", tmp_path / "large"
    numbers = [[4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3] for i in range(150)]
    pq.write_table(pa.table({"box": pa.array(numbers, kind)}), small, compression="none")
    numbers = [[1] * 10**7] + [[1]] * 149
    pq.write_table(pa.table({"box": pa.array(numbers, kind)}), large, compression="none")
    (at, length), (start, pages_length) = column_of(small), column_of(large)
    assert pages_length < length
    end = small.read_bytes()
    forged = large.read_bytes()[start : start + pages_length].ljust(length, b"\0")
    (tmp_path / "forged").write_bytes(end[:at] + forged + end[at + length :])
    with pytest.raises(DataError, match=r"pages hold \d+ values, not 600"):
        read_table(tmp_path / "forged", fields, "again")


def test_an_end_that_stops_the_library(tmp_path: Path) -> None:
    """The library ends the process where this column's statistics are asked for."""
    schema = pa.schema([pa.field("id", pa.string()), pa.field("n", pa.int64())])
    pq.write_table(pa.table(SOUND, schema), tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    at = whole.rindex(b"\x25\x02\x18\x01n")  # optional, name n: made required
    (tmp_path / "a").write_bytes(whole[: at + 1] + b"\0" + whole[at + 2 :])
    with pytest.raises(DataError, match=r"a (cannot be read|is damaged)"):
        read_table(tmp_path / "a", FIELDS, "again")


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("rows", [0, 1, 70_000])
def test_many_pages_and_both_versions(
    tmp_path: Path, version: str, dictionary: bool, rows: int
) -> None:
    columns = {"id": [f"{i:08x}" for i in range(rows)], "n": list(range(rows))}
    table = pa.table(columns, pa.schema(list(FIELDS.items())))
    how: dict[str, Any] = {"use_dictionary": dictionary, "data_page_version": version}
    how |= {"data_page_size": 4096, "row_group_size": 30_000}
    for compression in ("zstd", "none", "snappy"):
        pq.write_table(table, tmp_path / "a", compression=compression, **how)
        assert read_table(tmp_path / "a", FIELDS, "again").equals(table)


def test_what_is_no_parquet_file(tmp_path: Path) -> None:
    whole = written(tmp_path / "a", SOUND).read_bytes()
    broken = (b"", b"PAR1", b"x" * 100, whole[:-1], whole[8:], b"PAR1" + b"\xff" * 30 + b"PAR1")
    for data in broken:
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(DataError, match=r"a (is damaged|cannot be read)"):
            read_table(tmp_path / "a", FIELDS, "again")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="no ordinary file"):
        read_table(tmp_path / "pipe", FIELDS, "again")
    with open(tmp_path / "long", "wb") as file:
        file.truncate(2**26)
        file.seek(2**26 - 8)
        file.write((2**25).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(DataError, match="describes itself in 33554432 bytes"):
        read_table(tmp_path / "long", FIELDS, "again")
