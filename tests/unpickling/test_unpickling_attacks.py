"""Every attack is refused by a typed error, and nothing of it is executed."""

import hashlib
import mmap
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from limbeck import fsio
from limbeck.errors import DataError, NetworkFileError
from limbeck.sandbox import Child
from limbeck.unpickling import inspect_network_file, read_network_file
from limbeck.unpickling.opening import open_networks
from limbeck.unpickling.refusals import Refused
from limbeck.unpickling.writing import header, look_through
from tests.unpickling.attacks import FILES, MARK
from tests.unpickling.honest import FIXTURES, dumped, module, saved, small

IN_CHILDREN = (
    "REDUCE of os.system", "code in a storage", "an archive with code", "NaN",
    "a bomb of operations", "a bomb of lists in lists", "a bomb of texts", "a bomb of sets",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_runs() -> Iterator[None]:
    Path(MARK).unlink(missing_ok=True)
    yield
    assert not Path(MARK).exists(), "the file's code was executed"


def test_there_are_many_kinds() -> None:
    assert len(FILES) >= 100
    made = {kind: make() for kind, make in FILES.items()}
    assert len(set(made.values())) == len(made)


def whole(data: bytes) -> None:
    """All that the child does with a file, here."""
    found = open_networks(memoryview(data))
    header(found, len(data))
    look_through(found, lambda piece: None)


@pytest.mark.parametrize("kind", FILES)
def test_the_reader_refuses(kind: str) -> None:
    with pytest.raises(Refused) as caught:
        whole(FILES[kind]())
    assert caught.value.why
    assert "\n" not in caught.value.why


def refused(data: bytes, folder: Path) -> NetworkFileError:
    """The error of a file read in a child."""
    (folder / "a.pkl").write_bytes(data)
    with pytest.raises(NetworkFileError) as caught:
        inspect_network_file(folder / "a.pkl")
    assert not caught.value.event
    return caught.value


@pytest.mark.parametrize("kind", IN_CHILDREN)
def test_the_child_refuses(kind: str, tmp_path: Path) -> None:
    refused(FILES[kind](), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_child_refuses_every_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows what docs/convert.md quotes: the slowest, and the most memory."""
    rows = []
    peaks: list[int] = []
    exchange = Child.exchange

    def watched(child: Child, words: dict[str, object], data: bytes, most: int) -> object:
        answer = exchange(child, words, data, most)
        peaks.append(answer[0]["peak"])
        return answer

    monkeypatch.setattr(Child, "exchange", watched)
    for kind, make in FILES.items():
        data, began = make(), time.monotonic()
        before = os.times()
        error = refused(data, tmp_path)
        after = os.times()
        spent = after.children_user + after.children_system
        spent -= before.children_user + before.children_system
        rows.append((spent, time.monotonic() - began, kind, error.what.rpartition(": ")[2]))
    rows.sort(reverse=True)
    with capsys.disabled():
        print(f"\n{len(rows)} kinds, at most {max(peaks) / 1e6:.0f} MB in the child")
        for spent, passed, kind, what in rows[:12]:
            print(f"{spent:6.2f} s of processor, {passed:6.2f} s: {kind}: {what[:70]}")


def test_an_error_names_offset_opcode_and_global(tmp_path: Path) -> None:
    data = FILES["REDUCE of os.system"]()
    error = refused(data, tmp_path)
    assert error.named == "os.system"
    assert error.opcode == "GLOBAL"
    assert error.offset == data.index(b"cos\nsystem")
    assert f"a.pkl, GLOBAL at byte {error.offset}: asks for os.system" in error.what
    assert error.exit_code == 3


def test_an_error_in_a_storage_names_where_in_the_file(tmp_path: Path) -> None:
    data = FILES["code in a storage's object"]()
    error = refused(data, tmp_path)
    assert (error.named, error.offset) == ("os.system", data.index(b"cos\nsystem"))


def test_sources_of_classes_are_never_run() -> None:
    """The reference files hold a line that ends the process that runs it."""
    assert b"raise SystemExit" in (FIXTURES / "sg2ada_uncond_32.pkl").read_bytes()
    assert inspect_network_file(FIXTURES / "sg2ada_uncond_32.pkl").kind == "stylegan2-ada"


@pytest.mark.parametrize("value", ["pt", "bare", "text"])
def test_what_is_honest_but_unknown_is_told_what_is_read(value: str, tmp_path: Path) -> None:
    data = {
        "pt": lambda: saved({"G_ema": {"w": torch.zeros(2)}}), "bare": lambda: dumped(module("G")),
        "text": lambda: b"<html>not found</html>",
    }[value]()  # fmt: skip
    error = refused(data, tmp_path)
    assert "limbeck reads" in error.do
    assert "executed" not in error.do
    assert "nothing of it was executed" in refused(FILES["INST"](), tmp_path).do


def test_a_cache_that_cannot_be_written_is_what_is_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="the cache of networks cannot be written") as caught:
        read_network_file(FIXTURES / "sg3t_32.pkl")
    assert "LIMBECK_CACHE" in caught.value.do
    assert "sg3t" not in caught.value.what


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe, empty, loop, folder = (tmp_path / name for name in ("pipe", "empty", "loop", "folder"))
    os.mkfifo(pipe)
    empty.touch()
    loop.symlink_to(loop)
    folder.mkdir()
    (tmp_path / "zero").symlink_to("/dev/zero")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(5 << 30)
    for name in ("pipe", "empty", "loop", "folder", "zero", "huge", "absent"):
        with pytest.raises(DataError):
            read_network_file(tmp_path / name, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("how", ["written", "mapped", "cut"])
def test_what_becomes_of_the_file_meanwhile_is_not_read(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A map that is written to changes neither size nor times at once."""
    from limbeck.unpickling import files

    path, honest = tmp_path / "a.pkl", dumped(small())
    path.write_bytes(honest)
    expected = read_network_file(path, cache=tmp_path / "first").tensors_sha256
    whole = files._in_child

    def meanwhile(*arguments: object) -> object:
        if how == "written":
            path.write_bytes(dumped(small(2.0)))
        elif how == "cut":
            os.truncate(path, 100)
        else:
            with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
                mapped[:] = dumped(small(2.0))
        assert path.read_bytes() != honest
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "_in_child", meanwhile)
    found = read_network_file(path, cache=tmp_path / "cache")
    assert found.sha256 == hashlib.sha256(honest).hexdigest()
    assert found.tensors_sha256 == expected
    assert found.arrays("G_ema")["synthesis.b4.conv1.weight"].max() == 1.0
    path.write_bytes(honest)
    assert inspect_network_file(path).sha256 == found.sha256
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.name == found.sha256


def test_a_file_that_changes_while_it_is_copied_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(dumped(small()))
    append = fsio.Scratch.append

    def meanwhile(scratch: fsio.Scratch, data: bytes) -> int:
        os.truncate(path, 100)
        return append(scratch, data)

    monkeypatch.setattr(fsio.Scratch, "append", meanwhile)
    with pytest.raises(DataError, match="changed while it was copied"):
        read_network_file(path, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_reading_at_once_from_many_threads(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def read() -> None:
        try:
            read_network_file(FIXTURES / "sg3t_32.pkl", cache=tmp_path)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


_SITE = """
import sys
def _faulty():
    import os
    import limbeck.unpickling.child as child
    CODE = compile("1", "a", "eval")
    def way(data):
        what = bytes(data[:16]).split(b" ")[0]
        if what == b"open":
            open("/etc/passwd").close()
        elif what == b"import":
            import this
        elif what == b"exec":
            exec(CODE)
        elif what == b"compile":
            compile("1", "a", "eval")
        elif what == b"system":
            os.system("true")
        elif what == b"socket":
            import socket
            socket.socket()
        elif what == b"listdir":
            os.listdir("/")
        elif what == b"fork":
            os.fork()
        elif what == b"hog":
            b"x" * (1 << 30)
        elif what == b"loop":
            while True:
                pass
        elif what == b"exit":
            os._exit(5)
        elif what == b"fault":
            raise ValueError("a fault")
        raise AssertionError(what)
    child.open_networks = way
    child.seconds = lambda size: 0.3
if "-c" in sys.orig_argv and any("limbeck.unpickling" in one for one in sys.orig_argv):
    _faulty()
"""
EVENTS = {"open": "open", "import": "import", "exec": "exec", "compile": "compile",
          "system": "os.system", "socket": "import", "listdir": "os.listdir",
          "fork": "os.fork"}  # fmt: skip
ENDS = {"hog": "takes more than 67 MB", "loop": "took more than 4.1 s of processor",
        "exit": "exited with 5", "fault": "its reader failed: ValueError: a fault"}  # fmt: skip


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are Linux's")
@pytest.mark.parametrize("way", [*EVENTS, *ENDS])
def test_a_reader_that_was_taken_over_can_do_nothing(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_SITE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), *filter(None, sys.path)]))
    (tmp_path / "a.pkl").write_bytes(way.encode() + b" " * (3 << 20 if way == "loop" else 20))
    with pytest.raises(NetworkFileError) as caught:
        inspect_network_file(tmp_path / "a.pkl")
    if way in EVENTS:
        assert caught.value.event == EVENTS[way]
    else:
        assert ENDS[way] in caught.value.what
