"""A network of somebody else in limbeck's terms, checked before anything is built of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck.config import NetConfig
from limbeck.errors import DataError
from limbeck.fsio import plain
from limbeck.kit.tensors import Stored, compare
from limbeck.nets.discriminator import Discriminator
from limbeck.nets.generators import AnyGenerator, new_generator
from limbeck.nets.stylegan3_config import AnyNet, StyleGAN3Config
from limbeck.ops import make_filter

_AGAIN = "the file is damaged, or of a network that limbeck does not know; fetch it again"
Array = Tensor | NDArray[Any]


@dataclass(frozen=True, eq=False)
class Translated:
    """What limbeck's `Generator`, `StyleGAN3Generator` or `Discriminator` needs.

    Attributes:
        config: its shapes. Of a discriminator only what it asks for is meaningful.
        tensors: its state dict: float32 on the CPU, perhaps sharing memory with the source.
        notes: what the published code does otherwise, for people.
    """

    config: AnyNet
    tensors: dict[str, Tensor]
    notes: tuple[str, ...] = ()

    def generator(self) -> AnyGenerator:
        """A generator that holds these very tensors, for inference."""
        with torch.device("meta"):
            made = new_generator(self.config)
        made.load_state_dict(self.tensors, assign=True)
        return made.eval().requires_grad_(False)

    def discriminator(self) -> Discriminator:
        """A discriminator that holds these very tensors.

        Raises:
            DataError: the shapes are of a StyleGAN3 generator.
        """
        if isinstance(self.config, StyleGAN3Config):
            raise DataError("a StyleGAN3 generator is no discriminator", "take the file's D")
        with torch.device("meta"):
            made = Discriminator(self.config)
        made.load_state_dict(self.tensors, assign=True)
        return made


def _shareable(array: NDArray[Any]) -> NDArray[Any]:
    """The array where PyTorch can share its memory, else a copy."""
    native = array.dtype.newbyteorder("=")
    straight = all(stride >= 0 for stride in array.strides)
    fits = array.flags.writeable and array.flags.aligned and array.dtype == native and straight
    return array if fits else array.astype(native)


def tensors_of(where: str, arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    """Arrays as float32 tensors on the CPU; tensors and writable arrays of float32 are shared.

    Raises:
        DataError: an array is not of floating-point numbers, or holds some that are not finite.
    """
    found = {}
    for name, array in arrays.items():
        if isinstance(array, np.ndarray):
            if array.dtype.kind != "f":
                raise DataError(f"{where}: {plain(name)} is of {plain(str(array.dtype))}", _AGAIN)
            array = torch.from_numpy(_shareable(array))
        if not array.is_floating_point():
            raise DataError(f"{where}: {plain(name)} is of {array.dtype}", _AGAIN)
        if not bool(torch.isfinite(array).all()):
            raise DataError(f"{where}: {plain(name)} holds numbers that are not finite", _AGAIN)
        found[name] = array.detach().to("cpu", torch.float32)
        if array.dtype == torch.float64 and not bool(torch.isfinite(found[name]).all()):
            raise DataError(f"{where}: {plain(name)} is too large for float32", _AGAIN)
    return found


def _checked_filters(where: str, tensors: Mapping[str, Tensor]) -> None:
    """Low-pass filters are part of the state, and limbeck's convolutions rely on what they are."""
    usual = make_filter()
    for name, value in tensors.items():
        if name.endswith("resample_filter") and not torch.allclose(value, usual, atol=1e-6):
            raise DataError(
                f"{where}: {name} is not the filter [1, 3, 3, 1]",
                "such networks are not supported; another tool may read the file",
            )
        turned = value.flip(tuple(range(value.ndim)))
        if name.endswith(("up_filter", "down_filter")) and not torch.allclose(value, turned):
            raise DataError(f"{where}: {name} is not symmetric", _AGAIN)


def _shortest(config: AnyNet) -> AnyNet:
    """The same shapes with None where a size is the usual one anyway."""
    changes: dict[str, None] = {}
    if config.class_dim == config.w_dim or not config.num_classes:
        changes["class_dim"] = None
    if isinstance(config, NetConfig) and (
        config.d_class_dim == config.channels(4) or not config.num_classes
    ):
        changes["d_class_dim"] = None
    return config.model_copy(update=changes)


def translated(
    where: str,
    config: AnyNet,
    tensors: dict[str, Tensor],
    *,
    critic: bool,
    notes: list[str],
    filters: bool = False,
) -> Translated:
    """`tensors` in our names, once they are all that these shapes ask for, and no more.

    Args:
        where: names the network in errors.
        config: its shapes.
        tensors: float32, by our names.
        critic: a discriminator, else a generator.
        notes: as in `Translated`.
        filters: whether the layout keeps low-pass filters elsewhere, so that they are put in.

    Raises:
        DataError: names the tensors that differ.
    """
    config = _shortest(config)
    with torch.device("meta"):
        built = Discriminator(config) if critic and isinstance(config, NetConfig) else (
            new_generator(config)
        )  # fmt: skip
    if filters:
        names = [name for name in built.state_dict() if name.endswith("resample_filter")]
        tensors = {**tensors, **{name: make_filter() for name in names}}
    found = {name: Stored("F32", tuple(value.shape)) for name, value in tensors.items()}
    wanted = {name: tuple(value.shape) for name, value in built.state_dict().items()}
    if wrong := compare(found, wanted, {"F32"}):
        raise DataError(f"{where} does not fit its constructor arguments: {wrong}", _AGAIN)
    _checked_filters(where, tensors)
    for name, value in tensors.items():
        if name.endswith("magnitude_ema") and not bool((value > 0).all()):
            raise DataError(f"{where}: {plain(name)} is not above 0", _AGAIN)
    return Translated(config, {name: tensors[name] for name in wanted}, tuple(notes))
