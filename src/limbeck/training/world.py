"""Processes that train together: one rank a device, started by torchrun.

Every rank computes its share of each batch and the gradients are averaged in one flat buffer, so
all ranks hold the same networks at all times. Rank 0 alone writes.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from limbeck.errors import TrainingError
from limbeck.processes import ranks


@dataclass(frozen=True)
class World:
    """This process among those that train together; alone by default."""

    rank: int = 0
    size: int = 1

    @property
    def main(self) -> bool:
        """Whether this rank writes and speaks."""
        return self.rank == 0

    def average(self, tensor: Tensor) -> Tensor:
        """Mean over ranks, in place.

        Raises:
            TrainingError: another rank died or hangs.
        """
        if self.size > 1:
            _together(lambda: dist.all_reduce(tensor))
            tensor.div_(self.size)
        return tensor

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether any rank raises its flag.

        Raises:
            TrainingError: another rank died or hangs.
        """
        if self.size == 1:
            return flag
        flags = torch.tensor(float(flag), device=device)
        _together(lambda: dist.all_reduce(flags, op=dist.ReduceOp.MAX))
        return bool(flags)

    def wait(self, device: torch.device) -> None:
        """Until every rank is here."""
        self.any(False, device)


def _together(act: Callable[[], object]) -> None:
    try:
        act()
    except RuntimeError as error:
        raise TrainingError(
            f"another process of this training died or hangs: {str(error).splitlines()[0][:200]}",
            "start the same command again; it continues from the last checkpoint",
        ) from error


def local_device(name: str) -> str:
    """`auto` and `cuda` mean this rank's own GPU when several processes share a machine."""
    if ranks() > 1 and name in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return name


@contextmanager
def join(device: torch.device, timeout: float) -> Iterator[World]:
    """Meet the other processes that torchrun started; alone without it.

    The group stays until the process ends: torchrun keeps one store for the whole job, in which a
    second meeting would find the addresses of the first.

    Args:
        device: this rank's; nccl on CUDA, else gloo.
        timeout: seconds after which a rank that does not answer ends the training.

    Raises:
        TrainingError: the others did not come.
    """
    size = ranks()
    if size == 1:
        yield World()
        return
    if not dist.is_initialized():
        backend = "nccl" if device.type == "cuda" else "gloo"
        _together(lambda: dist.init_process_group(backend, timeout=timedelta(seconds=timeout)))
    yield World(dist.get_rank(), dist.get_world_size())
