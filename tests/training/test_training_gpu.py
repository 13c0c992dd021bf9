"""What a CUDA machine must also do; `pytest -m gpu`."""

from pathlib import Path

import pytest
import torch

from limbeck.data import Dataset
from limbeck.kit.rng import Draws
from limbeck.nets import Networks, load_networks
from limbeck.presets import preset
from limbeck.training import Engine, LossNetworks, TrainState, feed_of, phase_table, train
from limbeck.training.augment import augment
from limbeck.training.graphs import WARM

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 2e-3), (torch.bfloat16, 3e-2)])
def test_pictures_and_logits_are_the_cpu_s(dtype: torch.dtype, limit: float):
    nets = Networks.create(preset("tiny").net, 0)
    z = torch.randn(4, 128, generator=torch.Generator().manual_seed(0))
    wanted = nets.G(z)
    logits = nets.D(wanted)
    nets.to("cuda").set_compute_dtype(dtype)
    found = nets.G(z.cuda())
    assert (found.cpu() - wanted).abs().max() / wanted.abs().max() < limit
    assert (nets.D(wanted.cuda()).cpu() - logits).abs().max() / logits.abs().max() < 3 * limit


def test_augmentation_runs_where_the_pictures_are():
    x = torch.rand(4, 3, 32, 32, device="cuda") * 2 - 1
    out = augment(x, 0.8, Draws(torch.Generator("cuda").manual_seed(0)))
    assert out.device == x.device
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_ends_and_resumes(photos: Dataset, tmp_path: Path, precision: str):
    config = preset("smoke").replace(
        **{"device": "cuda", "train.precision": precision, "train.augment_p": 0.2}
    )
    train(photos, config, tmp_path / "whole", kimg=0.064)
    train(photos, config, tmp_path / "parts", kimg=0.032)
    train(photos, config, tmp_path / "parts", kimg=0.064)
    whole = load_networks(tmp_path / "whole" / "nets-000000064").state_dict()
    parts = load_networks(tmp_path / "parts" / "nets-000000064").state_dict()
    for key, value in whole.items():
        assert torch.isfinite(value).all(), key
        torch.testing.assert_close(parts[key], value, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("p", "fused"), [(0.0, "0"), (0.4, "0"), (0.0, "1")])
def test_recorded_phases_leave_the_gradients_of_plain_ones(
    photos: Dataset, monkeypatch: pytest.MonkeyPatch, precision: str, p: float, fused: str
):
    """Every row, lazy ones too: replayed graphs, fused or not, against eager; same seeds."""
    config = preset("tiny", 32).replace(
        **{"train.precision": precision, "train.augment": "fixed", "train.augment_p": p,
           "train.pl_weight": 2.0, "train.style_mixing": 0.9, "train.noise": "random",
           "train.reconstruct": "both", "train.encoder_start_kimg": 0.0}
    )  # fmt: skip
    device = torch.device("cuda")
    view = photos.at(32).to(device)
    engines = []
    for graphs, twin in (("1", fused), ("0", "0")):
        monkeypatch.setenv("LIMBECK_GRAPHS", graphs)
        monkeypatch.setenv("LIMBECK_FUSED", twin)
        state = TrainState.create(config, device)
        feed = feed_of(view, None, config, device)
        engines.append(Engine(config, state, phase_table(config, LossNetworks()), feed))
    recorded, plain = engines
    limit = 1e-3 if precision == "fp32" else 5e-2
    for turn in range(WARM + 3):
        for phase, same in zip(recorded.phases, plain.phases, strict=True):
            plain.state.networks.load_state_dict(recorded.state.networks.state_dict())
            plain.state.flat.refresh(["G", "E", "D"])
            plain.state.pl_mean.copy_(recorded.state.pl_mean)
            terms = {k: v.clone() for k, v in recorded.take(phase).items()}
            part = recorded.state.flat.part(phase.trains)
            gradient = recorded.state.flat.grad[part].clone()
            again = plain.take(same)
            wanted = plain.state.flat.grad[part]
            assert (gradient - wanted).abs().max() <= limit * wanted.abs().max(), (turn, phase.name)
            for key, value in terms.items():
                torch.testing.assert_close(value, again[key], rtol=limit, atol=limit)
        for engine in engines:
            engine.state.images += config.train.batch
            engine._fetch()
