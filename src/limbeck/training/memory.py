"""Memory and disk that a training needs, known before it starts; passes small enough to fit.

The estimate is linear: so many bytes a parameter, and so many copies of every feature map a photo.
The number of copies was fitted to what autograd keeps and is checked by a test; recorded phases
hold their memory beside that of plain ones, so on CUDA it counts twice.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from limbeck import logs
from limbeck.config import Config
from limbeck.errors import DataError, UsageError
from limbeck.kit.device import compute_dtype
from limbeck.kit.memory import available_memory
from limbeck.nets import Networks
from limbeck.training.engine import shares_of
from limbeck.training.graphs import graphs_wanted
from limbeck.training.state import members
from limbeck.training.world import World

COPIES = 16.0  # of the sum of all feature maps of G, kept for backward in the largest phase
TRUNK = 320.0  # numbers that backward keeps of a projected discriminator, a pixel its trunk sees
_PER_PARAMETER = 4 + 4 + 4 + 8  # value, gradient, ready copy, two moments; averages apart
_SPARE = 0.9  # of what is free


@dataclass(frozen=True)
class Needs:
    """Bytes: `fixed` and `per_photo` (of one pass) of memory, `disk` of all snapshots at once."""

    fixed: int
    per_photo: int
    disk: int

    def memory(self, micro: int) -> int:
        """Memory of passes of `micro` photos."""
        return self.fixed + self.per_photo * micro


def needs(config: Config, device: torch.device) -> Needs:
    """Estimate of one process's memory and of the run's disk space."""
    with torch.device("meta"):
        networks = Networks(config.net, 0, members(config))
    live = sum(p.numel() for name in ("G", "D", "E") for p in _parameters(networks, name))
    means = sum(p.numel() for name in ("G_ema", "E_ema") for p in _parameters(networks, name))
    width = 2 if compute_dtype(config.train.precision, device) == torch.bfloat16 else 4
    sides = [2**i for i in range(2, config.net.size.bit_length())]
    maps = sum(config.net.channels(side) * side * side for side in sides)
    seen = TRUNK * config.net.d_feature_side**2
    trunk = seen if config.net.d_architecture == "projected" else 0.0
    networks_on_disk = 4 * (live + means)
    keep = config.train.keep_snapshots + 2  # the best, and one being written
    return Needs(
        fixed=live * _PER_PARAMETER + means * 4 + (700 << 20 if device.type == "cuda" else 0),
        per_photo=int((COPIES * maps + trunk) * width) * (2 if graphs_wanted(device)[0] else 1),
        disk=keep * (2 * networks_on_disk + 8 * live),
    )


def _parameters(networks: Networks, name: str) -> list[torch.nn.Parameter]:
    module = networks.members().get(name)
    return [] if module is None else list(module.parameters())


def free_memory(device: torch.device) -> int | None:
    """Bytes that a process may still take (in a container too); None where nothing says so."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return available_memory()


def check_disk(config: Config, out: Path, device: torch.device) -> None:
    """See that the disk has room for the snapshots, counting what `out` already holds.

    Raises:
        DataError: it has not.
    """
    wanted = needs(config, device).disk
    out.mkdir(parents=True, exist_ok=True)
    held = sum(
        file.stat().st_size
        for kind in ("state-*", "nets-*")
        for folder in out.glob(kind)
        for file in folder.rglob("*")
        if file.is_file()
    )
    space = shutil.disk_usage(out).free + held
    if space < wanted:
        raise DataError(
            f"{out}: the snapshots of this training take up to {_gb(wanted)}, and the disk has "
            f"{_gb(space)} for them",
            "free some space, give a folder on another disk, or a smaller --preset",
        )


def fit(config: Config, device: torch.device, world: World) -> Config:
    """The configuration with `train.microbatch` small enough for this machine.

    A microbatch that was asked for is kept. Passes change no result beyond rounding.

    Raises:
        UsageError: not even the smallest pass fits into memory.
    """
    wanted = needs(config, device)
    free = free_memory(device)
    sizes = _passes(config, world)
    if free is None or config.train.microbatch:
        return config
    if device.type == "cpu":
        free //= world.size  # processes of this machine share it
    room = int(free * _SPARE)
    fitting = [micro for micro in sizes if wanted.memory(micro) <= room]
    if not fitting:
        raise UsageError(
            f"networks of {config.net.size} px and this width need "
            f"{_gb(wanted.memory(sizes[-1]))} of memory even for {sizes[-1]} photos at a time, "
            f"and {_gb(free)} are free",
            "choose a smaller --size or preset, or another device",
        )
    if fitting[0] != sizes[0]:
        logs.say(
            f"{_gb(free)} of memory are free: each step computes {fitting[0]} photos at a time "
            f"instead of {sizes[0]}"
        )
    return config.replace(**{"train.microbatch": fitting[0]})


def _passes(config: Config, world: World) -> list[int]:
    """Sizes of a pass that share out the batch in whole minibatch-std groups, largest first."""
    local = config.train.batch // world.size
    sizes = []
    for passes in range(1, local + 1):
        try:
            shares_of(config.replace(**{"train.microbatch": max(local // passes, 1)}), world)
        except UsageError:
            continue
        if local % passes == 0:
            sizes.append(local // passes)
    if not sizes:
        shares_of(config, world)  # says why
    return sizes


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
