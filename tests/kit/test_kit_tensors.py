"""Tensors on disk: the header is judged before anything is read."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from limbeck.errors import DataError, LimbeckError
from limbeck.kit.stored import ENTRIES, HEADER_BYTES
from limbeck.kit.tensors import (
    Stored,
    compare,
    gathered,
    read_header,
    read_tensors,
    write_tensor,
)

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def written(path: Path, header: object, data: bytes = b"\0" * 8) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_a_sound_header_is_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.zeros(2, 3), "b": torch.ones(())}, path, {"format": "x"})
    header, metadata = read_header(path, "again")
    assert header == {"a": Stored("F32", (2, 3)), "b": Stored("F32", ())}
    assert metadata == {"format": "x"}
    assert torch.equal(read_tensors(path, "again")["b"], torch.ones(()))


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "F8_E4M3"}, {"dtype": 1}, {"dtype": ["F32"]}, {"shape": [-2]}, {"shape": "2"},
        {"shape": [2.0]}, {"shape": [True, 2]}, {"shape": [1] * 9}, {"shape": [2**60, 2**60]},
        {"data_offsets": [0, 4]}, {"data_offsets": [4, 12]}, {"data_offsets": [0]},
        {"data_offsets": None}, {"data_offsets": [8, 0]}, {"more": 1},
    ],
)  # fmt: skip
def test_entries_that_are_no_tensors(tmp_path: Path, change: dict[str, Any]) -> None:
    path = written(tmp_path / "a", {"a": {**ENTRY, **change}})
    with pytest.raises(DataError, match="a is damaged") as caught:
        read_header(path, "again")
    assert caught.value.do == "again"


@pytest.mark.parametrize(
    "header",
    [
        [], 5, {"a": []}, {"a": None}, {"__metadata__": [], "a": ENTRY},
        {"__metadata__": {"a": 1}, "a": ENTRY}, {"a": ENTRY, "b": ENTRY}, {}, b"{", b"[" * 9999,
        b'{"a": ' + b"9" * 9999 + b"}",
        {str(i): {**ENTRY, "shape": [0], "data_offsets": [0, 0]} for i in range(ENTRIES + 1)},
    ],
    ids=str,
)  # fmt: skip
def test_headers_that_list_no_tensors(tmp_path: Path, header: object) -> None:
    with pytest.raises(DataError, match="a is damaged"):
        read_header(written(tmp_path / "a", header), "again")


def test_long_headers_and_short_files(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for length in (HEADER_BYTES + 1, 2**63, 2**64 - 1):
        path.write_bytes(length.to_bytes(8, "little"))
        os.truncate(path, HEADER_BYTES + 100)
        with pytest.raises(DataError, match=f"a header of {length} bytes"):
            read_header(path, "again")
    for data in (b"", b"\0", b"\0" * 7, b"\1" * 9):
        path.write_bytes(data)
        with pytest.raises(DataError, match="a is damaged"):
            read_header(path, "again")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="no ordinary file"):
        read_header(tmp_path / "pipe", "again")


def test_values_must_be_finite(tmp_path: Path) -> None:
    path = tmp_path / "a"
    save_file({f"t{i}": torch.tensor([torch.inf]) for i in range(6)}, path)
    with pytest.raises(DataError, match="and 2 more not finite"):
        read_tensors(path, "again")
    path.write_bytes(b"\0" * 8)
    with pytest.raises(DataError, match="a is damaged"):
        read_tensors(path, "again")


def test_too_little_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint must not be moved aside because another program took the memory."""

    def fail(_: Path) -> None:
        raise OSError("Cannot allocate memory (os error 12)")

    monkeypatch.setattr("limbeck.kit.tensors.load_file", fail)
    with pytest.raises(LimbeckError, match="there is not enough memory") as caught:
        read_tensors(tmp_path / "a", "again")
    assert not isinstance(caught.value, DataError)


def test_differences_are_named_in_order() -> None:
    found = {"a": Stored("F32", (1,)), "b": Stored("F16", (2,)), "x\x1b": Stored("F32", ())}
    wanted: dict[str, tuple[int, ...]] = {"a": (3,), "b": (2,), "c": ()}
    assert compare(found, wanted, {"F32"}) == (
        "c is missing; x\\x1b is not part of it; a is [1] instead of [3]; b is F16 instead of F32"
    )
    assert compare({"b": found["b"]}, {"b": (2,)}, {"F32", "F16"}) == ""
    assert compare({}, {str(i): () for i in range(12)}, {"F32"}).endswith("and 4 more")


@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (0, 4)])
def test_one_tensor_is_written_as_the_library_writes_it(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path, tensor = tmp_path / "a.safetensors", torch.rand(shape)
    write_tensor("x", tensor, {"key": "ü"}, path)
    header, metadata = read_header(path, "again")
    assert header == {"x": Stored("F32", shape)}
    assert metadata == {"key": "ü"}
    assert torch.equal(read_tensors(path, "again")["x"], tensor)
    assert path.stat().st_size % 8 == (4 * tensor.numel()) % 8


def test_parts_are_gathered_once() -> None:
    whole = torch.rand(10, 2, 3)
    assert torch.equal(gathered(10, torch.split(whole, 4)), whole)
    with pytest.raises(AssertionError, match="8 rows instead of 10"):
        gathered(10, torch.split(whole[:8], 4))
