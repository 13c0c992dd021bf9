"""A photo on which a decoder takes the process down is named on the next start, and set aside."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.errors import DataError
from limbeck.ingestion import ingest
from limbeck.ingestion.journal import Journal, in_flight, key_of
from limbeck.records import Reason, Status

CONFIG = DataConfig(size=16)
# Pillow's PPM reader stands in for a decoder with a fault: an image 213 wide kills the process.
_SITE = """
import signal
def _deadly():
    from PIL import Image, PpmImagePlugin
    load = PpmImagePlugin.PpmImageFile.load
    def fatal(self):
        if self.size[0] == 213:
            signal.raise_signal(signal.SIGSEGV)  # in this very thread
        return load(self)
    PpmImagePlugin.PpmImageFile.load = fatal
_deadly()
"""
_RUN = """
import sys
from pathlib import Path
from limbeck.config import DataConfig
from limbeck.ingestion import ingest
ingest(Path(sys.argv[1]), Path(sys.argv[2]), DataConfig(size=16))
"""


def _photos(root: Path, count: int = 4) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((40, 40)).save(root / f"{seed}.png")
    return root


def _ingest(tmp_path: Path, root: Path, out: Path) -> subprocess.CompletedProcess[str]:
    site = tmp_path / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(_SITE)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-c", _RUN, root, out],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_deadly_photo_is_named_and_set_aside(tmp_path: Path) -> None:
    root, out = _photos(tmp_path / "p"), tmp_path / "d"
    Image.new("RGB", (213, 60), (1, 2, 3)).save(root / "b[red]ly.ppm")
    (root / "copy.ppm").write_bytes((root / "b[red]ly.ppm").read_bytes())
    first = _ingest(tmp_path, root, out)
    assert first.returncode == -signal.SIGSEGV
    assert key_of("b[red]ly.ppm") in in_flight(out)
    second = _ingest(tmp_path, root, out)
    assert second.returncode == 0, second.stderr
    assert "the last run died while reading" in second.stderr
    assert "b[red]ly.ppm is left out as unreadable: the decoder was killed" in second.stderr
    assert "set-aside.json to try again" in second.stderr.replace("\n", "")
    rows = {i.source: i for i in open_dataset(out).listed()}
    for name in ("b[red]ly.ppm", "copy.ppm"):
        assert (rows[name].status, rows[name].reason) == (Status.FAILED, Reason.UNREADABLE)
        assert rows[name].detail == f"the decoder was killed by signal {int(signal.SIGSEGV)}"
    assert len(open_dataset(out)) == 4
    assert not (out / ".decoding").exists()
    third = _ingest(tmp_path, root, out)
    assert third.returncode == 0
    assert "died" not in third.stderr
    assert len(json.loads((out / ".set-aside.json").read_text())) == 1
    (out / ".set-aside.json").unlink()
    summary = ingest(root, out, CONFIG)
    assert (summary.accepted, summary.failed) == (5, 0)


def test_innocent_photos_of_a_killed_run_are_read_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = _photos(tmp_path / "p"), tmp_path / "d"
    ingest(root, tmp_path / "e", CONFIG)
    with Journal(out) as journal, journal.reading("1.png"), journal.reading("gone.png"):
        left = (out / ".decoding").read_bytes()
    (out).mkdir(exist_ok=True)
    (out / ".decoding").write_bytes(key_of("2.png") + bytes(2100) + left[:40])
    assert ingest(root, out, CONFIG).accepted == 4
    assert "the last run died while reading 2.png" in capsys.readouterr().err
    assert open_dataset(out).digest == open_dataset(tmp_path / "e").digest
    assert not list(out.glob("*aside*"))


def test_the_journal_goes_however_ingestion_ends(tmp_path: Path) -> None:
    out = tmp_path / "d"
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.txt").write_text("no photo")
    with pytest.raises(DataError):
        ingest(tmp_path / "p", out, CONFIG)
    assert not out.exists()

    def stopped() -> None:
        with Journal(out) as journal, journal.reading("x\n.png"):
            assert in_flight(out) == {b"x\n.png"}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert not out.exists()
    assert in_flight(out) == set()
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"), Journal(tmp_path / "file"):
        pass
