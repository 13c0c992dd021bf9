"""An encoder for a generator that stays: on its own images, on photos, with classes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from limbeck.chain import encoder_config, train_encoder
from limbeck.config import Config, DataConfig
from limbeck.errors import UsageError
from limbeck.ingestion import ingest
from limbeck.kit.images import save_png
from limbeck.nets import Networks, load_networks
from limbeck.presets import preset

QUICK = {"train.kimg": 0.032, "train.snapshot_kimg": 0.032, "train.tick_kimg": 0.016,
         "train.precision": "fp32", "train.batch": 8}  # fmt: skip


def _source(folder: Path, **changes: object) -> Path:
    base = preset("smoke").replace(**{f"net.{name}": value for name, value in changes.items()})
    Networks(base.net, 3, ("G", "G_ema")).save(folder)
    return folder


def _config(source: Path, on_samples: bool) -> Config:
    net = load_networks(source).config
    return encoder_config(preset("smoke").replace(**QUICK), net, on_samples)


@pytest.fixture
def few_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limbeck.chain.encoding.DRAWN", 12)


@pytest.mark.usefixtures("few_drawn")
@pytest.mark.parametrize("changes", [{}, {"num_classes": 3, "class_photos": (0, 5, 1)}])
def test_an_encoder_needs_no_photos_and_goes_on_where_it_stopped(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    source = _source(tmp_path / "nets", **changes)
    config, out = _config(source, True), tmp_path / "out"
    first = train_encoder(source, out, config, None)
    assert (first.drawn, first.images) == (True, 12)
    assert first.lpips > 0
    assert "rec/l1" not in first.summary.last
    again = train_encoder(source, out, config.replace(**{"train.kimg": 0.064}), None)
    assert again.summary.images == 64
    networks = load_networks(out / again.summary.networks)
    wanted = load_networks(source).G_ema.state_dict()
    assert all(torch.equal(v, wanted[k]) for k, v in networks.G_ema.state_dict().items())


def test_an_encoder_learns_from_photos_too(tmp_path: Path) -> None:
    source = _source(tmp_path / "nets")
    rng = np.random.default_rng(0)
    for index in range(8):
        noise = torch.from_numpy(rng.integers(0, 256, (3, 16, 16), dtype=np.uint8))
        save_png(noise, tmp_path / "photos" / f"{index}.png")
    ingest(tmp_path / "photos", tmp_path / "data", DataConfig(size=16, min_side=1))
    found = train_encoder(source, tmp_path / "out", _config(source, False), tmp_path / "data")
    assert not found.drawn
    assert {"rec/l2", "rec_fake/l2"} <= found.summary.last.keys()


def test_photos_are_needed_unless_the_settings_do_without(tmp_path: Path) -> None:
    source = _source(tmp_path / "nets")
    with pytest.raises(UsageError, match="photos"):
        train_encoder(source, tmp_path / "out", _config(source, False), None)
    assert not (tmp_path / "out").exists()
