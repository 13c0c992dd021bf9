"""Generator, discriminator, encoder, and the bundle of them with save and load."""

from limbeck.nets.discriminator import Discriminator as Discriminator
from limbeck.nets.discriminator import minibatch_std as minibatch_std
from limbeck.nets.encoder import Encoder as Encoder
from limbeck.nets.flat import Flat as Flat
from limbeck.nets.generator import Generator as Generator
from limbeck.nets.generators import AnyGenerator as AnyGenerator
from limbeck.nets.generators import new_encoder as new_encoder
from limbeck.nets.generators import new_generator as new_generator
from limbeck.nets.generators import trunk_shapes as trunk_shapes
from limbeck.nets.layers import Layer as Layer
from limbeck.nets.layers import prepare as prepare
from limbeck.nets.mapping import Mapping as Mapping
from limbeck.nets.networks import NAMES as NAMES
from limbeck.nets.networks import Networks as Networks
from limbeck.nets.networks import load_networks as load_networks
from limbeck.nets.networks import read_shapes as read_shapes
from limbeck.nets.projected import ProjectedDiscriminator as ProjectedDiscriminator
from limbeck.nets.stylegan3 import RGBLayer as RGBLayer
from limbeck.nets.stylegan3 import StyleGAN3Generator as StyleGAN3Generator
from limbeck.nets.stylegan3_config import AnyNet as AnyNet
from limbeck.nets.stylegan3_config import StyleGAN3Config as StyleGAN3Config
from limbeck.nets.synthesis import Noise as Noise
from limbeck.nets.synthesis import ToRGB as ToRGB

__all__ = [
    "NAMES",
    "AnyGenerator",
    "AnyNet",
    "Discriminator",
    "Encoder",
    "Flat",
    "Generator",
    "Layer",
    "Mapping",
    "Networks",
    "Noise",
    "ProjectedDiscriminator",
    "RGBLayer",
    "StyleGAN3Config",
    "StyleGAN3Generator",
    "ToRGB",
    "load_networks",
    "minibatch_std",
    "new_encoder",
    "new_generator",
    "prepare",
    "read_shapes",
    "trunk_shapes",
]
