"""Small models whose images differ between seeds and truncations."""

import dataclasses

import torch

from limbeck.config import NetConfig
from limbeck.latents import ModeCentres, draw_w, embed_w
from limbeck.model import Pipeline
from limbeck.nets import Networks
from limbeck.percept import LPIPS


def small_model(size: int = 8, *, classes: int = 0, modes: bool = True) -> Pipeline:
    """Untrained, with four centres and six typical latents, and noise that shows."""
    net = NetConfig(
        size=size, channel_base=64, channel_max=8, z_dim=16, w_dim=16, mapping_layers=2,
        mapping_lr=1, num_classes=classes, class_names=tuple("abcdefgh"[:classes]),
    )  # fmt: skip
    networks = Networks(net, seed=3, names=("G_ema",)).eval()
    G = networks.G_ema
    with torch.no_grad():
        for name, parameter in G.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.3)
        G.mapping.w_avg.copy_(draw_w(G.mapping, net, 500, seed=5).mean(0))
    found = None
    if modes:
        centres = draw_w(G.mapping, net, 4, seed=1)
        embeddings = embed_w(G, LPIPS.load("alex"), centres)
        found = ModeCentres(centres, embeddings, torch.tensor([4, 3, 2, 1]))
        found = dataclasses.replace(found, typical=draw_w(G.mapping, net, 6, seed=2))
    networks.prepare()
    return Pipeline(networks, found, licence="testing only", data={"photos": 3})
