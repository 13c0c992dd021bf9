"""A network that another tool wrote, as a model folder of limbeck's (docs/convert.md).

Tensors stay mapped from disk wherever their layout is ours too, so that a large file is not held in
memory.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from limbeck import logs
from limbeck.artefacts.folders import check_new
from limbeck.artefacts.model_folder import CONVERTED
from limbeck.config import NetConfig
from limbeck.errors import DataError
from limbeck.model import Pipeline
from limbeck.nets import AnyNet, Discriminator, Networks, prepare
from limbeck.nets.public import (
    Translated,
    code_of,
    from_pytorch_discriminator,
    from_pytorch_generator,
    from_rosinality_discriminator,
    from_rosinality_generator,
    from_tensorflow_discriminator,
    from_tensorflow_generator,
    joined,
)
from limbeck.unpickling import NetworkFile, read_network_file

_AVERAGES = ("G_ema", "Gs", "G")
"""Generators that a file may hold, the one that draws best first."""


@dataclass(frozen=True, eq=False)
class Converted:
    """What was made of a file.

    Attributes:
        file: what it holds.
        role: which of its generators was taken.
        model: that generator, ready to draw.
        discriminator: the D that goes with it, so that a training can begin with both; or None.
        notes: what people should know: why there is no D, what the published code does otherwise.
    """

    file: NetworkFile
    role: str
    model: Pipeline
    discriminator: Discriminator | None
    notes: tuple[str, ...] = field(default=())

    @property
    def config(self) -> AnyNet:
        """Shapes of the networks."""
        return self.model.config


def read_foreign(path: Path, *, licence: str | None = None) -> Converted:
    """Read a network file without running it, and build limbeck's networks of what it holds.

    Args:
        path: a .pkl of stylegan2-ada, stylegan3 or the TensorFlow era, or a .pt of rosinality.
        licence: of the weights, in words; None = what the file says, or not stated.

    Raises:
        NetworkFileError: the file is refused; names the offset and the opcode.
        DataError: it holds no generator that limbeck knows; names the argument or the tensors.
    """
    made = _read(path, licence)
    prepare(made.model.G_ema, torch.float32)
    return made


def _read(path: Path, licence: str | None) -> Converted:
    """As `read_foreign`, its weights not kept a second time ready for drawing."""
    found = read_network_file(path)
    with logs.working("building the networks"):
        role = next((name for name in _AVERAGES if name in found.networks), None)
        if role is None:
            there = ", ".join(found.networks) or "none"
            raise DataError(f"{path} holds no generator (networks: {there})", "give another file")
        generator = _generator(found, role, path)
        critic, why = _critic(found, generator, role)
        notes = [*generator.notes, *why]
        if role == "G":
            notes.insert(0, "the file holds no averaged generator: G draws worse than its average")
        config: AnyNet = generator.config
        if critic is not None:
            config = joined(generator, critic)
        networks = Networks(config, names=())
        networks.G_ema = generator.generator()
        model = Pipeline(
            networks, None,
            licence=licence or found.licence or "not stated", data=_facts(path, found),
        )  # fmt: skip
    return Converted(
        found,
        role,
        model,
        None if critic is None else critic.discriminator(),
        tuple(dict.fromkeys(notes)),
    )


def _facts(path: Path, found: NetworkFile) -> dict[str, str | int | float]:
    """For the model card: where it came from."""
    told: dict[str, str | int | float | None] = {
        CONVERTED: path.name, "sha256 of that file": found.sha256, "layout": found.kind,
        "kimg": found.kimg, "photos of its training": found.dataset,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}


def _generator(found: NetworkFile, role: str, path: Path) -> Translated:
    network, arrays = found.networks[role], found.arrays(role, writable=True)
    if found.kind == "tensorflow":
        return from_tensorflow_generator(network.init_kwargs, arrays, role)
    if found.kind == "rosinality":
        rest = found.arrays("rest") if "rest" in found.networks else {}
        return from_rosinality_generator(arrays, rest.get("latent_avg"), role)
    if found.kind in ("stylegan2-ada", "stylegan3"):
        return from_pytorch_generator(_named(found, role), arrays, role)
    raise DataError(
        f"{path}: networks of the kind {found.kind} can be looked into, not built",
        "limbeck builds those of stylegan2-ada-pytorch, stylegan3, StyleGAN2 in TensorFlow and "
        "rosinality's stylegan2-pytorch",
    )


def _named(found: NetworkFile, role: str) -> dict[str, Any]:
    """The constructor's arguments by name.

    Raises:
        DataError: there are none, or some were given by place, which the public code never does.
    """
    network = found.networks[role]
    if not network.class_name and not network.init_kwargs:
        raise DataError(
            f"{role}: a state dict alone, without the arguments of its constructor (z_dim, "
            "img_resolution, mapping_kwargs, ...), which say what its tensors mean",
            "convert the .pkl that these tensors came from, e.g. network-snapshot-025000.pkl",
        )
    if network.init_args:
        raise DataError(
            f"{role}: {len(network.init_args)} arguments of its constructor have no name",
            "the public code names them all; convert a file that it wrote",
        )
    return network.init_kwargs


def _critic(
    found: NetworkFile, generator: Translated, role: str
) -> tuple[Translated | None, list[str]]:
    """D, where it goes with this generator, or why it is left out."""
    if "D" not in found.networks:
        return None, ["the file holds no D: a training that begins with it makes a new one"]
    if not isinstance(generator.config, NetConfig):
        return None, ["its D is left out: limbeck draws with StyleGAN3 and does not train it"]
    arrays = found.arrays("D", writable=True)
    try:
        if found.kind == "tensorflow":
            critic = from_tensorflow_discriminator(found.networks["D"].init_kwargs, arrays, "D")
        elif found.kind == "rosinality":
            critic = from_rosinality_discriminator(arrays, "D")
        else:
            code = code_of(_named(found, role))
            critic = from_pytorch_discriminator(_named(found, "D"), arrays, code, "D")
        joined(generator, critic)
    except DataError as error:
        return None, [f"its D is left out: {error.what}"]
    return critic, list(critic.notes)


def convert_network(path: Path, out: Path, *, licence: str | None = None) -> Converted:
    """`read_foreign`, written as a model folder.

    Args:
        path, licence: as there.
        out: a new or empty folder.

    Raises:
        NetworkFileError, DataError: as `read_foreign`; or `out` holds anything, a model too.
    """
    check_new(out)
    made = _read(path, licence)
    made.model.save_pretrained(out, discriminator=made.discriminator)
    return made
