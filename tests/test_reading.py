"""Files that somebody else may have written: every fault is a DataError that names the file."""

import os
from pathlib import Path

import pytest

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.reading import JSON_BYTES
from limbeck.records import Done

DONE = (
    b'{"stage": "keep", "inputs": {}, "config_digest": "0", "seconds": 1.0, "finished": "",'
    b' "version": "", "summary": {}}'
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "is not JSON"),
        (b"[" * 65 + b"]" * 65, "more than 64 levels"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "more than 64 levels"),
        (b"9" * 5000, "a number of 5000 digits"),
        (b"[1e999]", "1e999 is not finite"),
        (b"[NaN]", "NaN is not finite"),
        (b"[-Infinity]", "is not finite"),
        (b'["\\ud800"]', "surrogates not allowed"),
        (b"\xff\xfe[]", "is not JSON"),
        (b"\xef\xbb\xbf[]", "is not JSON"),
        (b"", "is not JSON"),
        (b"[1,]", "is not JSON"),
    ],
)
def test_bad_json_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        fsio.read_json(path)
    assert str(path) in caught.value.what
    assert caught.value.do


def test_what_is_well_formed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"[" * 64 + b"]" * 64)
    assert fsio.read_json(path)
    path.write_text('{"a": ["\\ud83d\\ude00", 18446744073709551615, -1e-300]}')
    assert fsio.read_json(path) == {"a": ["\U0001f600", 2**64 - 1, -1e-300]}


def test_large_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with open(path, "wb") as file:
        file.truncate(JSON_BYTES + 1)  # a hole: no disk, no memory
    with pytest.raises(DataError, match=f"a.json has .* bytes, the limit is {JSON_BYTES}"):
        fsio.read_json(path)


@pytest.mark.timeout(20)
def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link, tmp_path, Path("/dev/zero")):
        for read in (fsio.read_json, fsio.read_jsonl, fsio.sha256_file):
            with pytest.raises(DataError, match=f"{path} is no ordinary file"):
                read(path)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(DataError, match=r"loop cannot be read"):
        fsio.read_json(loop)
    with pytest.raises(DataError, match="no file name"):
        fsio.read_json(Path("a\0b"))


@pytest.mark.timeout(20)
@pytest.mark.skipif(not os.access("/proc/kmsg", os.R_OK), reason="no kernel log to read")
def test_a_file_that_never_ends_is_empty() -> None:
    with pytest.raises(DataError, match="is not JSON"):
        fsio.read_json(Path("/proc/kmsg"))


def test_a_record_names_the_fields_at_fault(tmp_path: Path) -> None:
    path = tmp_path / "done.json"
    path.write_bytes(DONE)
    assert fsio.read_record(path, Done).stage == "keep"
    path.write_bytes(DONE.replace(b'"seconds": 1.0', b'"seconds": "x", "\\u001b[31m": 1'))
    with pytest.raises(DataError, match=r"done.json: seconds: .*number; \\x1b\[31m: ") as caught:
        fsio.read_record(path, Done)
    assert "\n" not in caught.value.what
    path.write_text("[1, 2]")
    with pytest.raises(DataError, match=r"done.json: value: "):
        fsio.read_record(path, Done)
    with pytest.raises(DataError, match="holds no JSON object"):
        fsio.read_object(path)
    many = ",".join(f'"k{i}": 1' for i in range(2000))
    path.write_text(f"{{{many}}}")
    with pytest.raises(DataError, match=r"20.. fields are wrong"):
        fsio.read_record(path, Done)


def test_lines_must_be_objects(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"
    path.write_text('{"a": 1}\n[2]\n')
    with pytest.raises(DataError, match=r"stats\.jsonl:2 is no JSON object"):
        fsio.read_jsonl(path)
    path.write_bytes(b'{"a": 1}\n{"a": "\xff\xfe')  # torn
    assert fsio.read_jsonl(path) == [{"a": 1}]
    path.write_text('{"a": "\u2028"}\n')
    assert fsio.read_jsonl(path) == [{"a": "\u2028"}]
