"""A generator of either kind: what draws images from z and w, whoever trained it."""

from limbeck.config import NetConfig
from limbeck.nets.encoder import Encoder
from limbeck.nets.generator import Generator
from limbeck.nets.stylegan3 import StyleGAN3Generator
from limbeck.nets.stylegan3_config import AnyNet

AnyGenerator = Generator | StyleGAN3Generator
"""They are used alike: z_dim, w_dim, num_classes, num_ws, mapping, synthesis, broadcast."""


def new_generator(net: AnyNet, seed: int = 0) -> AnyGenerator:
    """The generator of these shapes, its first parameters from `seed`."""
    return Generator(net, seed) if isinstance(net, NetConfig) else StyleGAN3Generator(net, seed)


def trunk_shapes(net: AnyNet) -> NetConfig:
    """Shapes of an encoder or a discriminator beside this generator: StyleGAN2's.

    StyleGAN3 was trained against that discriminator (section 4), of at most 32768 / r and 512
    channels, however wide its generator.
    """
    if isinstance(net, NetConfig):
        return net
    return NetConfig(
        size=net.size,
        channel_base=min(net.channel_base, 32768),
        channel_max=min(net.channel_max, 512),
        w_dim=net.w_dim,
        num_classes=net.num_classes,
    )


def new_encoder(net: AnyNet, seed: int = 0) -> Encoder:
    """An encoder of images into the w of this generator, its first parameters from `seed`."""
    return Encoder(trunk_shapes(net), seed)
