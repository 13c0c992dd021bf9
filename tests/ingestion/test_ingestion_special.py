"""Names that lead to pipes, devices and files of the kernel never make ingestion wait."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.errors import DataError
from limbeck.ingestion import ingest, regular
from limbeck.ingestion.optout import read_opt_out
from limbeck.ingestion.regular import Unreadable, read_regular
from limbeck.ingestion.sources import open_source
from limbeck.records import Reason, Status

CONFIG = DataConfig(size=16)


def photos(root: Path, count: int = 3) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((40, 40)).save(root / f"{seed}.png")
    return root


@pytest.mark.timeout(30)
def test_links_to_odd_things_do_not_hang(tmp_path: Path) -> None:
    root = photos(tmp_path / "p")
    os.mkfifo(tmp_path / "fifo")
    (root / "to-fifo.png").symlink_to(tmp_path / "fifo")
    (root / "to-null.png").symlink_to("/dev/null")
    (root / "to-tty.png").symlink_to("/dev/tty")
    (root / "loop.png").symlink_to(root / "loop.png")
    (root / "outside.png").symlink_to(photos(tmp_path / "q", 5) / "4.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        (root / "to-socket.png").symlink_to(tmp_path / "s")
        kernel = [p for p in ("/proc/kmsg", "/proc/self/mem", "/proc/kcore") if Path(p).exists()]
        for number, path in enumerate(kernel):
            (root / f"kernel{number}.png").symlink_to(path)
        started = time.monotonic()
        summary = ingest(root, tmp_path / "d", CONFIG)
    assert time.monotonic() - started < 10
    rows = {i.source: i for i in open_dataset(tmp_path / "d").listed()}
    assert summary.accepted == 4
    assert rows["outside.png"].status is Status.ACCEPTED
    assert rows["loop.png"].status is Status.FAILED
    assert set(rows) >= {f"kernel{n}.png" for n in range(len(kernel))}
    for number in range(len(kernel)):
        row = rows[f"kernel{number}.png"]
        assert row.reason in (Reason.NOT_AN_IMAGE, Reason.UNREADABLE)


def test_a_link_to_a_folder_is_told_and_not_followed(tmp_path: Path) -> None:
    root = photos(tmp_path / "p")
    photos(tmp_path / "q", 5)
    (root / "more").symlink_to(tmp_path / "q", target_is_directory=True)
    summary = ingest(root, tmp_path / "d", CONFIG)
    assert (summary.listed, summary.accepted, summary.failed) == (4, 3, 1)
    rows = {row.source: row for row in open_dataset(tmp_path / "d").listed()}
    assert "not followed" in rows["more"].detail


@pytest.mark.timeout(30)
@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_a_file_that_became_something_else(tmp_path: Path, make: Callable[[Path], None]) -> None:
    root = photos(tmp_path / "p")
    with open_source(root) as source:
        entry = source.entries[1]
        (root / "1.png").unlink()
        make(root / "1.png")
        with pytest.raises(Unreadable, match="not a file"):
            source.read(entry)


def test_never_more_than_the_limit_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = photos(tmp_path / "p")
    big = root / "big.png"
    with open_source(root) as before:
        big.write_bytes(b"small")
    with open_source(root) as source:
        entry = next(e for e in source.entries if e.name == "big.png")
        with open(big, "wb") as file:
            file.truncate(regular.MAX_FILE_BYTES + 1)
        with pytest.raises(Unreadable, match="limit"):
            source.read(entry)
        assert before.digest() != source.digest()
    big.write_bytes(b"0123456789")
    facts = os.stat_result((0o100644, 0, 0, 0, 0, 0, 4, 0, 0, 0))
    monkeypatch.setattr(os, "fstat", lambda handle: facts)
    assert read_regular(big) == b"0123"


@pytest.mark.timeout(30)
def test_lists_and_sources_are_regular_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(DataError, match="cannot be read"):
        read_opt_out(tmp_path / "fifo")
    with pytest.raises(DataError, match="no photos at"):
        ingest(tmp_path / "fifo", tmp_path / "d", CONFIG)
    if Path("/proc/self/mem").exists():
        with pytest.raises(DataError, match="neither a folder nor a readable zip"):
            ingest(Path("/proc/self/mem"), tmp_path / "d", CONFIG)
