"""Photos inside parquet files, and facts in metadata of any folder."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.errors import DataError, LimbeckError
from limbeck.ingestion import ingest
from limbeck.ingestion.regular import Unreadable
from limbeck.ingestion.sources import Facts, open_source

CONFIG = DataConfig(size=16, crop="center")
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(seed: int) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(coarse).resize((24, 24), Image.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()


def table(rows: list[Any], path: Path, group: int = 3, **columns: list[Any]) -> Path:
    images = pa.array(rows, IMAGE)
    pq.write_table(pa.table({**columns, "image": images}), path, row_group_size=group)
    return path


def test_rows_are_photos_in_their_order_with_facts_and_nothing_else(tmp_path: Path) -> None:
    rows: list[Any] = [{"bytes": png(n), "path": f"d/{n}.png"} for n in range(7)]
    rows += [None, {"bytes": None, "path": "x"}, {"bytes": png(9), "path": "../up.png"}]
    count = len(rows)
    path = table(
        rows, tmp_path / "a.parquet", License=["CC0", None] * 5, label=list(range(count)),
        author=["Ada"] * count, boxes=[[1, 2, 3, 4, 5, 6]] * count,
    )  # fmt: skip
    with open_source(path) as source:
        entries = source.entries
        assert [e.source for e in entries[:2]] == [
            "a.parquet!00000000/d/0.png", "a.parquet!00000001/d/1.png",
        ]  # fmt: skip
        assert [e.refused for e in entries[7:9]] == ["no bytes in this row"] * 2
        assert entries[9].source == "a.parquet!00000009"
        assert [e.bytes for e in entries[:7]] == [len(png(n)) for n in range(7)]
        for n in (6, 0, 3, 1, 5, 2, 4):  # out of order, across groups
            assert source.read(entries[n]) == png(n)
        assert source.facts(entries[0]) == Facts("CC0", "Ada", None)
        assert source.path_of(entries[0]) == "a/00000000/d/0.png"
    summary = ingest(path, tmp_path / "data", CONFIG)
    assert (summary.listed, summary.accepted, summary.failed) == (10, 8, 2)
    data = open_dataset(tmp_path / "data")
    assert [info.licence for info in data.infos][:3] == ["CC0", None, "CC0"]
    assert all(info.label is None for info in data.infos)


def test_a_folder_of_parquet_files_is_one_source(tmp_path: Path) -> None:
    for shard in range(2):
        rows = [{"bytes": png(10 * shard + n), "path": None} for n in range(3)]
        table(rows, tmp_path / f"train-{shard:05d}-of-00002.parquet")
    (tmp_path / "README.md").write_text("hello")
    summary = ingest(tmp_path, tmp_path.parent / "data-parquets", CONFIG)
    assert (summary.listed, summary.accepted) == (6, 6)
    sources = [i.source for i in open_dataset(tmp_path.parent / "data-parquets").infos]
    assert sources[3] == "train-00001-of-00002.parquet!00000000"
    (tmp_path / "photo.png").write_bytes(png(99))  # then it is a folder with tables in it
    with open_source(tmp_path) as source:
        assert len(source.entries) == 4


def test_files_without_photos_damaged_ones_and_bombs_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {"image": ["a"], "blob": [{"bytes": b"a"}], "way": [{"path": "a"}]}
    pq.write_table(pa.table(odd), tmp_path / "text.parquet")
    with pytest.raises(DataError, match="has no column of photos"):
        open_source(tmp_path / "text.parquet")
    path = table([{"bytes": png(n), "path": None} for n in range(4)], tmp_path / "p.parquet")
    whole = path.read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:-20])
    with pytest.raises(DataError, match="is damaged"):
        open_source(tmp_path / "cut.parquet")
    with open_source(path) as source:
        path.write_bytes(whole + b" ")
        with pytest.raises(Unreadable, match="changed while it was read"):
            source.read(source.entries[0])
    path.write_bytes(whole)
    monkeypatch.setattr("limbeck.ingestion.sources.parquet._GROUP_BYTES", 1000)
    with pytest.raises(DataError, match="has a row group of"):
        open_source(path)


def test_one_photo_said_a_hundred_thousand_times_lies_in_memory_once(tmp_path: Path) -> None:
    again = pa.array(np.zeros(100_000, np.int32))  # 50 GB, were it unfolded
    parts = [pa.DictionaryArray.from_arrays(again, [one]) for one in (bytes(2**19), "p")]
    images = pa.StructArray.from_arrays(parts, ["bytes", "path"])
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"image": images}), path, store_schema=False)
    with open_source(path) as source:
        assert len(source.entries) == 100_000
        assert source.read(source.entries[99_999]) == bytes(2**19)


def test_a_dictionary_that_is_shorter_than_its_numbers_is_damaged(tmp_path: Path) -> None:
    rows = [{"bytes": png(n % 3), "path": f"{n % 3}"} for n in range(12)]
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"image": pa.array(rows, IMAGE)}), path, compression="none")
    numbers = b"\x24\x49\x92"  # 0, 1, 2, 0, ..., two bits each
    whole = path.read_bytes()
    assert whole.count(numbers) == 2
    path.write_bytes(whole.replace(numbers, b"\xff\xff\xff"))
    with pytest.raises(DataError, match="cannot be read: damaged"):
        open_source(path)


@given(st.binary(max_size=60), st.integers(0, 3000))
def test_bytes_of_any_kind_in_a_parquet_file_cost_an_error_at_most(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.parquet"
    rows = [{"bytes": bytes([n]) * 400, "path": f"{n}"} for n in range(4)]
    whole = table(rows, path, author=list("abcd")).read_bytes()
    path.write_bytes(whole[:place] + noise + whole[place + len(noise) :])
    try:
        with open_source(path) as source:
            for entry in source.entries:
                if not entry.refused:
                    source.read(entry)
    except (LimbeckError, Unreadable):
        pass


def test_metadata_counts_in_every_folder_and_as_parquet(tmp_path: Path) -> None:
    for name in ("0.png", "a/1.png", "a/b/2.png", "a/b/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(png(int(name[-5])))
    lines = [{"file_name": name, "author": "root"} for name in ("0.png", "a/1.png", "a/b/3.png")]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "a" / "metadata.csv").write_text("file_name,author\n1.png,csv\nb/2.png,csv\n")
    names = pa.array(["2.png", "../1.png"], pa.large_string())
    rest = {"author": ["parquet", "up"], "objects": [[1, 2, 3, 4, 5]] * 2, "url": [1, 2]}
    pq.write_table(pa.table({"file_name": names, **rest}), tmp_path / "a/b/metadata.parquet")
    with open_source(tmp_path) as source:
        told = {e.source: source.facts(e).author for e in source.entries if ".png" in e.source}
    assert told == {"0.png": "root", "a/1.png": "csv", "a/b/2.png": "parquet", "a/b/3.png": "root"}


def test_a_damaged_metadata_parquet_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "0.png").write_bytes(png(0))
    (tmp_path / "metadata.parquet").write_bytes(b"PAR1 and no more")
    with open_source(tmp_path) as source:
        assert source.facts(source.entries[0]) == Facts()
    assert "metadata.parquet is left out, so licences" in capsys.readouterr().err
