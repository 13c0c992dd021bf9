import json
import os
import shutil
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from limbeck import fsio
from limbeck.artefacts.snapshots import snapshots
from limbeck.config import Config, DataConfig, NetConfig, TrainConfig
from limbeck.data import Dataset
from limbeck.errors import Interrupted, TrainingError
from limbeck.nets import load_networks
from limbeck.presets import preset
from limbeck.training import measure_speed, train
from limbeck.training.phases import LossNetworks, phase_table
from limbeck.training.resuming import resume_or_create
from limbeck.training.session import train_slice
from limbeck.training.state import LATER, TrainState, _same_settings


def _config(**changes: object) -> Config:
    base = {"train.kimg": 0.064, "train.snapshot_kimg": 0.032, "train.tick_kimg": 0.032,
            "train.precision": "fp32"}  # fmt: skip
    return preset("smoke").replace(**(base | changes))


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_networks(folder).state_dict()


def _equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def straight(photos: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("straight")
    train(photos, _config(**{"train.augment_p": 0.3}), out)
    return out


def test_a_training_leaves_what_design_lists(straight: Path):
    names = {p.name for p in straight.iterdir()}
    assert {"stats.jsonl", "done.json", "nets-000000064", "state-000000064"} <= names
    assert {"grid-000000064.png", "rec-000000064.png"} <= names
    rows = [json.loads(line) for line in (straight / "stats.jsonl").read_text().splitlines()]
    assert [row["images"] for row in rows] == [32, 64]
    for key in ("loss/G", "loss/D", "loss/R1", "loss/path", "rec/l1", "rec_fake/l1", "seconds"):
        assert np.isfinite(rows[0][key]), key


def test_every_network_moved_and_the_average_lags(straight: Path, photos: Dataset):
    nets = load_networks(straight / "nets-000000064")
    fresh = TrainState.create(_config(), torch.device("cpu")).networks
    for name in ("G", "D", "E", "G_ema", "E_ema"):
        moved = getattr(nets, name).state_dict()
        assert not _equal(moved, getattr(fresh, name).state_dict()), name
    assert not _equal(nets.G.state_dict(), nets.G_ema.state_dict())


def _signal_at(images: int, photos: Dataset, config: Config, out: Path) -> None:
    """Train in this thread until stats tell of `images`, then send SIGTERM to ourselves."""
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            path = out / "stats.jsonl"
            if path.exists() and f'"images": {images}' in path.read_text():
                os.kill(os.getpid(), signal.SIGTERM)
                return
            done.wait(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises(Interrupted, match="same command"):
            train(photos, config, out)
    finally:
        done.set()
        watcher.join()


def test_resume_is_bitwise(straight: Path, photos: Dataset, tmp_path: Path):
    config = _config(**{"train.augment_p": 0.3, "train.tick_kimg": 0.008})
    _signal_at(16, photos, config, tmp_path)
    stopped = snapshots(tmp_path, "state")[-1][0]
    assert 16 <= stopped < 64
    train(photos, config, tmp_path)
    assert _equal(_tensors(straight / "nets-000000064"), _tensors(tmp_path / "nets-000000064"))
    a = json.loads((straight / "state-000000064/state.json").read_text())
    b = json.loads((tmp_path / "state-000000064/state.json").read_text())
    for key in ("images", "augment_p", "sign_sum", "sign_count"):
        assert a[key] == b[key]
    moments = "optimizers.safetensors"
    assert a["sha256"][moments] == b["sha256"][moments]


def test_a_longer_target_continues_the_same_run(straight: Path, photos: Dataset, tmp_path: Path):
    config = _config(**{"train.augment_p": 0.3})
    train(photos, config, tmp_path, kimg=0.032)
    train(photos, config, tmp_path)
    assert _equal(_tensors(straight / "nets-000000064"), _tensors(tmp_path / "nets-000000064"))


def test_a_damaged_checkpoint_falls_back_to_the_one_before(straight: Path, tmp_path: Path,
                                                           photos: Dataset):  # fmt: skip
    copy = tmp_path / "run"
    shutil.copytree(straight, copy)
    newest = copy / "state-000000064" / "optimizers.safetensors"
    data = bytearray(newest.read_bytes())
    data[-5] ^= 1
    newest.write_bytes(data)
    config = _config(**{"train.augment_p": 0.3})
    state = resume_or_create(copy, config, torch.device("cpu"), photos.digest)
    assert state.images == 32


def test_other_settings_or_photos_are_refused(straight: Path, photos: Dataset):
    with pytest.raises(TrainingError, match=r"train\.lr"):
        train(photos, _config(**{"train.augment_p": 0.3, "train.lr": 0.5}), straight)
    with pytest.raises(TrainingError, match="other photos"):
        train(photos.select(photos.ids[:10]), _config(**{"train.augment_p": 0.3}), straight)


def test_nan_at_every_try_stops_after_three_roll_backs(photos: Dataset, tmp_path: Path):
    with pytest.raises(TrainingError, match="after 3 roll-backs"):
        train(photos, _config(**{"train.lr": 1e30}), tmp_path)


def test_without_encoder(photos: Dataset, tmp_path: Path):
    train(photos, _config(**{"train.encoder": False, "train.kimg": 0.016}), tmp_path)
    assert load_networks(tmp_path / "nets-000000016").E is None


@pytest.mark.parametrize(
    ("mode", "rows"),
    [
        ("real", {"E-real"}),
        ("real-frozen", {"E-real"}),
        ("fake", {"E-fake"}),
        ("both", {"E-real", "E-fake"}),
    ],
)
def test_reconstruct_chooses_the_encoder_rows(mode: str, rows: set[str]):
    table = phase_table(_config(**{"train.reconstruct": mode}), LossNetworks())
    assert {row.name for row in table if "E" in row.trains} == rows
    assert [row.name for row in table if row.every == 16] == ["D-R1"]


@pytest.mark.parametrize("mode", ["fake", "real-frozen"])
def test_an_encoder_may_learn_alone(mode: str):
    table = phase_table(_config(**{"train.reconstruct": mode}), LossNetworks())
    assert [row.trains for row in table if "E" in row.trains] == [("E",)]


def test_class_conditional(photos: Dataset, tmp_path: Path):
    with pytest.raises(Exception, match="without a class"):
        train(photos, _config(**{"net.num_classes": 3}), tmp_path)


def test_what_goes_on_is_the_snapshot_with_the_best_figure(
    photos: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    figures = iter([2.0, 1.0, 3.0, 4.0])
    monkeypatch.setattr(
        "limbeck.training.snapshot_quality.kernel_distance_of_all", lambda *_: next(figures)
    )
    summary = train(photos, _config(**{"train.snapshot_kimg": 0.016}), tmp_path)
    assert summary.networks == summary.best == "nets-000000032"
    assert summary.newest == "nets-000000064"
    assert (tmp_path / summary.networks / "G_ema.safetensors").exists()


def test_measured_speed_is_a_rate(photos: Dataset):
    assert measure_speed(photos, _config(), seconds=0.1) > 1


def test_a_training_made_before_a_setting_existed_stays_what_it_is(
    straight: Path, photos: Dataset, tmp_path: Path
):
    """Digests of an earlier limbeck's trainings, and a checkpoint without what came later."""
    former = Config(
        net=NetConfig(
            size=32, channel_base=1024, channel_max=128, z_dim=128, w_dim=128, mapping_layers=2
        ),
        data=DataConfig(size=32),
        train=TrainConfig(
            kimg=150, batch=16, lr=0.0035, gamma=0.3, pl_weight=0.0, style_mixing=0.0,
            noise="none", ema_kimg=5.0, reconstruct="fake", encoder_lr_ratio=1.0,
            encoder_start_kimg=0.5, ada_kimg=100.0, tick_kimg=1.0, snapshot_kimg=10.0,
        ),
    )  # fmt: skip
    assert fsio.digest_json(train_slice(former, 10.0)) == "6ea189b1d11d23b4"
    assert fsio.digest_json(train_slice(preset("paper256"), 10.0)) == "84fbe2a35ba4eb51"
    changed = former.replace(**{"train.decay": 0.1})
    assert fsio.digest_json(train_slice(changed, 10.0)) != "6ea189b1d11d23b4"
    saved = json.loads((straight / "state-000000064/state.json").read_text())["config"]
    for section in ("net", "train"):
        for key in LATER:
            saved[section].pop(key, None)
    config = _config(**{"train.augment_p": 0.3})
    _same_settings(tmp_path, saved, config)
    with pytest.raises(TrainingError, match=r"decay: 0\.0 -> 0\.5"):
        _same_settings(tmp_path, saved, config.replace(**{"train.decay": 0.5}))
