"""Beginning from networks that exist (transfer), not to be confused with resuming a run."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch

from limbeck.artefacts.snapshots import snapshot_of
from limbeck.errors import DataError
from limbeck.nets import Networks, load_networks


@dataclass(frozen=True)
class Transfer:
    """What `transfer` did; names are NETWORK.parameter."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    other_shape: tuple[str, ...]
    unused: tuple[str, ...]


def photos_seen(source: Path) -> int | None:
    """Photos that the networks meant by `source` had seen, by their folder's name; None = unknown.

    Raises:
        DataError: no networks lie there.
    """
    found = re.fullmatch(r"nets-([0-9]{1,15})", snapshot_of(source).name)
    return int(found[1]) if found else None


@torch.no_grad()
def transfer(networks: Networks, source: Path) -> Transfer:
    """Copy every parameter and buffer of the same name and shape from `source`.

    Sizes may differ: what both have is copied, the rest begins fresh.

    Raises:
        DataError: `source` holds no networks, or none of its tensors fit.
    """
    given = load_networks(snapshot_of(source)).state_dict()
    wanted = networks.state_dict()
    same = {k for k in wanted if k in given and wanted[k].shape == given[k].shape}
    if not any(key.endswith("weight") for key in same):
        raise DataError(
            f"no weight of {source} fits these networks", "use the preset and size it was made with"
        )
    for key in same:
        wanted[key].copy_(given[key])
    return Transfer(
        loaded=tuple(k for k in wanted if k in same),
        missing=tuple(k for k in wanted if k not in given),
        other_shape=tuple(k for k in wanted if k in given and k not in same),
        unused=tuple(k for k in given if k not in wanted),
    )
