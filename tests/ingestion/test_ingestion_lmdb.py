"""LSUN's databases are photos; damaged ones are errors, and never take the process down."""

from pathlib import Path

import numpy as np
import pytest
from ingestion_bad_files import saved, scene

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.ingestion import ingest
from limbeck.ingestion.sources import Entry, open_source

lmdb = pytest.importorskip("lmdb", reason="pip install 'limbeck[lmdb]'")
CONFIG = DataConfig(size=16, crop="center")


def database(folder: Path, values: dict[bytes, bytes]) -> Path:
    """A folder with data.mdb, as LSUN has it."""
    with lmdb.open(str(folder), map_size=2**26) as base, base.begin(write=True) as writing:
        for key, value in values.items():
            writing.put(key, value)
    return folder


def test_every_value_is_a_photo(tmp_path: Path) -> None:
    values = {f"{n:040x}".encode(): saved("WEBP", scene(n), lossless=True) for n in range(5)}
    values |= {b"length": b"5", b"odd \xff key": saved("PNG", scene(9)), b"empty": b""}
    folder = database(tmp_path / "church_train_lmdb", values)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    summary = ingest(folder, tmp_path / "d", CONFIG)
    assert (summary.listed, summary.accepted) == (8, 6)
    rows = {info.source: info for info in open_dataset(tmp_path / "d").listed()}
    assert "church_train_lmdb!length" in rows
    assert "church_train_lmdb!odd \\xff key" in rows
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert ingest(folder, tmp_path / "d", CONFIG).reused == 6


def test_thousands_of_keys_are_listed_in_turns(tmp_path: Path) -> None:
    values = {f"{n:07d}".encode(): bytes([n % 256]) * (n % 50) for n in range(5000)}
    with open_source(database(tmp_path / "many", values)) as photos:
        assert len(photos.entries) == 5000
        for entry in photos.entries[::997]:
            assert photos.read(entry) == values[bytes.fromhex(entry.name)]
        with pytest.raises(Exception, match="no longer"):
            photos.read(Entry("x", b"gone".hex(), 1, ""))


def test_damaged_databases_are_errors(tmp_path: Path) -> None:
    values = {f"{n:05d}".encode(): saved("JPEG", scene(n)) for n in range(60)}
    data = (database(tmp_path / "sound", values) / "data.mdb").read_bytes()
    random, ends = np.random.default_rng(0), set()
    for number in range(12):
        folder = tmp_path / f"bad-{number}"
        folder.mkdir()
        spoilt = bytearray(data)
        for at in random.integers(0, len(spoilt), 200 if number else 0):
            spoilt[at] ^= int(random.integers(1, 256))
        if number % 3 == 0:
            spoilt = spoilt[: len(spoilt) * number // 12]
        (folder / "data.mdb").write_bytes(spoilt)
        try:
            ingest(folder, tmp_path / f"d-{number}", CONFIG)
            ends.add("made")
        except LimbeckError as error:
            ends.add(type(error).__name__)
    assert "DataError" in ends
    assert ends <= {"DataError", "made"}


def test_without_the_package_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = database(tmp_path / "sound", {b"a": b"b"})
    monkeypatch.setattr("limbeck.decoding.lmdb.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="LMDB") as caught:
        open_source(folder)
    assert "limbeck[lmdb]" in caught.value.do


def test_a_text_named_like_one_is_none(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_text("no database" * 999)
    with pytest.raises(DataError, match="is no LMDB"):
        open_source(tmp_path)
