"""What a stranger's file of networks holds."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt

from limbeck.errors import DataError
from limbeck.kit.headers import read_places
from limbeck.kit.stored import Place
from limbeck.records import Record

Dtype = Literal["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"]
Kind = Literal[
    "stylegan2-ada", "stylegan3", "tensorflow", "rosinality", "lucidrains", "safetensors"
]
TENSORS, FACTS = "tensors.safetensors", "network.json"
READER = 2
"""Version of the reader; what another one kept is read again. It rises when a file's networks,
tensors or facts come out otherwise."""
_AGAIN = "read the file again"
_NUMPY = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U8": "u1", "BOOL": "?",
}  # fmt: skip


class TensorRecord(Record):
    """A tensor: its dtype by safetensors' name, its shape, and whether it is a parameter (a buffer
    if not; None where the file does not tell)."""

    dtype: Dtype
    shape: tuple[NonNegativeInt, ...]
    parameter: bool | None


class ModuleRecord(Record):
    """A module within a network: its class, and what it knows that is no tensor."""

    class_name: str
    attributes: dict[str, Any]


class NetworkRecord(Record):
    """One network.

    Attributes:
        class_name: as the file names it (`Generator`, `G_main`); empty for a state dict.
        init_args, init_kwargs: what it was constructed with, as plain JSON; of the TensorFlow era
            its `static_kwargs`.
        tensors: by the names of a `state_dict` of the public code (`synthesis.b4.conv1.weight`), of
            the TensorFlow era by the variables' (`synthesis/4x4/Conv/weight`).
        modules: by path, the network itself under the empty one; none for a state dict.
    """

    class_name: str
    init_args: list[Any]
    init_kwargs: dict[str, Any]
    tensors: dict[str, TensorRecord]
    modules: dict[str, ModuleRecord]

    @property
    def numbers(self) -> int:
        """How many numbers its parameters have; where the file does not tell, all its tensors."""
        kept = (one for one in self.tensors.values() if one.parameter is not False)
        return sum(int(np.prod(one.shape, dtype=np.int64)) for one in kept)


class NetworkFile(Record):
    """What a file holds.

    Attributes:
        kind: the layout; `stylegan2-ada` also for the StyleGAN2 that stylegan3's code writes.
        reader: version of the reader that made this; 1 of those that did not say.
        sha256, bytes: of the file.
        resolution: side of the images in pixels, where the file tells.
        kimg: length of the training in thousands of images, where the file or its name tells.
        dataset: last part of the path of the photos that it was trained on.
        licence: what a field named so says.
        training_set: arguments of the dataset that it was trained on.
        facts: other plain values; of safetensors the metadata, of rosinality's files the arguments.
        left_out: names of what else is in the file and was not looked at.
        networks: by role: G, D, G_ema; of the TensorFlow era G, D, Gs; `rest` has tensors that
            belong to none.
        tensors_sha256: of the tensors as they were written; empty where they were not.
        folder: where they lie; None where the file was only looked into.
    """

    kind: Kind
    sha256: str
    bytes: NonNegativeInt
    resolution: NonNegativeInt | None
    kimg: float | None
    dataset: str | None
    licence: str | None
    training_set: dict[str, Any]
    facts: dict[str, Any]
    left_out: list[str]
    networks: dict[str, NetworkRecord]
    tensors_sha256: str = ""
    reader: NonNegativeInt = 1
    folder: Path | None = Field(None, exclude=True)

    @property
    def tensors_path(self) -> Path:
        """The safetensors file of all tensors, named `role/name`.

        Raises:
            DataError: the file was only looked into.
        """
        if self.folder is None:
            raise DataError("the tensors were not read", "use read_network_file")
        return self.folder / TENSORS

    def arrays(self, role: str, *, writable: bool = False) -> dict[str, NDArray[Any]]:
        """The tensors of a network: arrays that are mapped from disk, in C order.

        Their dtypes are the file's; bfloat16, which numpy lacks, becomes float32 with the same
        values.

        Args:
            role: which network.
            writable: whether they may be written to, which changes this process's memory and
                never the file; PyTorch shares such arrays without a copy. Else they are read-only.

        Raises:
            DataError: the file was only looked into, or what was written is damaged.
        """
        found, _, start = read_places(self.tensors_path, _AGAIN)
        mode: Literal["c", "r"] = "c" if writable else "r"
        mapped = np.memmap(self.tensors_path, dtype=np.uint8, mode=mode, offset=start)
        names = self.networks[role].tensors
        if absent := [name for name in names if f"{role}/{name}" not in found]:
            raise DataError(f"{self.tensors_path} lacks {role}/{absent[0]}", _AGAIN)
        return {name: _array(mapped, found[f"{role}/{name}"]) for name in names}


def _array(mapped: NDArray[np.uint8], place: Place) -> NDArray[Any]:
    there, shape = mapped[place.start : place.end], place.stored.shape
    if place.stored.dtype != "BF16":
        return there.view(_NUMPY[place.stored.dtype]).reshape(shape)
    wide = there.view("<u2").astype("<u4") << 16
    wide.setflags(write=False)
    return wide.view("<f4").reshape(shape)
