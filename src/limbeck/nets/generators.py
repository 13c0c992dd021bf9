"""A generator of either kind: what draws images from z and w, whoever trained it."""

from limbeck.config import NetConfig
from limbeck.nets.generator import Generator
from limbeck.nets.stylegan3 import StyleGAN3Generator
from limbeck.nets.stylegan3_config import AnyNet

AnyGenerator = Generator | StyleGAN3Generator
"""They are used alike: z_dim, w_dim, num_classes, num_ws, mapping, synthesis, broadcast."""


def new_generator(net: AnyNet, seed: int = 0) -> AnyGenerator:
    """The generator of these shapes, its first parameters from `seed`."""
    return Generator(net, seed) if isinstance(net, NetConfig) else StyleGAN3Generator(net, seed)
