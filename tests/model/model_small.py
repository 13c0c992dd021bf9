"""A small pipeline with modes and an encoder."""

import torch

from limbeck import preset
from limbeck.latents import ModeCentres, draw_w, embed_w
from limbeck.model import Pipeline
from limbeck.nets import Networks
from limbeck.percept import LPIPS

CONFIG = preset("smoke")


def small_pipeline() -> Pipeline:
    """Untrained, but its encoder tells images apart."""
    networks = Networks.create(CONFIG.net, 0).eval()
    random = torch.Generator().manual_seed(0)
    assert networks.E_ema is not None
    with torch.no_grad():
        networks.E_ema.head.weight.copy_(torch.randn(16, 16, generator=random))
    centres = draw_w(networks.G_ema.mapping, CONFIG.net, 3, seed=1)
    embeddings = embed_w(networks.G_ema, LPIPS.load("alex"), centres)
    modes = ModeCentres(centres, embeddings, torch.tensor([3, 2, 1]))
    return Pipeline(
        networks, modes, config=CONFIG, licence="CC-BY-4.0", data={"photos accepted": 12}
    )
