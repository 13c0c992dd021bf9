"""A small generator with an encoder and modes, for walks and mixes."""

from functools import cache

import torch

from limbeck import preset
from limbeck.latents import ModeCentres, draw_w, embed_w
from limbeck.nets import Networks
from limbeck.percept import LPIPS

NET = preset("smoke").net


@cache
def small() -> tuple[Networks, ModeCentres]:
    """Untrained; made once."""
    networks = Networks.create(NET, 0).eval()
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        networks.G_ema.mapping.w_avg.copy_(0.1 * torch.randn(NET.w_dim, generator=random))
        assert networks.E_ema is not None
        networks.E_ema.head.weight.copy_(torch.randn(16, 16, generator=random))
    centres = draw_w(networks.G_ema.mapping, NET, 12, seed=1)
    embeddings = embed_w(networks.G_ema, LPIPS.load("alex"), centres)
    return networks, ModeCentres(centres, embeddings, torch.ones(12, dtype=torch.int64))
