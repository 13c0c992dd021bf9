"""Networks that grow: smaller ones first, each from the one before; and resuming them."""

import shutil
from pathlib import Path

import pytest
import torch

from limbeck import fsio
from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.nets import load_networks
from limbeck.presets import preset
from limbeck.rundir import read_done
from limbeck.training import grown_sizes, smaller, train


def _config(**changes: object) -> Config:
    base = {
        "net.size": 32, "data.size": 32, "net.channel_base": 256, "train.kimg": 0.016,
        "train.grow_kimg": 0.032, "train.precision": "fp32", "train.quality_images": 0,
    }  # fmt: skip
    return preset("smoke").replace(**(base | changes))


@pytest.fixture(scope="module")
def grown(photos: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("grown") / "training"
    train(photos, _config(), out)
    return out


def test_sizes_and_settings_of_smaller_networks() -> None:
    config = _config(**{"net.size": 128, "data.size": 128})
    assert grown_sizes(config) == [16, 32, 64]
    assert grown_sizes(config.replace(**{"train.grow_kimg": 0.0})) == []
    assert grown_sizes(config.replace(**{"train.init_from": "x"})) == []
    small = smaller(config, 32)
    assert (small.net.size, small.train.kimg, small.train.grow_kimg) == (32, 0.032, 0.0)
    assert [small.net.channels(side) for side in (4, 32)] == [
        config.net.channels(side) for side in (4, 32)
    ]
    seen = {"net.d_architecture": "projected", "train.augment": "diff", "net.d_feature_side": 128}
    assert smaller(config.replace(**seen), 32).net.d_feature_side == 32
    assert smaller(config.replace(**seen), 16).net.d_feature_side == 32


def test_smaller_networks_come_first_and_are_taken_over(grown: Path) -> None:
    first, last = read_done(grown / "grown-16"), read_done(grown)
    assert first is not None
    assert last is not None
    assert first.summary["images"] == 32
    assert last.summary["images"] == 16
    assert last.summary["grown_seconds"] == first.summary["seconds"] > 0
    assert last.summary["seconds"] >= last.summary["grown_seconds"]
    told = fsio.read_json(grown / "transfer.json")
    for name in ("synthesis.b16.conv1.weight", "mapping.fc0.weight"):
        assert f"G.{name}" in told["loaded"]
        assert f"G_ema.{name}" in told["loaded"]
    assert "G.synthesis.b32.conv1.weight" in told["missing"]
    assert any(name.startswith("E.") for name in told["missing"]), "E is not trained while growing"


def test_a_grown_training_goes_on_to_the_bit(grown: Path, photos: Dataset, tmp_path: Path) -> None:
    """Killed after the small one; the small one's result stands, the rest is the same."""
    copy = tmp_path / "again"
    shutil.copytree(grown, copy)
    before = (copy / "grown-16" / "done.json").read_bytes()
    for item in copy.iterdir():
        if item.name not in ("grown-16", "begun.json"):
            shutil.rmtree(item) if item.is_dir() else item.unlink()
    train(photos, _config(), copy)
    assert (copy / "grown-16" / "done.json").read_bytes() == before
    a = load_networks(copy / "nets-000000016").state_dict()
    b = load_networks(grown / "nets-000000016").state_dict()
    assert all(torch.equal(a[key], b[key]) for key in b)


def test_networks_to_begin_with_take_the_place_of_growing(
    grown: Path, photos: Dataset, tmp_path: Path
) -> None:
    train(photos, _config(), tmp_path / "next", begin=grown)
    assert not (tmp_path / "next" / "grown-16").exists()
    assert fsio.read_json(tmp_path / "next" / "transfer.json")["missing"] == []
