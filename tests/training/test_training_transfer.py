"""Beginning from networks: a fresh D warmed up, a mapping kept, other sizes, an encoder alone."""

import json
from pathlib import Path

import pytest
import torch

from limbeck.artefacts.transfers import read_transfer
from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.errors import UsageError
from limbeck.nets import Networks, load_networks
from limbeck.presets import preset
from limbeck.training import LossNetworks, train
from limbeck.training.phases import phase_table
from limbeck.training.transfer import shaped_like, shapes_of, transfer

QUICK = {
    "train.kimg": 0.032, "train.snapshot_kimg": 0.016, "train.tick_kimg": 0.016,
    "train.precision": "fp32", "train.quality_images": 0,
}  # fmt: skip
PROJECTED = {
    "net.d_architecture": "projected", "net.d_feature_side": 32, "net.d_head_width": 8,
    "train.augment": "diff",
}  # fmt: skip
ENCODER = {"train.encoder_only": True, "train.rec_measure": "lpips-alex"}


def _config(**changes: object) -> Config:
    return preset("smoke").replace(**(QUICK | changes))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator and its average, without D and E; they differ."""
    folder = tmp_path_factory.mktemp("source") / "nets"
    networks = Networks(preset("smoke").net, 7, ("G", "G_ema"))
    with torch.no_grad():
        networks.G.mapping.w_avg.fill_(0.25)
        networks.G_ema.mapping.w_avg.fill_(0.5)
        for parameter in networks.G_ema.parameters():
            parameter.mul_(1.5)
    networks.save(folder)
    return folder


def _weights(folder: Path, name: str) -> dict[str, torch.Tensor]:
    newest = sorted(folder.glob("nets-*"))[-1]
    return load_networks(newest).get_submodule(name).state_dict()


@pytest.mark.parametrize("changes", [{}, PROJECTED], ids=["own", "projected"])
def test_a_fresh_d_learns_alone_before_g_moves(
    photos: Dataset, source: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    config = _config(**changes, **{"train.init_from": str(source), "train.d_warmup_kimg": 0.024})
    first = train(photos, config, tmp_path / "warming", kimg=0.024)
    begun = load_networks(source).G.state_dict()
    for name, tensor in _weights(tmp_path / "warming", "G").items():
        assert torch.equal(tensor, begun[name]), name
    fresh = Networks(config.net, config.seed, ("D",)).D.state_dict()
    moved = _weights(tmp_path / "warming", "D")
    assert any(not torch.equal(moved[name], value) for name, value in fresh.items())
    assert "loss/D" in first.last
    assert "loss/G" not in first.last
    train(photos, config, tmp_path / "after")
    after = _weights(tmp_path / "after", "G")
    assert any(not torch.equal(after[name], value) for name, value in begun.items())


def test_a_training_killed_while_d_is_alone_goes_on_to_the_same_bits(
    photos: Dataset, source: Path, tmp_path: Path
) -> None:
    config = _config(**{"train.init_from": str(source), "train.d_warmup_kimg": 0.024})
    train(photos, config, tmp_path / "straight")
    # The length decides nothing here, for nothing decays.
    train(photos, config, tmp_path / "stopped", kimg=0.016)
    train(photos, config, tmp_path / "stopped")
    for name in ("G", "D", "E", "G_ema"):
        a, b = (_weights(tmp_path / folder, name) for folder in ("straight", "stopped"))
        assert all(torch.equal(a[key], b[key]) for key in a), name


def test_a_d_that_was_taken_over_is_not_warmed_up(photos: Dataset, tmp_path: Path) -> None:
    train(photos, _config(), tmp_path / "first")
    again = _config(**{"train.init_from": str(tmp_path / "first"), "train.d_warmup_kimg": 1.0})
    train(photos, again, tmp_path / "second")
    state = json.loads((tmp_path / "second" / "state-000000032" / "state.json").read_text())
    assert state["warm"] == 0


def test_what_goes_on_from_a_training_is_as_old_as_what_that_began_with(
    photos: Dataset, source: Path, tmp_path: Path
) -> None:
    """Else the second average would be that of a young training, and forget the first at once."""
    ages = []
    for begin, name in ((source, "first"), (tmp_path / "first", "second")):
        config = _config(**{"train.init_from": str(begin), "train.d_warmup_kimg": 0.0})
        train(photos, config, tmp_path / name)
        told = read_transfer(tmp_path / name)
        state = json.loads((tmp_path / name / "state-000000032" / "state.json").read_text())
        assert told is not None
        assert told.before == state["before"]
        ages.append(state["before"])
    assert ages[0] > 0
    assert ages[1] == ages[0] + 32


def test_a_frozen_mapping_stays_and_the_synthesis_moves(
    photos: Dataset, source: Path, tmp_path: Path
) -> None:
    changes = {"train.init_from": str(source), "train.d_warmup_kimg": 0.0,
               "train.freeze_mapping": True}  # fmt: skip
    train(photos, _config(**changes), tmp_path)
    begun, now = load_networks(source).G.state_dict(), _weights(tmp_path, "G")
    same = {name for name in begun if torch.equal(begun[name], now[name])}
    weights = {name for name in begun if name.startswith("mapping.fc")}
    assert weights
    assert weights <= same
    assert "synthesis.b16.conv1.weight" not in same


def test_shapes_follow_the_source_and_size_and_d_stay(source: Path) -> None:
    other = preset("smoke").replace(
        **{"net.z_dim": 8, "net.channel_max": 4, "net.mapping_lr": 0.1, "net.mapping_layers": 5,
           **PROJECTED}
    )  # fmt: skip
    config = shaped_like(other.replace(**{"net.size": 32, "data.size": 32}), shapes_of(source))
    wanted = preset("smoke").net
    assert (config.net.z_dim, config.net.channel_max) == (wanted.z_dim, wanted.channel_max)
    assert (config.net.mapping_lr, config.net.mapping_layers) == (0.01, wanted.mapping_layers)
    assert (config.net.size, config.net.d_architecture) == (32, "projected")


@pytest.mark.parametrize(("size", "fresh"), [(32, "synthesis.b32"), (8, "")])
def test_another_size_lists_what_is_taken_over(source: Path, size: int, fresh: str) -> None:
    config = preset("smoke", size)
    told = transfer(Networks.create(shaped_like(config, shapes_of(source)).net, 0), source)
    lines = told.lines()
    assert told.fresh("D")
    assert "D: begins fresh" in lines
    (of_g,) = [line for line in lines if line.startswith("G: ")]
    assert of_g.endswith(f"{fresh} begin fresh" if fresh else "tensors are taken over")
    assert any("G.synthesis.b16" in line for line in lines) == (size == 8)


@pytest.mark.parametrize("reconstruct", ["fake", "both"])
def test_an_encoder_learns_alone_to_invert_the_average(
    photos: Dataset, source: Path, tmp_path: Path, reconstruct: str
) -> None:
    changes = {"train.init_from": str(source), "train.reconstruct": reconstruct,
               "train.rec_l1": 0.0, "train.rec_l2": 1.0}  # fmt: skip
    config = _config(**ENCODER, **changes)
    summary = train(photos, config, tmp_path)
    networks = load_networks(tmp_path / summary.networks)
    assert set(networks.members()) == {"G", "E", "G_ema", "E_ema"}
    wanted = load_networks(source).G_ema.state_dict()
    for name in ("G", "G_ema"):
        found = networks.get_submodule(name).state_dict()
        assert all(torch.equal(found[key], wanted[key]) for key in wanted)
    assert networks.E is not None
    assert networks.E_ema is not None
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    assert not torch.equal(networks.E(x), networks.E.w_avg.expand(2, -1))
    assert torch.equal(networks.E_ema.w_avg, torch.full_like(networks.E_ema.w_avg, 0.5))
    assert {"rec_fake/perceptual", "rec_fake/w", "rec_fake/l2"} <= summary.last.keys()
    assert ("rec/perceptual" in summary.last) == (reconstruct == "both")
    train(photos, config, tmp_path, kimg=0.048)  # goes on


def test_an_encoder_alone_has_no_d_and_no_phase_of_g() -> None:
    config = _config(**ENCODER)
    rows = phase_table(config, LossNetworks.of(config, torch.device("cpu")))
    assert [(row.name, row.trains) for row in rows] == [("E-real", ("E",)), ("E-fake", ("E",))]


def test_what_an_encoder_alone_does_not_go_with(photos: Dataset, tmp_path: Path) -> None:
    for name, value in (("encoder", False), ("reconstruct", "real")):
        with pytest.raises(UsageError, match=f"train.{name}"):
            _config(**ENCODER | {f"train.{name}": value})
    with pytest.raises(UsageError, match="rec_measure"):
        _config(**{"train.encoder_only": True})
    with pytest.raises(UsageError, match="init_from"):
        train(photos, _config(**ENCODER), tmp_path)
