"""Beginning from networks that exist (transfer), not to be confused with resuming a run."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from limbeck.artefacts.model_networks import read_networks, shapes_in, trainable_shapes
from limbeck.artefacts.snapshots import is_model, snapshot_of
from limbeck.artefacts.transfers import Transfer, is_weight, read_transfer
from limbeck.config import Config, NetConfig
from limbeck.errors import DataError
from limbeck.nets import Networks

# What of `net` decides the names, shapes and meaning of weights, but for size, classes, D's kind.
_SHAPES = (
    "z_dim", "w_dim", "mapping_layers", "mapping_lr", "class_dim", "channel_base", "channel_max",
    "g_architecture", "conv_clamp", "d_class_dim", "d_mapping_layers", "d_mapping_lr",
)  # fmt: skip


def shapes_of(source: Path) -> NetConfig:
    """Shapes of the networks meant by `source`: a snapshot, a training, a run or a model folder.

    Raises:
        DataError: no networks lie there, or such that limbeck cannot train.
    """
    return trainable_shapes(shapes_in(snapshot_of(source)), source)


def shaped_like(config: Config, net: NetConfig) -> Config:
    """The configuration with a generator that `net`'s weights fit; size, D and E's kind stay.

    G's and E's widths follow; blocks of a larger size begin fresh.
    """
    return config.replace(**{f"net.{name}": getattr(net, name) for name in _SHAPES})


def begun_networks(source: Path) -> Networks:
    """The networks meant by `source`, on the CPU in float32; of a model folder its averages.

    Raises:
        DataError: no networks lie there.
    """
    return read_networks(snapshot_of(source))


def photos_seen(source: Path) -> int | None:
    """Photos that the networks meant by `source` had seen; None = unknown.

    Their folder's name says those of their training, its record those before.

    Raises:
        DataError: no networks lie there, or that record is damaged.
    """
    snapshot = snapshot_of(source)
    found = re.fullmatch(r"nets-([0-9]{1,15})", snapshot.name)
    told = read_transfer(snapshot.parent)
    if not found or (told is not None and told.before is None):
        return None
    return int(found[1]) + (0 if told is None or told.before is None else told.before)


def check_fit(net: NetConfig, source: Path) -> None:
    """Check that a training of these networks can begin from `source`; no weight is read.

    Raises:
        DataError: no networks lie there, or such as do not fit: see `transfer`.
    """
    with torch.device("meta"):
        wanted = Networks(net, names=("G",)).state_dict()
        given = Networks(shapes_of(source), names=("G",)).state_dict()
    _require_fit(wanted, given, source)


def _require_fit(
    wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], source: Path
) -> set[str]:
    """Names of what `wanted` and `given` have alike.

    Raises:
        DataError: no weight of G is among them, or not all of the mapping's.
    """
    same = {k for k in wanted if k in given and wanted[k].shape == given[k].shape}
    if not any(is_weight(key, "G") for key in same):
        raise DataError(
            f"no weight of {source} fits these networks", "use the preset and size it was made with"
        )
    if odd := [k for k in wanted if k.startswith("G.mapping.fc") and k in given and k not in same]:
        raise DataError(
            f"{source} maps other latents or classes than these networks: {odd[0]}",
            "begin from networks with classes where photos have classes (--cond), and only there",
        )
    return same


@torch.no_grad()
def transfer(networks: Networks, source: Path, *, averages: bool = False) -> Transfer:
    """Copy every parameter and buffer of the same name and shape from `source`.

    Sizes may differ: what both have is copied, the rest begins fresh. An encoder that begins fresh
    begins at G's mean latent.

    Args:
        networks: to fill.
        source: a snapshot, a training, a run or a model folder.
        averages: G takes what G_ema has, and E what E_ema has; so it is with a model folder.

    Raises:
        DataError: `source` holds no networks, none of its tensors fit, or its mapping does not: a
            fresh one before a synthesis that knows another would undo it.
    """
    given = begun_networks(source).state_dict()
    if averages or is_model(snapshot_of(source)):
        means = {k: v for k, v in given.items() if k.split(".")[0].endswith("_ema")}
        given |= {k.replace("_ema", "", 1): v for k, v in means.items()}
    wanted = networks.state_dict()
    same = _require_fit(wanted, given, source)
    for key in same:
        wanted[key].copy_(given[key])
    for encoder in (networks.E, networks.E_ema):
        if encoder is not None:
            encoder.w_avg.copy_(networks.G.mapping.w_avg)
    return Transfer(
        loaded=tuple(k for k in wanted if k in same),
        missing=tuple(k for k in wanted if k not in given),
        other_shape=tuple(k for k in wanted if k in given and k not in same),
        unused=tuple(k for k in given if k not in wanted),
    )
