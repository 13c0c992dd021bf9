"""SIGKILL at random moments of `limbeck run`; the same command must end in the same run."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from limbeck import pipeline
from limbeck.demo import draw_crawl
from limbeck.nets import load_networks
from limbeck.rundir import read_done


def _command(photos: Path, out: Path) -> list[str]:
    return [
        sys.executable, "-m", "limbeck", "run", str(photos), "--out", str(out), "--preset", "smoke",
        "--kimg", "0.064", "--set", "train.snapshot_kimg=0.016",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("crawl") / "crawl"
    draw_crawl(out, count=40, seed=2, workers=1)
    return out / "photos"


@pytest.fixture(scope="module")
def straight(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    out = tmp_path_factory.mktemp("straight") / "run"
    began = time.perf_counter()
    subprocess.run(_command(photos, out), check=True, capture_output=True)
    return out, time.perf_counter() - began


def _weights(out: Path, stage: str) -> dict[str, torch.Tensor]:
    done = read_done(out / stage)
    assert done is not None
    return load_networks(out / stage / str(done.summary["networks"])).state_dict()


def _kill_and_repair(photos: Path, out: Path, straight: tuple[Path, float], seed: int) -> None:
    whole, seconds = straight
    delay = random.Random(seed).uniform(0.25, 0.95) * seconds
    process = subprocess.Popen(
        _command(photos, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    again = subprocess.run(_command(photos, out), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert {s.state for s in pipeline.status(out)} == {"done"}
    assert not list(out.rglob(".tmp-*"))
    for stage in ("raw", "kept"):
        wanted, found = _weights(whole, stage), _weights(out, stage)
        assert all(torch.equal(wanted[key], found[key]) for key in wanted), (stage, delay)


def test_killed_once_it_ends_in_the_same_run(
    photos: Path, straight: tuple[Path, float], tmp_path: Path
):
    _kill_and_repair(photos, tmp_path / "run", straight, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_killed_at_many_moments(
    photos: Path, straight: tuple[Path, float], tmp_path: Path, seed: int
):
    _kill_and_repair(photos, tmp_path / "run", straight, seed)
