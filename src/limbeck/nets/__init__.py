"""Generator, discriminator, encoder, and the bundle of them with save and load."""

from limbeck.nets.discriminator import Discriminator as Discriminator
from limbeck.nets.discriminator import minibatch_std as minibatch_std
from limbeck.nets.encoder import Encoder as Encoder
from limbeck.nets.flat import Flat as Flat
from limbeck.nets.generator import Generator as Generator
from limbeck.nets.layers import Layer as Layer
from limbeck.nets.layers import prepare as prepare
from limbeck.nets.mapping import Mapping as Mapping
from limbeck.nets.networks import NAMES as NAMES
from limbeck.nets.networks import Networks as Networks
from limbeck.nets.networks import load_networks as load_networks
from limbeck.nets.networks import read_shapes as read_shapes
from limbeck.nets.projected import ProjectedDiscriminator as ProjectedDiscriminator
from limbeck.nets.synthesis import Noise as Noise

__all__ = [
    "NAMES",
    "Discriminator",
    "Encoder",
    "Flat",
    "Generator",
    "Layer",
    "Mapping",
    "Networks",
    "Noise",
    "ProjectedDiscriminator",
    "load_networks",
    "minibatch_std",
    "prepare",
    "read_shapes",
]
