"""A small generator with modes, to look for directions in."""

import torch

from limbeck import preset
from limbeck.editing import DirectionSettings
from limbeck.latents import ModeCentres, draw_w, embed_w
from limbeck.nets import Networks, StyleGAN3Config, StyleGAN3Generator
from limbeck.percept import LPIPS

NET = preset("smoke").net
NET3 = StyleGAN3Config(
    size=32, channel_base=256, channel_max=16, z_dim=16, w_dim=16, num_layers=6, margin_size=4,
    conv_kernel=1, use_radial_filters=True,
)  # fmt: skip


def small_networks(seed: int = 0) -> Networks:
    return Networks.create(NET, seed, encoder=False).eval()


def small_modes(networks: Networks) -> ModeCentres:
    w = draw_w(networks.G_ema.mapping, NET, 3, seed=1)
    return ModeCentres(w, embed_w(networks.G_ema, LPIPS.load("alex"), w), torch.tensor([1, 3, 2]))


def stylegan3() -> StyleGAN3Generator:
    return StyleGAN3Generator(NET3, 1).eval().requires_grad_(False)


def few(method: str, **more: object) -> DirectionSettings:
    """Settings of a search that takes a second."""
    quick = {"ranges": ("coarse",), "count": 2, "samples": 400, "bases": 4}
    return DirectionSettings.of(method=method, **quick | more)
