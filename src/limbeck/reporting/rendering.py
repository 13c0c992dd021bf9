"""Images that the finished networks draw for the page; a few hundred at most."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from limbeck.kit.device import pick_device
from limbeck.kit.images import to_float, to_uint8
from limbeck.latents import (
    ModeCentres,
    classes_of,
    embed_w,
    seeds_to_z,
    truncate,
    typical_w,
)
from limbeck.nets import Networks, load_networks
from limbeck.percept import LPIPS


@dataclass
class Renderer:
    """A trained pair of generator and encoder (both averaged) on one device."""

    networks: Networks
    device: torch.device
    batch: int

    @classmethod
    def load(cls, folder: Path) -> "Renderer":
        """Read `nets-*`; raises DataError when it is damaged or missing."""
        device = pick_device("auto")
        networks = load_networks(folder).to(device).eval().prepare()
        size = networks.config.size
        return cls(networks, device, max(1, min(32, 32 * 64 * 64 // (size * size))))

    @property
    def has_encoder(self) -> bool:
        """Whether photos can be reconstructed."""
        return self.networks.E_ema is not None

    @torch.no_grad()
    def reconstruct(self, photos: Tensor) -> Tensor:
        """uint8 [N, 3, S, S] -> uint8 [N, 3, S, S]: G(E(x)), const noise."""
        encoder = self.networks.E_ema
        assert encoder is not None, "ask has_encoder first"
        chunks = [
            encoder(to_float(part.to(self.device))) for part in torch.split(photos, self.batch)
        ]
        return self.generate(torch.cat(chunks))

    @torch.no_grad()
    def latents(self, seeds: range) -> Tensor:
        """f32 [N, w_dim] on the device: M(z) of each seed, not truncated."""
        mapping = self.networks.G_ema.mapping
        z = seeds_to_z(list(seeds), self.networks.config.z_dim).to(self.device)
        classes = classes_of(seeds, self.networks.config)
        return mapping.w(z, None if classes is None else classes.to(self.device))

    @torch.no_grad()
    def generate(self, w: Tensor) -> Tensor:
        """f32 [N, w_dim] -> uint8 [N, 3, S, S] on the CPU, const noise."""
        G = self.networks.G_ema
        chunks = [
            to_uint8(G.synthesis(G.broadcast(part.to(self.device)), noise="const")).cpu()
            for part in torch.split(w, self.batch)
        ]
        return torch.cat(chunks)

    @torch.no_grad()
    def globally(self, seeds: range, psi: float) -> Tensor:
        """`latents` pulled towards the mean, of their class where there are classes."""
        net = self.networks.config
        goal = typical_w(self.networks.G_ema.mapping, net, classes_of(seeds, net))
        return truncate(self.latents(seeds), psi, goal)

    @torch.no_grad()
    def nearest_centres(self, w: Tensor, modes: ModeCentres) -> Tensor:
        """f32 [N, w_dim]: where truncation pulls each w: to its perceptually nearest mode."""
        lpips = LPIPS.load("alex").to(self.device)
        here = modes.to(self.device)
        nearest = [
            here.nearest(embed_w(self.networks.G_ema, lpips, part.to(self.device)))
            for part in torch.split(w, self.batch)
        ]
        return here.targets[torch.cat(nearest)]
