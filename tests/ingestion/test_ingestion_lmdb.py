"""LSUN's databases are photos; damaged ones are errors, and never take the process down."""

import struct
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from ingestion_bad_files import saved, scene

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.errors import DataError, LimbeckError
from limbeck.ingestion import ingest
from limbeck.ingestion.regular import Unreadable
from limbeck.ingestion.sources import Entry, open_source
from limbeck.ingestion.sources.lmdb_tree import Lmdb
from limbeck.records import Status

lmdb = pytest.importorskip("lmdb", reason="pip install lmdb")
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


def node_of(data: bytes, key: bytes) -> int:
    """Where the node of a key begins in a leaf."""
    return data.index(key) - 8


LIES = {
    "a size beyond the file": lambda data, at, n: struct.pack_into("<HH", data, at, 0, 0x0FFF),
    "a size beyond its pages": lambda data, at, n: struct.pack_into("<H", data, at + 2, 4),
    "a page beyond the file": lambda data, at, n: struct.pack_into("<Q", data, at + n, 10**9),
    "a page of another kind": lambda data, at, n: struct.pack_into("<Q", data, at + n, 0),
    "a page without number": lambda data, at, n: struct.pack_into("<q", data, at + n, -1),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_value_that_lies_costs_itself_alone(tmp_path: Path, lie: str) -> None:
    values = {f"{n:04d}".encode(): saved("PNG", scene(n)) for n in range(4)}
    file = database(tmp_path / "p", values) / "data.mdb"
    data = bytearray(file.read_bytes())
    LIES[lie](data, node_of(data, b"0002"), 8 + 4)
    file.write_bytes(data)
    summary = ingest(tmp_path / "p", tmp_path / "d", CONFIG)
    assert (summary.listed, summary.accepted) == (4, 3)
    (row,) = (i for i in open_dataset(tmp_path / "d").listed() if i.status is not Status.ACCEPTED)
    assert row.source == "p!0002"
    assert row.detail


def test_a_tree_that_leads_back_ends(tmp_path: Path) -> None:
    values = {f"{n:05d}".encode() * 8: b"x" * 9 for n in range(900)}
    file = database(tmp_path / "p", values) / "data.mdb"
    data = bytearray(file.read_bytes())
    page, root = 4096, min(struct.unpack_from("<Q", data, n * 4096 + 128)[0] for n in (0, 1))
    assert struct.unpack_from("<H", data, root * page + 10)[0] & 1, "a branch"
    (first,) = struct.unpack_from("<H", data, root * page + 16)
    struct.pack_into("<HHH", data, root * page + first, root, 0, 0)
    file.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        open_source(tmp_path / "p")


def how_it_ends(base: Lmdb, key: bytes, values: dict[bytes, bytes]) -> str:
    try:
        return "right" if base.get(key, 10**6) == values.get(key) else "other"
    except Unreadable:
        return "unreadable"


def test_whatever_is_flipped_only_typed_errors(tmp_path: Path) -> None:
    values = {f"{n:05d}".encode() * (1 + n % 9): bytes([n % 251]) * (n * 19) for n in range(120)}
    data = (database(tmp_path / "p", values) / "data.mdb").read_bytes()
    random, ends = np.random.default_rng(1), Counter[str]()
    used = np.flatnonzero(np.frombuffer(data, np.uint8))
    file = tmp_path / "data.mdb"
    for _ in range(60):
        spoilt = bytearray(data)
        for at in random.choice(used, int(random.integers(1, 30))):
            spoilt[at] = int(random.integers(256))
        file.write_bytes(spoilt)
        try:
            with closing(Lmdb(file)) as base:
                for key, _ in base.items():
                    ends[how_it_ends(base, key, values)] += 1
        except DataError:
            ends["damaged"] += 1
    assert ends["right"] > 1000
    assert ends["damaged"]


def test_it_reads_what_the_library_reads(tmp_path: Path) -> None:
    """Deleted and replaced keys, empty ones, a tree of three levels."""
    random = np.random.default_rng(0)
    keys = [random.bytes(int(random.integers(1, 400))) for _ in range(3000)]
    with lmdb.open(str(tmp_path / "p"), map_size=2**27) as base:
        for part in range(3):
            with base.begin(write=True) as writing:
                for key in keys[part * 1000 : part * 1000 + 1000]:
                    writing.put(key, random.bytes(int(random.integers(0, 9000))))
                for key in keys[part * 500 : part * 500 + 200]:
                    writing.delete(key)
        with base.begin() as reading:
            wanted = dict(reading.cursor())
    found = Lmdb(tmp_path / "p" / "data.mdb")
    assert list(found.items()) == [(key, len(value)) for key, value in sorted(wanted.items())]
    assert all(found.get(key, 10**6) == value for key, value in wanted.items())
    assert found.get(b"no such key" * 50, 9) is None
    found.close()
    with lmdb.open(str(tmp_path / "none"), map_size=2**20):
        pass
    with closing(Lmdb(tmp_path / "none" / "data.mdb")) as none:
        assert not list(none.items())


def test_a_text_named_like_one_is_none(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_text("no database" * 999)
    with pytest.raises(DataError, match="is no LMDB"):
        open_source(tmp_path)
