"""Faults of training at a size for every day; `-m slow` takes the counts that the notes quote."""

import errno
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from training_ranks import finish, start

from limbeck.artefacts.snapshots import snapshots
from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.errors import DataError
from limbeck.nets import load_networks
from limbeck.presets import preset
from limbeck.training import state as state_module
from limbeck.training import train
from limbeck.training.resuming import resume_or_create
from limbeck.training.state import TrainState

CPU = torch.device("cpu")
FEW_MANY = [pytest.param(2, id="few"), pytest.param(20, id="many", marks=pytest.mark.slow)]


def _config(**changes: object) -> Config:
    base = {"train.kimg": 0.096, "train.snapshot_kimg": 0.016, "train.tick_kimg": 0.016,
            "train.quality_images": 0, "train.augment_p": 0.3}  # fmt: skip
    return preset("smoke").replace(**(base | changes))


def _digests(out: Path, images: int) -> dict[str, str]:
    found = json.loads((out / f"state-{images:09d}" / "state.json").read_text())["sha256"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("count", FEW_MANY)
def test_resume_points(photos: Dataset, tmp_path: Path, count: int):
    """Stopped at `count` random images, each continued to the end: bitwise the straight run."""
    config = _config()
    train(photos, config, tmp_path / "straight")
    wanted = _digests(tmp_path / "straight", 96)
    rng = random.Random(count)
    same = 0
    for number in range(count):
        out = tmp_path / f"parts-{number}"
        stops = sorted(rng.sample(range(8, 96, 8), 2))
        for stop in stops:
            train(photos, config, out, kimg=stop / 1000)
        train(photos, config, out)
        same += _digests(out, 96) == wanted
        shutil.rmtree(out)
    print(f"resume: {same} of {count}")
    assert same == count


def _save_until_killed(config: Config, out: Path) -> int:
    """A forked process that does nothing else, once its first checkpoint is whole; its number."""
    process = os.fork()
    if process:
        while not (out / "state-000000008").exists():
            assert os.waitpid(process, os.WNOHANG) == (0, 0), "it ended by itself"
            time.sleep(0.005)
        return process
    try:
        state = TrainState.create(config, CPU, "photos")
        for images in itertools.count(8, 8):
            state.images = images
            state.save(out / f"state-{images:09d}", config)
            for old in sorted(out.glob("state-*"))[:-2]:
                shutil.rmtree(old)
    finally:
        os._exit(1)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(
    "count", [pytest.param(4, id="few"), pytest.param(200, id="many", marks=pytest.mark.slow)]
)
def test_kills_while_saving(tmp_path: Path, count: int):
    """A process that does nothing but save, killed: the newest checkpoint found is sound."""
    config = _config()
    rng = random.Random(count)
    sound = 0
    for _ in range(count):
        out = tmp_path / "out"
        out.mkdir()
        process = _save_until_killed(config, out)
        time.sleep(0.1 * rng.random())
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        images, newest = snapshots(out, "state")[-1]
        sound += TrainState.load(newest, config, CPU, "photos").images == images
        shutil.rmtree(out)
    print(f"kills while saving: {sound} of {count}")
    assert sound == count


@pytest.mark.parametrize("count", [*FEW_MANY, pytest.param(200, marks=pytest.mark.slow)])
def test_flipped_bytes(photos: Dataset, tmp_path: Path, count: int):
    """One byte of the newest checkpoint changed: it is seen, and the one before is used."""
    config = _config(**{"train.kimg": 0.032})
    train(photos, config, tmp_path)
    newest, before = (p for _, p in reversed(snapshots(tmp_path, "state")))
    files = [p for p in newest.rglob("*") if p.is_file()]
    rng = random.Random(count)
    seen = 0
    for _ in range(count):
        file = rng.choice(files)
        data = bytearray(file.read_bytes())
        at = rng.randrange(len(data))
        data[at] ^= 1 << rng.randrange(8)
        whole = file.read_bytes()
        file.write_bytes(data)
        state = resume_or_create(tmp_path, config, CPU, photos.digest)
        seen += state.images == int(before.name.split("-")[1])
        if not newest.exists():
            newest.with_name(f"bad-{newest.name}").rename(newest)
        file.write_bytes(whole)
    print(f"flipped bytes: {seen} of {count}")
    assert seen == count


@pytest.mark.parametrize("count", FEW_MANY)
def test_full_disk(photos: Dataset, tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch):
    """The disk fills up in the middle of a random file: the last checkpoint stays, resume works."""
    config = _config(**{"train.kimg": 0.064})
    plain = state_module.write_tensors
    rng = random.Random(count)
    whole = 0
    for number in range(count):
        out = tmp_path / f"run-{number}"
        left = [rng.randrange(1, 8)]

        def full(tensors: object, path: Path, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                path.write_bytes(b"half")
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            plain(tensors, path)  # type: ignore[arg-type]

        monkeypatch.setattr("limbeck.nets.networks.write_tensors", full)
        monkeypatch.setattr("limbeck.training.state.write_tensors", full)
        try:
            train(photos, config, out)
            raised = False
        except DataError as error:
            raised = "No space left" in str(error) and str(out) in str(error)
        monkeypatch.undo()
        before = snapshots(out, "state")
        sound = [TrainState.load(p, config, CPU, photos.digest).images for _, p in before]
        summary = train(photos, config, out)
        leftovers = list(out.rglob(".tmp-*"))
        whole += (
            raised and sound == [i for i, _ in before] and summary.images == 64 and not leftovers
        )
    print(f"full disk: {whole} of {count}")
    assert whole == count


@pytest.mark.slow
def test_a_really_full_disk(photos: Dataset, tmp_path: Path):
    """The same on a small file system of its own (needs root)."""
    out = tmp_path / "small"
    out.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(out)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a file system here")
    try:
        config = _config(**{"train.keep_snapshots": 50, "train.kimg": 1.0})
        with pytest.raises(DataError, match=r"No space left|disk has"):
            train(photos, config, out)
        found = snapshots(out, "state")
        assert all(TrainState.load(p, config, CPU, photos.digest).images == i for i, p in found)
    finally:
        subprocess.run(["umount", str(out)], check=True)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGINT"])
@pytest.mark.parametrize(
    "count", [pytest.param(1, id="few"), pytest.param(10, id="many", marks=pytest.mark.slow)]
)
def test_signals_save_and_exit_with_4(photos: Dataset, tmp_path: Path, name: str, count: int):
    config = _config(**{"train.kimg": 50, "train.tick_kimg": 0.008})
    good = 0
    for number in range(count):
        out = tmp_path / f"{name}-{number}"
        (process,) = start(photos.root, config, out, 1)
        while not (out / "stats.jsonl").exists():
            time.sleep(0.02)
        process.send_signal(getattr(signal, name))
        ((code, told),) = finish([process], 60)
        found = snapshots(out, "state")
        images = TrainState.load(found[-1][1], config, CPU, photos.digest).images if found else -1
        good += code == 4 and "same command" in told and images == found[-1][0]
        assert load_networks(out / f"nets-{images:09d}").G is not None
    print(f"{name}: {good} of {count}")
    assert good == count
