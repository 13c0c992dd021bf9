import errno
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck import fsio
from limbeck.errors import DataError


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def half_a_file(path: Path, error: Exception) -> None:
    with fsio.atomic_file(path) as temporary:
        temporary.write_text("half")
        raise error


def half_a_folder(path: Path) -> None:
    with fsio.atomic_dir(path) as temporary:
        (temporary / "two").write_text("two")
        raise RuntimeError


def test_a_file_appears_whole_and_nothing_else_stays(tmp_path: Path) -> None:
    with fsio.atomic_file(tmp_path / "deep" / "a.txt") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "deep" / "a.txt").exists()
    assert (tmp_path / "deep" / "a.txt").read_text() == "new"
    assert entries(tmp_path / "deep") == ["a.txt"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ValueError, match="oops"):
        half_a_file(path, ValueError("oops"))
    assert path.read_text() == "old"
    assert entries(tmp_path) == ["a.txt"]


def test_a_full_disk_names_the_path(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(DataError, match=r"cannot write .*a\.txt: No space") as caught:
        half_a_file(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert "space" in caught.value.do
    assert path.read_text() == "old"


def test_a_folder_is_replaced_as_one(tmp_path: Path) -> None:
    path = tmp_path / "nets"
    for text in ("one", "two"):
        with fsio.atomic_dir(path, own=("o*",)) as temporary:
            (temporary / text).write_text(text)
    assert entries(path) == ["two"]
    assert entries(tmp_path) == ["nets"]


def test_a_failed_folder_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "nets"
    with fsio.atomic_dir(path) as temporary:
        (temporary / "one").write_text("one")
    with pytest.raises(RuntimeError):
        half_a_folder(path)
    assert entries(path) == ["one"]
    assert entries(tmp_path) == ["nets"]


def test_sweep_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".tmp-x.json-99999999-00000000-00000000").write_text("half")
    half = tmp_path / ".tmp-nets-99999999-00000000-00000000"
    half.mkdir()
    (half / "G").write_text("half")
    (tmp_path / "a" / "whole.json").write_text("{}")
    assert fsio.sweep(tmp_path) >= 2
    assert entries(tmp_path) == ["a"]
    assert entries(tmp_path / "a") == ["whole.json"]


def test_recover_brings_back_one_folder_and_looks_at_no_other(tmp_path: Path) -> None:
    dead = f"{2**22 - 1}-01234567-89abcdef"
    for name in ("data", "data-2"):
        (tmp_path / f".tmp-old-{name}-{dead}").mkdir()
        (tmp_path / f".tmp-old-{name}-{dead}" / "a.txt").write_text(name)
    (tmp_path / f".tmp-data-{dead}").mkdir()
    fsio.recover(tmp_path / "data")
    assert (tmp_path / "data" / "a.txt").read_text() == "data"
    assert sorted(p.name for p in tmp_path.iterdir()) == [f".tmp-old-data-2-{dead}", "data"]


def test_json_round_trip_and_refusals(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    fsio.write_json(path, {"a": [1, None, "é"]})
    assert fsio.read_json(path) == {"a": [1, None, "é"]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        fsio.write_json(path, float("nan"))
    assert fsio.read_json(path) == {"a": [1, None, "é"]}
    with pytest.raises(DataError, match="does not exist"):
        fsio.read_json(tmp_path / "none.json")
    path.write_text("{")
    with pytest.raises(DataError, match="is not JSON"):
        fsio.read_json(path)


def test_jsonl_forgives_only_a_torn_last_line(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"
    assert fsio.read_jsonl(path) == []
    for step in range(3):
        fsio.append_jsonl(path, {"step": step})
    with open(path, "a") as file:
        file.write('{"step": 3')
    assert [row["step"] for row in fsio.read_jsonl(path)] == [0, 1, 2]
    path.write_text('{"step": 0\n{"step": 1}\n')
    with pytest.raises(DataError, match=r"stats\.jsonl:1"):
        fsio.read_jsonl(path)


@given(content=st.binary(max_size=300))
def test_sha256(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("sha") / "f"
    path.write_bytes(content)
    assert fsio.sha256_file(path) == hashlib.sha256(content).hexdigest()


@given(values=st.dictionaries(st.text(), st.integers() | st.text() | st.none(), min_size=2))
def test_digest_ignores_order_and_sees_values(values: dict[str, object]) -> None:
    backwards = dict(reversed(list(values.items())))
    assert fsio.digest_json(values) == fsio.digest_json(backwards)
    changed = {**values, next(iter(values)): "something else entirely"}
    assert fsio.digest_json(values) != fsio.digest_json(changed)
