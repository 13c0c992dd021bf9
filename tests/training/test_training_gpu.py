"""What a CUDA machine must also do; `pytest -m gpu`."""

from pathlib import Path

import pytest
import torch

from limbeck.data import Dataset
from limbeck.kit.rng import Draws
from limbeck.nets import Networks, load_networks
from limbeck.presets import preset
from limbeck.training import train
from limbeck.training.augment import augment

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
