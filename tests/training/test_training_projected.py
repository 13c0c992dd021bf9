"""Training against a projected discriminator: losses, shifts, shares, resume, refusals."""

import json
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.errors import Interrupted, UsageError
from limbeck.kit.rng import Draws
from limbeck.nets import load_networks
from limbeck.presets import preset
from limbeck.training import Engine, LossNetworks, TrainState, phase_table, train
from limbeck.training import loop as loop_module
from limbeck.training.augment import translate
from limbeck.training.critics import Step
from limbeck.training.engine import NotFinite, pace_of
from limbeck.training.loop import feed_of
from limbeck.training.losses import hinge_generator_loss, hinge_loss

CPU = torch.device("cpu")
PROJECTED = {
    "net.d_architecture": "projected", "net.d_feature_side": 32, "net.d_head_width": 8,
    "train.augment": "diff", "train.kimg": 0.064, "train.snapshot_kimg": 0.032,
    "train.tick_kimg": 0.032, "train.precision": "fp32", "train.quality_images": 8,
}  # fmt: skip


def _config(**changes: object) -> Config:
    return preset("smoke").replace(**(PROJECTED | changes))


def _engine(photos: Dataset, config: Config) -> Engine:
    view = photos.at(config.net.size)
    judges, state = LossNetworks.of(config, CPU), TrainState.create(config, CPU)
    judges.begin(state.networks, view)
    return Engine(config, state, phase_table(config, judges), feed_of(view, None, config, CPU))


def test_hinge_losses_in_closed_form() -> None:
    real = [torch.tensor([[0.5, 2.0]]), torch.tensor([[-1.0]])]
    fake = [torch.tensor([[-2.0, 0.5]]), torch.tensor([[0.0]])]
    assert float(hinge_loss(real, fake)) == pytest.approx(0.25 + 0.75 + 2.0 + 1.0)
    assert float(hinge_generator_loss(fake)) == pytest.approx(0.75)


def test_shifts_are_whole_pixels_of_up_to_an_eighth_with_mirrored_borders() -> None:
    x = torch.rand(300, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    wide = F.pad(x, [2] * 4, mode="replicate")  # then its edge is doubled: reflection about it
    wide[..., :2, :] = wide[..., 2:4, :].flip(2)
    wide[..., -2:, :] = wide[..., -4:-2, :].flip(2)
    wide[..., :2] = wide[..., 2:4].flip(3)
    wide[..., -2:] = wide[..., -4:-2].flip(3)
    seen = set()
    for after, around in zip(
        translate(x, Draws(torch.Generator().manual_seed(1))), wide, strict=True
    ):
        ways = [
            (dy, dx)
            for dy in range(5)
            for dx in range(5)
            if torch.equal(after, around[:, dy : dy + 16, dx : dx + 16])
        ]
        assert len(ways) == 1
        seen.add(ways[0])
    assert len(seen) == 25


@pytest.mark.parametrize("encoder", [True, False])
def test_g_and_d_and_e_move_and_the_trunk_does_not(photos: Dataset, encoder: bool) -> None:
    engine = _engine(photos, _config(**{"train.encoder": encoder, "train.encoder_every": 1,
                                        "train.reconstruct": "real"}))  # fmt: skip
    before = {k: v.clone() for k, v in engine.state.networks.state_dict().items()}
    terms = engine.iterate()
    assert {"loss/G", "loss/D", "signs/real", "signs/fake"} <= terms.keys()
    now = engine.state.networks.state_dict()
    moved = {key for key in now if not torch.equal(before[key], now[key])}
    for part in ("G.synthesis.b16.conv1.weight", "D.heads.0.stages.0.weight", "D.heads.3.last.v"):
        assert part in moved
    assert not any("mixing" in key for key in moved)
    assert any(key.startswith("E.") for key in moved) == encoder


def test_each_network_has_its_own_gradient(photos: Dataset) -> None:
    engine = _engine(photos, _config(**{"train.encoder": False}))
    phase, nets = engine.phases[0], engine.state.networks
    engine._fetch()
    engine._train_only(phase)
    draws = Draws(torch.Generator().manual_seed(3), CPU)
    _, terms, _ = phase.loss(nets, Step(engine._photos[0][0], None, 0.0, torch.zeros(()), draws))
    g, d = list(nets.G.parameters()), list(nets.D.parameters())
    for loss, own, other in (("loss/G", g, d), ("loss/D", d, g)):
        pulls = torch.autograd.grad(terms[loss], own, retain_graph=True, allow_unused=True)
        assert sum(float(x.abs().sum()) for x in pulls if x is not None) > 0
        pulls = torch.autograd.grad(terms[loss], other, retain_graph=True, allow_unused=True)
        assert all(x is None for x in pulls)


def test_steps_fall_to_nothing_over_the_last_part() -> None:
    config = _config(**{"train.kimg": 1.0, "train.decay": 0.4})
    assert [pace_of(config, images) for images in (0, 599, 600)] == [1, 1, 1]
    assert pace_of(config, 800) == pytest.approx(0.5)
    assert pace_of(config, 1000) == 0
    assert pace_of(_config(), 64) == 1


def test_a_step_without_pace_moves_nothing(photos: Dataset) -> None:
    config = _config(**{"train.decay": 0.5, "train.encoder": False})
    engine = _engine(photos, config)
    engine.state.images = 64
    before = engine.state.flat.value.clone()
    engine.iterate()
    assert torch.equal(before, engine.state.flat.value)


@pytest.mark.parametrize("micro", [4])
def test_passes_change_nothing_but_rounding(photos: Dataset, micro: int) -> None:
    config = _config(**{"train.batch": 8})
    whole = _engine(photos, config)
    parts = _engine(photos, config.replace(**{"train.microbatch": micro}))
    for a, b in zip(whole.phases, parts.phases, strict=True):
        terms, again = whole.take(a), parts.take(b)
        grad_a = whole.state.flat.grad[whole.state.flat.part(a.trains)]
        grad_b = parts.state.flat.grad[parts.state.flat.part(b.trains)]
        assert (grad_a - grad_b).abs().max() / grad_a.abs().max() < 1e-3, a.name
        for key, value in terms.items():
            if key not in ("w_std", "E/w_std"):  # a spread within the pass
                torch.testing.assert_close(again[key], value, rtol=1e-3, atol=1e-4)
        parts.state.networks.load_state_dict(whole.state.networks.state_dict())
        parts.state.flat.refresh(["G", "E", "D"])


def test_resume_is_bitwise(
    photos: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config()
    train(photos, config, tmp_path / "straight")

    class Stop:
        images = 0

        def is_set(self) -> bool:
            Stop.images += 1
            return Stop.images > 3

    with monkeypatch.context() as patch:
        patch.setattr(loop_module, "stop_flag", contextmanager(lambda: (yield Stop())))
        with pytest.raises(Interrupted):
            train(photos, config, tmp_path / "stopped")
    train(photos, config, tmp_path / "stopped")
    a, b = (tmp_path / name / "nets-000000064" for name in ("straight", "stopped"))
    one, other = load_networks(a).state_dict(), load_networks(b).state_dict()
    assert all(torch.equal(value, other[key]) for key, value in one.items())
    moments = [
        json.loads((tmp_path / name / "state-000000064/state.json").read_text())["sha256"]
        for name in ("straight", "stopped")
    ]
    assert moments[0] == moments[1]


def test_nan_is_seen_and_rolled_back(
    photos: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_iterate, calls = Engine.iterate, []

    def iterate(self: Engine) -> object:
        calls.append(self.state.images)
        if len(calls) == 6:
            raise NotFinite("loss/G is not finite")
        return real_iterate(self)

    monkeypatch.setattr(Engine, "iterate", iterate)
    summary = train(photos, _config(), tmp_path / "out")
    assert (summary.images, summary.rollbacks) == (64, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train.gamma": 0.5}, "has no R1"),
        ({"train.augment": "ada"}, "use diff or none"),
        ({"train.loss": "relativistic"}, "has the hinge loss"),
        ({"train.freeze_d": 2}, "frozen already"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        _config(**changes)
