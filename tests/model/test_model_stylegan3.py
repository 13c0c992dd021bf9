"""A StyleGAN3 generator in a model folder: drawn, truncated and clustered like any other."""

import json
from pathlib import Path

import pytest
import torch

from limbeck.config import ModesConfig
from limbeck.errors import DataError
from limbeck.latents import ModeCentres, draw_w, embed_w
from limbeck.model import Pipeline
from limbeck.modes import find_modes
from limbeck.nets import Networks, StyleGAN3Config, StyleGAN3Generator
from limbeck.percept import LPIPS

CONFIG = StyleGAN3Config(
    size=32, channel_base=256, channel_max=16, z_dim=16, w_dim=16, num_layers=6, margin_size=4,
    conv_kernel=1, use_radial_filters=True,
)  # fmt: skip


@pytest.fixture
def pipeline() -> Pipeline:
    G = StyleGAN3Generator(CONFIG, 1).eval().requires_grad_(False)
    w = draw_w(G.mapping, CONFIG, 3, seed=1)
    modes = ModeCentres(w, embed_w(G, LPIPS.load("alex"), w), torch.tensor([3, 2, 1]))
    networks = Networks(CONFIG, 1, ("G_ema", "E_ema")).prepare()
    return Pipeline(networks, modes, licence="CC0-1.0")


def test_a_folder_draws_what_was_saved(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path / "model")
    again = Pipeline.from_pretrained(tmp_path / "model", device="cpu")
    assert again.config == CONFIG
    for truncation in ("none", "global", "multimodal-lpips"):
        found = again(range(3), truncation=truncation)
        assert torch.equal(found, pipeline(range(3), truncation=truncation))
    assert not torch.equal(again([0], truncation="none"), again([0], truncation="multimodal-lpips"))
    w, picture, distance = again.invert(found[0])
    assert w.shape == (1, 16)
    assert picture.shape == (3, 32, 32)
    assert distance >= 0
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "StyleGAN3-R, 32 px" in card
    assert "\n- stylegan3\n" in card


def test_its_shapes_are_checked_field_by_field(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    for change, message in (
        ({"conv_kernel": 2}, r"net\.conv_kernel: .*odd"),
        ({"conv_kernel": 3}, r"generator\.safetensors does not fit"),
        ({"kind": "stylegan4"}, r"net\.kind"),
        ({"d_architecture": "orig"}, r"net\.d_architecture"),
    ):
        path.write_text(json.dumps({**about, "net": {**about["net"], **change}}))
        with pytest.raises(DataError, match=message):
            Pipeline.from_pretrained(tmp_path / "model", device="cpu")


def test_modes_are_found_in_its_latents(pipeline: Pipeline, tmp_path: Path) -> None:
    find_modes(pipeline, tmp_path / "modes", ModesConfig(samples=64, clusters=3, exemplars=2))
    found = ModeCentres.load(tmp_path / "modes" / "modes.safetensors")
    assert found.centres.shape == (3, 16)
    assert (tmp_path / "modes" / "atlas.png").exists()
