"""What a CUDA machine must also do; `pytest -m gpu`."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.kit.rng import Draws
from limbeck.nets import Networks, ProjectedDiscriminator, load_networks
from limbeck.percept import FeatureMaps
from limbeck.presets import preset
from limbeck.training import Engine, LossNetworks, TrainState, feed_of, phase_table, train
from limbeck.training.augment import augment
from limbeck.training.graphs import WARM

DEVICE = "cuda"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]


def _own(**changes: object) -> Config:
    """StyleGAN2's discriminator with every row: lazy ones, both reconstructions."""
    values: dict[str, object] = {
        "net.d_architecture": "resnet", "train.augment": "fixed", "train.pl_weight": 2.0,
        "train.style_mixing": 0.9, "train.noise": "random", "train.reconstruct": "both",
        "train.encoder_start_kimg": 0.0, **changes,
    }  # fmt: skip
    return preset("tiny", 32).replace(**values)


def _heads(**changes: object) -> Config:
    """A projected discriminator and an encoder."""
    return preset("tiny", 32).replace(**{"train.encoder_start_kimg": 0.0, **changes})


def _logits(nets: Networks, images: Tensor, dtype: torch.dtype) -> Tensor:
    if not isinstance(nets.D, ProjectedDiscriminator):
        return nets.D(images)
    maps = FeatureMaps(nets.config.d_feature_side, dtype, images.device)
    with torch.no_grad():
        return torch.cat([x.flatten() for x in nets.D(nets.D.look(images, maps(images)))])


def _away(found: Tensor, wanted: Tensor) -> float:
    """Length of the difference by the length of what is wanted."""
    wanted = wanted.detach().cpu()
    return float((found.detach().cpu() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 2e-3), (torch.bfloat16, 3e-2)])
@pytest.mark.parametrize("make", [_own, _heads])
def test_images_and_logits_are_the_cpu_s(
    make: Callable[..., Config], dtype: torch.dtype, limit: float
):
    nets = Networks.create(make().net, 0)
    z = torch.randn(8, 128, generator=torch.Generator().manual_seed(0))
    wanted = nets.G(z)
    logits = _logits(nets, wanted, torch.float32)
    nets.to(DEVICE).set_compute_dtype(dtype)
    assert _away(nets.G(z.to(DEVICE)), wanted) < limit
    assert _away(_logits(nets, wanted.to(DEVICE), dtype), logits) < 3 * limit


def test_augmentation_runs_where_the_images_are():
    x = torch.rand(4, 3, 32, 32, device=DEVICE) * 2 - 1
    out = augment(x, 0.8, Draws(torch.Generator(DEVICE).manual_seed(0)))
    assert out.device == x.device
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("make", [_own, _heads])
def test_training_ends_and_resumes(
    photos: Dataset, tmp_path: Path, make: Callable[..., Config], precision: str
):
    changes = {
        "device": DEVICE, "train.precision": precision, "train.augment_p": 0.2,
        "net.channel_base": 256, "net.channel_max": 16, "train.snapshot_kimg": 0.128,
    }  # fmt: skip
    config = make(**changes)
    train(photos, config, tmp_path / "whole", kimg=0.064)
    train(photos, config, tmp_path / "parts", kimg=0.032)
    train(photos, config, tmp_path / "parts", kimg=0.064)
    whole = load_networks(tmp_path / "whole" / "nets-000000064").state_dict()
    parts = load_networks(tmp_path / "parts" / "nets-000000064").state_dict()
    for key, value in whole.items():
        assert torch.isfinite(value).all(), key
        torch.testing.assert_close(parts[key], value, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("make", "p", "fused"), [(_own, 0.0, "0"), (_own, 0.4, "0"), (_own, 0.0, "1"), (_heads, 0, "0")]
)
def test_recorded_phases_leave_the_gradients_of_plain_ones(
    photos: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[..., Config],
    p: float,
    fused: str,
    precision: str,
):
    """Every row, lazy ones too: replayed graphs, fused or not, against eager; same seeds.

    Two plain runs of a row differ too, by the order of sums: on an H100 up to 0.3 % in fp32, for an
    absolute difference's gradient is a sign; on a CPU bf16 and fp32 lie 2 to 9 % apart.
    """
    config = make(**{"train.precision": precision, "train.augment_p": p})
    device = torch.device(DEVICE)
    view = photos.at(32).to(device)
    engines = []
    for graphs, twin in (("1", fused), ("0", "0")):
        monkeypatch.setenv("LIMBECK_GRAPHS", graphs)
        monkeypatch.setenv("LIMBECK_FUSED", twin)
        state = TrainState.create(config, device)
        feed = feed_of(view, None, config, device)
        judges = LossNetworks.of(config, device)
        judges.begin(state.networks, view)
        engines.append(Engine(config, state, phase_table(config, judges), feed))
    recorded, plain = engines
    for turn in range(WARM + 3):
        for phase, same in zip(recorded.phases, plain.phases, strict=True):
            exact = 1e-2 if phase.name.startswith("E") else 1e-3
            limit = exact if precision == "fp32" else 0.15
            plain.state.networks.load_state_dict(recorded.state.networks.state_dict())
            plain.state.flat.refresh(["G", "E", "D"])
            plain.state.pl_mean.copy_(recorded.state.pl_mean)
            terms = {k: v.clone() for k, v in recorded.take(phase).items()}
            part = recorded.state.flat.part(phase.trains)
            gradient = recorded.state.flat.grad[part].clone()
            again = plain.take(same)
            found = _away(gradient, plain.state.flat.grad[part])
            assert found <= limit, (turn, phase.name, found)
            for key, value in terms.items():
                torch.testing.assert_close(value, again[key], rtol=limit, atol=limit)
        for engine in engines:
            engine.state.images += config.train.batch
            engine._fetch()
