"""Ctrl-C on a real process: exit code 4, all saved, the same command goes on."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from limbeck.cli import app


def wait_for(path: Path, process: "subprocess.Popen[str]", seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.stat().st_size):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


def test_ctrl_c_leaves_a_training_that_goes_on(smoke: Any, tmp_path: Path) -> None:
    out = tmp_path / "nets"
    args = ["train", smoke.run / "data", "--out", out, "--preset", "smoke", "--device", "cpu"]
    words = [str(arg) for arg in args]
    process = subprocess.Popen(
        [sys.executable, "-m", "limbeck", *words, "--kimg", "1000", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(out / "stats.jsonl", process)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 4, stderr
    answer = json.loads(stdout.splitlines()[-1])
    assert answer["exit_code"] == 4
    assert "the same command continues" in stderr
    assert not (out / "done.json").exists()
    (state,) = sorted(out.glob("state-*"))[-1:]
    images = int(state.name.split("-")[1])
    assert images > 0

    more = ["--kimg", str((images + 16) / 1000), "--json"]
    result = CliRunner().invoke(app, [*words, *more])
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    assert json.loads(result.stdout.splitlines()[-1])["images"] == images + 16
    assert f"resuming {out} at {images / 1000:g} kimg" in result.stderr
