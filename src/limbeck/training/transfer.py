"""Beginning from networks that exist (transfer), not to be confused with resuming a run."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch

from limbeck.errors import DataError
from limbeck.nets import Networks, load_networks
from limbeck.rundir import read_done


@dataclass(frozen=True)
class Transfer:
    """What `transfer` did; names are NETWORK.parameter."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    other_shape: tuple[str, ...]
    unused: tuple[str, ...]


def snapshot_of(path: Path) -> Path:
    """The folder of networks meant by a snapshot, a training's folder, or a run.

    Raises:
        DataError: no networks lie there.
    """
    if (path / "generator.safetensors").exists():
        raise DataError(
            f"{path} is a model folder: it holds averages only, nothing to train on from",
            "give the run it came from, or one of its snapshots (nets-...)",
        )
    for folder in (path, path / "kept", path / "raw"):
        if (folder / "config.json").exists() and any(folder.glob("*.safetensors")):
            return folder
        done = read_done(folder)
        if done is not None and "networks" in done.summary:
            return folder / str(done.summary["networks"])
    raise DataError(
        f"{path} holds no networks to begin from",
        "give a run, a training (OUT/raw), or one of its snapshots (nets-...)",
    )


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
