"""Centres that another tool found, as modes of a generator."""

from pathlib import Path

import torch

from limbeck import logs
from limbeck.artefacts.centre_files import read_centres
from limbeck.latents import HoldsGenerator, ModeCentres, draw_w, embed_w, nearest_l2
from limbeck.percept import LPIPS

_COUNTED, _BATCH = 20_000, 16


@torch.no_grad()
def import_centres(networks: HoldsGenerator, path: Path) -> ModeCentres:
    """Modes from numpy files: the centres as they are there, in their order.

    What such files do not hold is made: the LPIPS embeddings from the centres' images, and the
    sizes by counting to which centre each of 20,000 latents lies nearest in W. There are no typical
    latents.

    Args:
        networks: whose latents they are.
        path: a .npy file or a folder; see `artefacts.centre_files`.

    Raises:
        DataError: as `read_centres`.
    """
    G = networks.G_ema
    device = G.mapping.w_avg.device
    centres = read_centres(path, networks.config.w_dim).to(device)
    lpips = LPIPS.load("alex").to(device)
    starts = range(0, len(centres), _BATCH)
    parts = [
        embed_w(G, lpips, centres[start : start + _BATCH])
        for start in logs.track(starts, "centres", len(starts))
    ]
    embeddings = torch.cat(parts)
    drawn = draw_w(G.mapping, networks.config, _COUNTED, seed=0)
    sizes = torch.bincount(nearest_l2(drawn, centres), minlength=len(centres))
    return ModeCentres(centres, embeddings, sizes)
