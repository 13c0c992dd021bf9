"""stylegan2-pytorch from PyPI as a contestant, at the width of limbeck's networks; CUDA only.

What people install today when they want StyleGAN2 in plain PyTorch. It trains with another loss and
without FIR filters, so the comparison is of seconds for a thousand images, not of mathematics. Its
own training step is called as it stands; only its loader is replaced by photos that are there.
"""

import importlib
import itertools
import tempfile
from typing import Any

import torch
from torch import Tensor

from limbeck.bench.timing import Work
from limbeck.config import Config
from limbeck.errors import UsageError

STEPS = 32  # its gradient penalty comes every 4th step, its path penalty every 32nd
_FIRST = 5025  # it has no path penalty before step 5,000, and saves and draws at round numbers


def capacity(config: Config) -> int:
    """Its `network_capacity` that gives the channels of `config.net` at every size.

    Its width at `size` is 2 x capacity and doubles with every halving, up to 512.

    Raises:
        UsageError: another widest layer, which its average generator cannot have.
    """
    if config.net.channel_max != 512:
        raise UsageError(
            f"stylegan2-pytorch has up to 512 channels, not {config.net.channel_max}",
            "use --preset auto, or --set net.channel_max=512",
        )
    return max(config.net.channel_base // (2 * config.net.size), 1)


def rival(config: Config, device: torch.device, real: Tensor) -> Work:
    """`STEPS` steps of its training in a row, float32, on the batch `real`.

    Raises:
        UsageError: no CUDA device, another width than it can have, or it is not installed.
    """
    if device.type != "cuda":
        raise UsageError("stylegan2-pytorch trains on CUDA alone", "leave --rival out")
    try:
        package: Any = importlib.import_module("stylegan2_pytorch.stylegan2_pytorch")
    except ImportError as error:
        raise UsageError(
            f"stylegan2-pytorch cannot be imported: {error}", "pip install stylegan2-pytorch"
        ) from error
    folder = tempfile.TemporaryDirectory(prefix="limbeck-rival-")
    trainer = package.Trainer(
        base_dir=folder.name, image_size=config.net.size, network_capacity=capacity(config),
        batch_size=len(real), save_every=10**9, evaluate_every=10**9,
    )  # fmt: skip
    trainer.loader = itertools.repeat((real + 1) / 2)  # it shows photos in [0, 1]
    trainer.init_GAN()

    def work() -> object:
        trainer.steps = _FIRST
        for _ in range(STEPS):
            trainer.train()
        return folder  # stays as long as the work

    return work
