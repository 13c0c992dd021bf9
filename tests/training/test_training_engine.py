"""The step itself: flat buffers, shares of a batch, NaN, transfer, and what it reports."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from limbeck import fsio
from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.errors import DataError, UsageError
from limbeck.kit.device import pick_device
from limbeck.kit.rng import Draws, generator
from limbeck.nets import Flat, Layer, Networks, load_networks
from limbeck.presets import preset
from limbeck.training import Engine, LossNetworks, TrainState, conditional, phase_table, train
from limbeck.training import engine as engine_module
from limbeck.training.class_labels import class_labels
from limbeck.training.critics import Step
from limbeck.training.engine import NotFinite, shares_of
from limbeck.training.loop import feed_of
from limbeck.training.memory import check_disk, fit, needs
from limbeck.training.phases import Phase
from limbeck.training.transfer import transfer
from limbeck.training.world import World

CPU = torch.device("cpu")


def _config(**changes: object) -> Config:
    base = {"train.kimg": 0.064, "train.snapshot_kimg": 0.032, "train.tick_kimg": 0.032,
            "train.precision": "fp32", "train.quality_images": 8}  # fmt: skip
    return preset("smoke").replace(**(base | changes))


def _engine(photos: Dataset, config: Config) -> Engine:
    feed = feed_of(photos.at(config.net.size), class_labels(photos, config), config, CPU)
    phases = phase_table(config, LossNetworks.of(config, CPU))
    return Engine(config, TrainState.create(config, CPU), phases, feed)


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_flat_networks_compute_what_plain_ones_do(dtype: torch.dtype, limit: float):
    net = preset("smoke").net
    plain, flat = Networks.create(net, 0), Networks.create(net, 0)
    for nets in (plain, flat):
        nets.set_compute_dtype(dtype)
    Flat(flat, dtype)
    z = torch.randn(4, net.z_dim, generator=generator("z"))
    for nets in (plain, flat):
        picture = nets.G(z)
        loss = nets.D(picture).square().sum() + nets.E(picture).square().sum()
        torch.autograd.backward(loss)
    for (name, a), (_, b) in zip(plain.named_parameters(), flat.named_parameters(), strict=True):
        assert torch.equal(a, b), name
        if a.grad is not None:
            assert b.grad is not None
            torch.testing.assert_close(b.grad, a.grad, rtol=limit, atol=limit, msg=name)


def test_ready_weights_follow_every_step(photos: Dataset):
    engine = _engine(photos, _config(**{"train.precision": "bf16"}))
    for _ in range(3):
        engine.iterate()
    checked = 0
    for name in ("G", "D", "E"):
        for layer in getattr(engine.state.networks, name).modules():
            if isinstance(layer, Layer) and layer.ready is not None:
                weight = layer.weight
                assert isinstance(weight, Tensor)
                wanted = (weight * layer.ready_gain).to(torch.bfloat16)
                assert torch.equal(layer.ready, wanted)
                checked += 1
    assert checked > 10


def test_adam_and_averages_reach_every_parameter(photos: Dataset):
    engine = _engine(photos, _config())
    before = {k: v.clone() for k, v in engine.state.networks.state_dict().items()}
    for _ in range(2):
        engine.iterate()
    names = dict(engine.state.networks.named_parameters())
    still = [k for k in names if torch.equal(before[k], names[k]) and "noise_strength" not in k]
    assert still == []


@pytest.mark.parametrize("micro", [4])
def test_passes_change_nothing_but_rounding(photos: Dataset, micro: int):
    config = _config(**{"train.augment_p": 0.5, "train.batch": 8})
    whole, parts = (
        _engine(photos, config),
        _engine(photos, config.replace(**{"train.microbatch": micro})),
    )
    assert (len(whole.mine), len(parts.mine)) == (1, 8 // micro)
    for a, b in zip(whole.phases, parts.phases, strict=True):
        terms, again = whole.take(a), parts.take(b)
        grad_a = whole.state.flat.grad[whole.state.flat.part(a.trains)]
        grad_b = parts.state.flat.grad[parts.state.flat.part(b.trains)]
        scale = grad_a.abs().max()
        assert (grad_a - grad_b).abs().max() / scale < 2e-4, a.name
        for key, value in terms.items():
            if key not in ("w_std", "E/w_std"):  # a spread within the pass
                torch.testing.assert_close(again[key], value, rtol=1e-3, atol=1e-4)
        parts.state.networks.load_state_dict(whole.state.networks.state_dict())
        parts.state.flat.refresh(["G", "E", "D"])


def test_draws_of_shares_are_rows_of_the_whole():
    whole = Draws(generator("a")).normal(8, 3)
    for shares in (2, 4):
        for share in range(shares):
            part = Draws(generator("a"), None, share, shares).normal(8 // shares, 3)
            assert torch.equal(part, whole[share::shares])


@pytest.mark.parametrize(
    ("world", "micro", "mine", "total"),
    [
        ((0, 1), None, [0], 1),
        ((1, 2), None, [1], 2),
        ((1, 2), 4, [1, 3], 4),
        ((0, 1), 8, [0, 1], 2),
    ],
)
def test_shares_of_processes_and_passes(
    world: tuple[int, int], micro: int | None, mine: list[int], total: int
):
    config = _config(**{"train.batch": 16, "train.microbatch": micro})
    assert shares_of(config, World(*world)) == (mine, total)


@pytest.mark.parametrize(
    ("ranks", "micro", "group"), [(3, None, 4), (1, 2, 4), (8, None, 4), (2, None, None), (1, 1, 1)]
)
def test_shares_that_would_change_the_loss_are_refused(
    ranks: int, micro: int | None, group: int | None
):
    """Not whole groups of minibatch-std, or halves of path length, in a share."""
    changes = {"train.batch": 16, "train.microbatch": micro, "net.mbstd_group": group}
    config = preset("smoke").replace(**changes) if micro != 2 else _config(**changes)
    with pytest.raises(UsageError, match="does not divide"):
        shares_of(config, World(0, ranks))


def test_passes_of_one_photo_train(photos: Dataset):
    config = _config(
        **{"train.batch": 4, "train.microbatch": 1, "net.mbstd_group": 1, "train.pl_weight": 0.0}
    )
    terms = _engine(photos, config).iterate()
    assert all(torch.isfinite(value) for value in terms.values())


def test_unreadable_checkpoints_are_not_started_over(photos: Dataset, tmp_path: Path):
    train(photos, _config(), tmp_path, kimg=0.032)
    for state in tmp_path.glob("state-*"):
        (state / "state.json").write_text("{}")
    with pytest.raises(DataError, match="none of"):
        train(photos, _config(), tmp_path)


def test_a_damaged_newest_checkpoint_is_moved_aside(photos: Dataset, tmp_path: Path):
    train(photos, _config(**{"train.snapshot_kimg": 0.016}), tmp_path, kimg=0.032)
    newest = max(tmp_path.glob("state-*"))
    (newest / "optimizers.safetensors").write_bytes(b"")
    summary = train(photos, _config(), tmp_path)
    assert summary.images == 64
    assert (tmp_path / f"bad-{newest.name}").is_dir()


def test_resuming_keeps_the_passes_of_before(
    photos: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = _config(**{"train.batch": 8})
    train(photos, config.replace(**{"train.microbatch": 4}), tmp_path, kimg=0.032)
    seen: list[int | None] = []
    plain = Engine.__init__

    def noted(self: Engine, config: Config, *rest: object) -> None:
        seen.append(config.train.microbatch)
        plain(self, config, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "__init__", noted)
    train(photos, config, tmp_path)
    assert seen == [4]


def _poison(monkeypatch: pytest.MonkeyPatch, at: int, times: int) -> list[int]:
    """The loss of G is NaN in the step that begins at image `at`, the first `times` times."""
    hits: list[int] = []
    plain = Engine._gradients

    def poisoned(self: Engine, phase: Phase, p: float):  # type: ignore[no-untyped-def]
        terms, moves = plain(self, phase, p)
        if phase.name == "G" and self.state.images == at and len(hits) < times:
            hits.append(at)
            self.state.flat.grad.fill_(float("nan"))
        return terms, moves

    monkeypatch.setattr(engine_module.Engine, "_gradients", poisoned)
    return hits


def test_nan_is_seen_within_its_step_and_the_averages_stay(
    photos: Dataset, monkeypatch: pytest.MonkeyPatch
):
    engine = _engine(photos, _config())
    _poison(monkeypatch, at=8, times=1)
    engine.iterate()
    before = {k: v.clone() for k, v in engine.state.networks.G_ema.state_dict().items()}
    with pytest.raises(NotFinite, match="not finite at image 8"):
        engine.iterate()
    assert engine.state.images == 8
    after = engine.state.networks.G_ema.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)


@pytest.mark.parametrize("at", [8, 40])
def test_nan_rolls_back_and_the_training_ends(
    photos: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
):
    hits = _poison(monkeypatch, at=at, times=2)
    summary = train(photos, _config(), tmp_path)
    assert (len(hits), summary.rollbacks, summary.images) == (2, 2, 64)
    state = load_networks(tmp_path / "nets-000000064").state_dict()
    assert all(torch.isfinite(value).all() for value in state.values())


def test_relativistic_loss_adds_r2_and_trains(photos: Dataset):
    config = _config(**{"train.loss": "relativistic"})
    engine = _engine(photos, config)
    assert [p.name for p in engine.phases][-2:] == ["D-R1", "D-R2"]
    terms = engine.iterate()
    assert 0.3 < float(terms["loss/D"]) < 2
    assert float(terms["loss/R2"]) >= 0


def test_a_relativistic_critic_is_asked_for_differences_alone(photos: Dataset):
    """The same number added to every logit changes neither ADA's signal nor anybody's loss."""
    config = _config(**{"train.loss": "relativistic", "train.reconstruct": "real",
                        "train.encoder_every": 1, "train.augment": "none"})  # fmt: skip
    engines = _engine(photos, config), _engine(photos, config)
    with torch.no_grad():
        engines[1].state.networks.D.b4.out.bias.add_(5)
    found = []
    for engine in engines:
        engine._fetch()
        terms = {}
        for phase in engine.phases:
            if phase.name in ("G", "E-real", "D"):
                draws = Draws(torch.Generator().manual_seed(0), CPU)
                step = Step(engine._photos[0][0], None, 0.0, torch.zeros(()), draws)
                total, named, _ = phase.loss(engine.state.networks, step)
                terms |= {
                    phase.name: total,
                    **{k: v for k, v in named.items() if "signs/real" in k},
                }
        found.append(terms)
    assert found[0].keys() == {"G", "E-real", "D", "signs/real"}
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_transfer_tells_what_fits(photos: Dataset, tmp_path: Path):
    train(photos, _config(**{"train.kimg": 0.016}), tmp_path / "first")
    larger = _config(**{"net.size": 32, "data.size": 32})
    networks = Networks.create(larger.net, seed=5)
    told = transfer(networks, tmp_path / "first")
    source = load_networks(tmp_path / "first" / "nets-000000016").state_dict()
    mine = networks.state_dict()
    assert told.loaded
    assert all(torch.equal(mine[k], source[k]) for k in told.loaded)
    assert any(k.startswith("G.synthesis.b32") for k in told.missing)
    config = _config(**{"train.init_from": str(tmp_path / "first")})
    train(photos, config, tmp_path / "second", kimg=0.008)
    listed = json.loads((tmp_path / "second" / "transfer.json").read_text())
    assert not listed["missing"]
    with pytest.raises(DataError, match="no networks"):
        transfer(networks, tmp_path)


def test_an_average_goes_on_where_networks_begin_from_others(
    photos: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    changes = {"train.kimg": 0.016, "train.ema_kimg": 5.0, "train.ema_rampup": 0.05}
    train(photos, _config(**changes), tmp_path / "first")
    shutil.copytree(tmp_path / "first" / "nets-000000016", tmp_path / "unnamed")
    for source, before in (("first", 16), ("unnamed", 100_000)):
        asked: list[float] = []
        with monkeypatch.context() as patch:
            patch.setattr(Flat, "average", lambda _, weight, to=asked: to.append(weight))
            config = _config(**changes | {"train.init_from": str(tmp_path / source)})
            train(photos, config, tmp_path / f"from-{source}", kimg=0.016)
        half_lives = [min(5000, 0.05 * (before + images)) for images in (8, 16)]
        assert asked == pytest.approx([1 - 0.5 ** (8 / h) for h in half_lives])
        state = fsio.read_object(tmp_path / f"from-{source}" / "state-000000016" / "state.json")
        assert state["before"] == before


def test_frozen_layers_of_d_stay(photos: Dataset):
    engine = _engine(photos, _config(**{"train.freeze_d": 2}))
    before = {k: v.clone() for k, v in engine.state.networks.D.named_parameters()}
    for _ in range(2):
        engine.iterate()
    now = dict(engine.state.networks.D.named_parameters())
    same = {k.rsplit(".", 1)[0] for k in now if torch.equal(before[k], now[k])}
    assert same == {"b16.fromrgb", "b16.conv0"}


def test_room_makes_passes_that_fit_or_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = preset("auto", 256)
    wanted = needs(config, CPU)
    limit = {"free": 10**15}
    monkeypatch.setattr("limbeck.training.memory.free_memory", lambda _: limit["free"])
    assert fit(config, CPU, World()).train.microbatch == 16
    limit["free"] = int(wanted.memory(8) / 0.85)
    assert fit(config, CPU, World()).train.microbatch == 8
    limit["free"] = wanted.fixed
    with pytest.raises(UsageError, match="GB of memory"):
        fit(config, CPU, World())
    monkeypatch.setattr("limbeck.training.memory.needs", lambda *_: type(wanted)(1, 1, 10**18))
    with pytest.raises(DataError, match="disk"):
        check_disk(config, tmp_path, CPU)


def test_room_in_a_container_is_the_containers(monkeypatch: pytest.MonkeyPatch):
    config = preset("auto", 256)
    wanted = needs(config, CPU)
    monkeypatch.setattr(
        "limbeck.training.memory.available_memory", lambda: wanted.memory(4) * 10 // 8
    )
    assert fit(config, CPU, World()).train.microbatch == 4
    monkeypatch.setattr("limbeck.training.memory.available_memory", lambda: None)
    assert fit(config, CPU, World()).train.microbatch is None


_STYLEGAN2 = {
    "net.d_architecture": "resnet", "train.augment": "ada", "train.pl_weight": 2.0,
    "train.style_mixing": 0.9, "train.noise": "random",
}  # fmt: skip


@pytest.mark.parametrize("changes", [_STYLEGAN2, {}, {"net.d_feature_side": 160}])
def test_estimated_memory_is_near_what_autograd_keeps(changes: dict[str, object]):
    fp32 = {"train.batch": 8, "train.precision": "fp32"}
    config = preset("small").replace(**fp32, **changes)
    state = TrainState.create(config, pick_device("cpu"))
    table = phase_table(config, LossNetworks.of(config, state.device))
    phases = [p for p in table if p.name in ("G", "G-path", "D", "D-R1", "GD")]
    photos = torch.rand(8, 3, 64, 64) * 2 - 1
    engine = Engine(config, state, phases, lambda *_: (photos, None))
    peak = 0
    for phase in phases:
        kept: dict[int, int] = {}

        def pack(x: Tensor, kept: dict[int, int] = kept) -> Tensor:
            kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
            return x

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            engine.take(phase)
        peak = max(peak, sum(kept.values()))
    estimate = needs(config, CPU).per_photo * 8
    assert 0.6 < estimate / peak < 2.5, (estimate, peak)


def test_class_conditional_training_takes_its_classes_from_the_dataset(photos: Dataset):
    with pytest.raises(DataError, match="no classes"):
        conditional(photos, _config())
