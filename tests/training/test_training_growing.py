"""A training whose first part has half the size: one clock, one set of curves, the same to the bit
however often it stops."""

import shutil
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from limbeck import fsio
from limbeck.artefacts.snapshots import snapshots
from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.errors import Interrupted
from limbeck.nets import load_networks
from limbeck.presets import preset
from limbeck.training import measure_speed, train
from limbeck.training.growing import half
from limbeck.training.phases import Terms

SHAPES = {
    "data.size": 64, "net.size": 64, "net.channel_base": 256, "net.channel_max": 8,
    "net.d_architecture": "projected", "net.d_feature_side": 32, "net.d_head_width": 8,
    "train.augment": "diff", "train.pl_weight": 0.0, "train.batch": 8,
}  # fmt: skip


def _config(**changes: object) -> Config:
    base = {"train.kimg": 0.064, "train.grow": 0.5, "train.snapshot_kimg": 0.016,
            "train.tick_kimg": 0.016, "train.precision": "fp32",
            "train.quality_images": 0}  # fmt: skip
    return preset("smoke").replace(**(SHAPES | base | changes))


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_networks(folder).state_dict()


def _same(a: Path, b: Path) -> bool:
    x, y = _tensors(a), _tensors(b)
    return x.keys() == y.keys() and all(torch.equal(x[k], y[k]) for k in x)


@pytest.fixture(scope="module")
def straight(photos: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("grown")
    train(photos, _config(), out)
    return out


def test_sizes_double_from_32_pixels():
    config = _config(**{"data.size": 128, "net.size": 128, "train.kimg": 1.0, "train.decay": 0.25})
    first = half(config)
    assert first is not None
    assert (first.net.size, first.data.size, first.train.kimg) == (64, 64, 0.496)  # whole batches
    assert first.train.decay == 0
    before = half(first)
    assert before is not None
    assert (before.net.size, before.train.kimg, before.train.grow) == (32, 0.248, 0)
    assert half(before) is None
    assert half(_config(**{"train.grow": 0.0})) is None
    assert half(_config(**{"data.size": 32, "net.size": 32})) is None


def test_it_goes_on_where_the_smaller_one_ended(straight: Path):
    rows = fsio.read_jsonl(straight / "stats.jsonl", ("images", "seconds"))
    assert [row["images"] for row in rows] == [16, 32, 48, 64]
    assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)
    assert load_networks(straight / "half" / "nets-000000032").config.size == 32
    assert load_networks(straight / "nets-000000064").config.size == 64
    told = fsio.read_object(straight / "transfer.json")
    assert not told["other_shape"]
    assert all(".b32.fromrgb" in name for name in told["unused"]), told["unused"]
    new = [name for name in told["missing"] if ".b64" not in name and "pixels" not in name]
    assert told["missing"]
    assert all(name.startswith("E") for name in new), new


@pytest.mark.parametrize("stop_at", [1, 3, 4, 6])
def test_stopped_anywhere_it_ends_the_same(
    photos: Dataset, straight: Path, tmp_path: Path, stop_at: int, monkeypatch: pytest.MonkeyPatch
):
    from limbeck.training import loop

    steps, iterate = [0], loop.Engine.iterate
    event = threading.Event()

    def counted(engine: loop.Engine) -> Terms:
        steps[0] += 1
        if steps[0] == stop_at:
            event.set()
        return iterate(engine)

    monkeypatch.setattr(loop.Engine, "iterate", counted)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "stop_flag", lambda: nullcontext(event))
        with pytest.raises(Interrupted):
            train(photos, _config(), tmp_path)
    train(photos, _config(), tmp_path)
    assert _same(tmp_path / "nets-000000064", straight / "nets-000000064")


def test_killed_before_the_first_whole_checkpoint_it_does_not_begin_anew(
    photos: Dataset, straight: Path, tmp_path: Path
):
    shutil.copytree(straight / "half", tmp_path / "half")
    begun = fsio.read_object(straight / "begun.json")
    fsio.write_json(tmp_path / "begun.json", begun)
    before = (tmp_path / "half" / "done.json").stat().st_mtime_ns
    train(photos, _config(), tmp_path)
    assert (tmp_path / "half" / "done.json").stat().st_mtime_ns == before
    assert _same(tmp_path / "nets-000000064", straight / "nets-000000064")


def test_a_longer_training_goes_on_without_the_smaller_size(
    photos: Dataset, straight: Path, tmp_path: Path
):
    shutil.copytree(straight, tmp_path / "longer")
    shutil.rmtree(tmp_path / "longer" / "half")
    train(photos, _config(**{"train.kimg": 0.08}), tmp_path / "longer")
    assert snapshots(tmp_path / "longer", "nets")[-1][0] == 80
    assert not (tmp_path / "longer" / "half").exists()


def test_its_speed_is_the_mean_over_its_photos(photos: Dataset, monkeypatch: pytest.MonkeyPatch):
    now = [0.0]

    def iterate(engine: object) -> None:
        engine.state.images += 8  # type: ignore[attr-defined]
        now[0] += 8 / {32: 30.0, 64: 10.0}[engine.config.net.size]  # type: ignore[attr-defined]

    monkeypatch.setattr("limbeck.training.speed.Engine.iterate", iterate)
    speed = measure_speed(photos, _config(**{"train.grow": 0.75}), clock=lambda: now[0])
    assert speed == pytest.approx(1 / (0.75 / 30 + 0.25 / 10))
