"""Two processes over gloo: equal to one at the same batch, exact on resume, never left hanging."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from training_ranks import finish, start

from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.nets import load_networks
from limbeck.presets import preset
from limbeck.training import train

PATIENCE = 120.0


def _config(**changes: object) -> Config:
    base = {
        "train.kimg": 0.032, "train.snapshot_kimg": 0.016, "train.tick_kimg": 0.008,
        "train.precision": "fp32", "train.quality_images": 0, "train.augment_p": 0.3,
    }  # fmt: skip
    return preset("smoke").replace(**(base | changes))


def _nets(out: Path, images: int) -> dict[str, torch.Tensor]:
    return load_networks(out / f"nets-{images:09d}").state_dict()


def _together(photos: Dataset, config: Config, out: Path) -> None:
    for code, told in finish(start(photos.root, config, out, 2), PATIENCE):
        assert code == 0, told


PROJECTED = {
    "net.d_architecture": "projected", "net.d_feature_side": 32, "net.d_head_width": 8,
    "net.d_pixels": True, "train.augment": "diff", "train.augment_p": 0.0,
}  # fmt: skip


@pytest.mark.parametrize("changes", [{}, PROJECTED], ids=["stylegan2", "projected"])
def test_two_processes_equal_one_and_resume_is_bitwise(
    photos: Dataset, tmp_path: Path, changes: dict[str, object]
):
    config = _config(**changes)
    train(photos, config, tmp_path / "one")
    _together(photos, config, tmp_path / "two")
    _together(photos, config.replace(**{"train.kimg": 0.016}), tmp_path / "parts")
    _together(photos, config, tmp_path / "parts")
    one, two = (_nets(tmp_path / name, 16) for name in ("one", "two"))
    for key, value in one.items():
        # A step moves a number by about 2e-3. Adam with beta1 = 0 turns a rounding error in a
        # gradient near 0 into a whole step, and after some steps that has spread: so, early.
        moved = (two[key] - value).abs()
        assert moved.median() <= 5e-5, key
        assert (moved > 2e-3).float().mean() < 0.02, key
    two, parts = (_nets(tmp_path / name, 32) for name in ("two", "parts"))
    assert all(torch.equal(parts[key], value) for key, value in two.items())
    rows = [json.loads(x) for x in (tmp_path / "two" / "stats.jsonl").read_text().splitlines()]
    alone = [json.loads(x) for x in (tmp_path / "one" / "stats.jsonl").read_text().splitlines()]
    for a, b in zip(alone, rows, strict=True):
        for key in ("loss/G", "loss/D", "signs/real"):
            assert b[key] == pytest.approx(a[key], rel=2e-3, abs=2e-3)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "hung"])
def test_a_lost_process_ends_the_job(photos: Dataset, tmp_path: Path, how: signal.Signals):
    config = _config(**{"train.kimg": 50, "train.timeout": 8.0})
    out = tmp_path / "lost"
    processes = start(photos.root, config, out, 2)
    try:
        deadline = time.monotonic() + PATIENCE
        while not (out / "stats.jsonl").exists():
            assert time.monotonic() < deadline
            assert processes[0].poll() is None
            time.sleep(0.05)
        os.kill(processes[1].pid, how)
        began = time.monotonic()
        ((code, told),) = finish(processes[:1], PATIENCE)
        assert time.monotonic() - began < 8 + 20
        assert code == 1, told
        assert "another process of this training" in told
        assert "continues from the last checkpoint" in told
    finally:
        for process in processes:
            process.kill()
        finish(processes, PATIENCE)


def test_a_signal_to_one_process_saves_and_stops_both(photos: Dataset, tmp_path: Path):
    out = tmp_path / "stopped"
    processes = start(photos.root, _config(**{"train.kimg": 50}), out, 2)
    deadline = time.monotonic() + PATIENCE
    while not (out / "stats.jsonl").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(processes[1].pid, signal.SIGTERM)
    ended = finish(processes, PATIENCE)
    assert [code for code, _ in ended] == [4, 4], ended
    assert list(out.glob("state-*"))
