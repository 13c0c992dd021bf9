"""The networks of a model folder, or of a snapshot of a training: whatever draws images."""

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import nn

from limbeck.artefacts.model_folder import ModelConfig, Part, read_config, verify
from limbeck.artefacts.model_weights import load_part
from limbeck.artefacts.snapshots import is_model
from limbeck.config import NetConfig
from limbeck.errors import DataError, UsageError
from limbeck.nets import (
    AnyNet,
    Discriminator,
    Networks,
    load_networks,
    new_encoder,
    new_generator,
    read_shapes,
    trunk_shapes,
)

PARTS: dict[str, Part] = {
    "G_ema": "generator", "E_ema": "encoder", "D": "discriminator"
}  # fmt: skip
"""Members of `Networks` that a model folder may hold, and what it calls them."""


_MAKERS: dict[Part, Callable[[AnyNet], nn.Module]] = {
    "generator": new_generator,
    "encoder": new_encoder,
    "discriminator": lambda net: Discriminator(trunk_shapes(net)),
}


def read_networks(folder: Path, names: Sequence[str] | None = None) -> Networks:
    """The networks in a folder, on the CPU in float32.

    Args:
        folder: a snapshot, or a model folder, which holds averages and at times a D.
        names: members to read; None = all that are there.

    Raises:
        DataError: names the file and the field that is missing, damaged or does not fit.
        UsageError: a member was asked for that is not there.
    """
    if not is_model(folder):
        return load_networks(folder, names)
    return model_networks(folder, checked(folder), names)


def shapes_in(folder: Path) -> AnyNet:
    """The shapes of the networks in a snapshot or a model folder, without their weights.

    Raises:
        DataError: config.json is missing or damaged.
    """
    return read_config(folder).net if is_model(folder) else read_shapes(folder)


def checked(folder: Path) -> ModelConfig:
    """config.json of a model folder, after every file was compared with it.

    Raises:
        DataError: names the file and the field that is missing, damaged or does not fit.
    """
    try:
        about = read_config(folder)
        for name, file in about.files.items():
            verify(folder / name, file)
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error}", "look at its rights") from error
    return about


def model_networks(
    folder: Path, about: ModelConfig, names: Sequence[str] | None = None
) -> Networks:
    """Members `names` (None = all) of a model folder whose files are `checked`.

    Raises:
        DataError: tensors that are missing, damaged or do not fit config.json.
        UsageError: a member was asked for that is not there.
    """
    there = {name for name, part in PARTS.items() if about.holds(part)}
    wanted = there if names is None else set(names)
    if absent := wanted - there:
        raise UsageError(
            f"{folder} has no {', '.join(sorted(absent))}", f"choose among {', '.join(there)}"
        )
    networks = Networks(about.net, names=())
    for name, part in PARTS.items():
        if name in wanted:
            setattr(networks, name, load_part(_MAKERS[part], about, folder, part))
    return networks


def trainable_shapes(net: AnyNet, source: Path) -> NetConfig:
    """The shapes, where limbeck can train such a generator.

    Raises:
        DataError: it cannot.
    """
    if isinstance(net, NetConfig):
        return net
    raise DataError(
        f"{source} is a StyleGAN3 generator, which limbeck draws with and does not train",
        "begin from a StyleGAN2 generator",
    )
