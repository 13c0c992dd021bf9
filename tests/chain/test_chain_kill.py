"""SIGKILL at random moments of `limbeck run`; the same command must end in the same run."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from limbeck import chain
from limbeck.artefacts.stage import read_done
from limbeck.cli import app
from limbeck.ingestion import ingest
from limbeck.nets import load_networks
from limbeck.presets import preset

Straight = Callable[[str], tuple[Path, float]]
SETTINGS = {
    "resnet": [],
    "projected": [
        "net.d_architecture=projected", "net.d_feature_side=32", "net.d_head_width=8",
        "net.d_pixels=true", "train.augment=diff",
    ],
}  # fmt: skip


def _args(verb: str, photos: Path, out: Path, kind: str) -> list[str]:
    settings = ["train.snapshot_kimg=0.016", "train.quality_images=8", *SETTINGS[kind]]
    settings += ["score.generated=24", "modes.samples=64"]
    return [
        verb, str(photos), "--out", str(out), "--preset", "smoke", "--kimg", "0.064",
        *(word for setting in settings for word in ("--set", setting)),
    ]  # fmt: skip


def _here(args: list[str]) -> str:
    """The command in this process, which need not load everything first: what it told."""
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


def _start(args: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "limbeck", *args]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def straight(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Straight:
    """The run that nobody kills, and its seconds; made once a kind."""

    @cache
    def made(kind: str) -> tuple[Path, float]:
        out = tmp_path_factory.mktemp("straight") / "run"
        began = time.perf_counter()
        _here(_args("run", photos, out, kind))
        return out, time.perf_counter() - began

    return made


def _weights(stage: Path) -> dict[str, torch.Tensor]:
    done = read_done(stage)
    assert done is not None
    return load_networks(stage / str(done.summary["networks"])).state_dict()


def _same(whole: Path, again: Path) -> None:
    wanted, found = _weights(whole), _weights(again)
    assert wanted.keys() == found.keys()
    assert not [key for key in wanted if not torch.equal(wanted[key], found[key])], again


def _kill_and_repair(photos: Path, out: Path, straight: Straight, kind: str, seed: int) -> None:
    whole, seconds = straight(kind)
    args = _args("run", photos, out, kind)
    process = _start(args)
    while process.poll() is None and not out.exists():
        time.sleep(0.02)
    try:
        process.wait(timeout=random.Random(seed).uniform(0, 0.95) * seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
    assert out.exists()
    _here(args)
    assert {s.state for s in chain.status(out)} == {"done"}
    assert not list(out.rglob(".tmp-*"))
    for stage in ("raw", "kept"):
        _same(whole / stage, out / stage)


def test_killed_once_it_ends_in_the_same_run(
    photos: Path, straight: Straight, tmp_path: Path
) -> None:
    _kill_and_repair(photos, tmp_path / "run", straight, "resnet", seed=0)


def test_heads_killed_once_end_in_the_same_networks(photos: Path, tmp_path: Path) -> None:
    data, whole, out = (tmp_path / name for name in ("data", "whole", "killed"))
    ingest(photos, data, preset("smoke").data)
    process = _start(_args("train", data, out, "projected"))
    while process.poll() is None and not list(out.glob("state-*")):
        time.sleep(0.02)
    time.sleep(random.Random(0).uniform(0, 0.3))
    _kill(process)
    assert list(out.glob("state-*"))
    assert not (out / "done.json").exists()
    for folder in (whole, out):
        told = _here(_args("train", data, folder, "projected"))
        assert ("resuming" in told) == (folder == out)
    _same(whole, out)
    kept = _weights(out)
    assert kept["D.mixing.calibrated"].item() == 1
    assert {"D.mixing.scale0", "D.heads.0.last.u", "D.heads.4.last.v"} <= kept.keys()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
@pytest.mark.parametrize("kind", SETTINGS)
def test_killed_at_many_moments(
    photos: Path, straight: Straight, tmp_path: Path, kind: str, seed: int
) -> None:
    _kill_and_repair(photos, tmp_path / "run", straight, kind, seed)
