"""One writer at a time, known by name; dead ones do not block."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from limbeck.artefacts.lock import Heartbeat, hold, root_of, writer_of
from limbeck.errors import DataError

_HOLDER = """
import sys, time
from pathlib import Path
from limbeck.artefacts.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def _holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def _kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_second_writer_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    process = _holder(tmp_path)
    try:
        who = rf"another limbeck \(process {process.pid} on "
        with pytest.raises(DataError, match=who), hold(tmp_path):
            pass
        writer = writer_of(tmp_path)
        assert writer is not None
        assert writer.pid == process.pid
    finally:
        _kill(process)


def test_a_killed_writer_does_not_block(tmp_path: Path) -> None:
    process = _holder(tmp_path)
    _kill(process)
    assert writer_of(tmp_path) is None
    with hold(tmp_path):
        found = writer_of(tmp_path)
        assert found is not None
        assert found.pid == os.getpid()
    assert writer_of(tmp_path) is None


def test_the_holder_may_hold_again(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    assert root_of(tmp_path / "raw") == tmp_path
    with hold(tmp_path), hold(tmp_path / "raw"):
        pass
    with hold(tmp_path):
        pass


def test_a_folder_without_lock_has_no_writer(tmp_path: Path) -> None:
    assert writer_of(tmp_path) is None
    assert not list(tmp_path.iterdir()), "looking leaves nothing"


def test_silence_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limbeck.artefacts.lock.BEAT", 0.05)
    heart = Heartbeat(tmp_path)
    with hold(tmp_path):
        time.sleep(0.5)
        assert heart.silent() < 0.4
        time.sleep(0.3)
        assert heart.silent() < 0.2
    heart.silent()
    time.sleep(0.3)
    assert heart.silent() >= 0.3
