"""Files as their authors' tools write them: by pickle and torch.save themselves, around stand-ins
for the authors' classes."""

import io
import pickle
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

FIXTURES = Path(__file__).parent / "fixtures"
SOURCE = "raise SystemExit('embedded module source was executed')\n"
HOOKS = ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_state_dict_hooks")
Meta = dict[str, Any]


class Persistent:
    """A module of the PyTorch era; pickled as `persistence._reconstruct_persistent_obj(meta)`."""

    def __init__(self, meta: Meta) -> None:
        self.meta = meta

    def __reduce__(self) -> tuple[Any, ...]:
        return _reconstruct_persistent_obj, (self.meta,)


def _reconstruct_persistent_obj(meta: Meta) -> Persistent:
    return Persistent(meta)


class EasyDict(dict):  # type: ignore[type-arg]
    """A dict of dnnlib's."""


class Network:
    """A network of the TensorFlow era; pickled by NEWOBJ and BUILD."""


_reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
EasyDict.__module__, Network.__module__ = "dnnlib.util", "dnnlib.tflib.network"


@contextmanager
def authors_code() -> Iterator[None]:
    """Modules of the authors' names that hold the stand-ins."""
    made = {
        "torch_utils": {}, "torch_utils.persistence": {
            "_reconstruct_persistent_obj": _reconstruct_persistent_obj
        },
        "dnnlib": {}, "dnnlib.util": {"EasyDict": EasyDict},
        "dnnlib.tflib": {}, "dnnlib.tflib.network": {"Network": Network},
    }  # fmt: skip
    for name, content in made.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(content)
    try:
        yield
    finally:
        for name in made:
            del sys.modules[name]


def rewritten(data: bytes, protocol: int) -> bytes:
    """The same objects by another protocol of Python's own pickler; of our own files only."""
    with authors_code():
        return pickle.dumps(pickle.loads(data), protocol)


def dumped(value: object, protocol: int = 4) -> bytes:
    with authors_code():
        return pickle.dumps(value, protocol)


def module(name: str, **state: object) -> Persistent:
    """A module without tensors; `state` goes over what every module has."""
    whole: Meta = {"training": False, "_parameters": {}, "_buffers": {}, "_modules": {}}
    whole |= {"_non_persistent_buffers_set": set(), **{hook: OrderedDict() for hook in HOOKS}}
    whole |= {"_init_args": (), "_init_kwargs": {}, **state}
    meta = {"type": "class", "version": 6, "module_src": SOURCE, "class_name": name, "state": whole}
    return Persistent(meta)


def network(name: str, tensors: Mapping[str, Tensor], kwargs: Mapping[str, object]) -> Persistent:
    """Modules within modules that hold tensors by dotted names; tensors without gradient are
    buffers."""
    top = module(name, _init_kwargs=EasyDict(kwargs), **kwargs)
    for path, tensor in tensors.items():
        *above, last = path.split(".")
        here = top
        for part in above:
            inner = here.meta["state"]["_modules"]
            here = inner.setdefault(part, module("Layer"))
        kind = "_parameters" if tensor.requires_grad else "_buffers"
        here.meta["state"][kind][last] = tensor
    return top


def snapshot(**networks: object) -> dict[str, object]:
    """What training code saves."""
    told = {"class_name": "training.dataset.ImageFolderDataset", "path": "/data/dogs-32.zip"}
    return {"training_set_kwargs": EasyDict(told), **networks, "augment_pipe": None}


def small(value: float = 1.0) -> dict[str, object]:
    """A snapshot of a few tensors, one of them transposed."""
    weight = torch.nn.Parameter(torch.full((2, 3, 3, 3), value))
    tensors = {
        "mapping.fc0.weight": torch.nn.Parameter(torch.arange(12.0).reshape(3, 4).T),
        "mapping.w_avg": torch.arange(4.0),
        "synthesis.b4.conv1.weight": weight,
    }
    kwargs = {"z_dim": 4, "img_resolution": 32, "mapping_kwargs": EasyDict(num_layers=1)}
    return snapshot(G_ema=network("Generator", tensors, kwargs))


def saved(value: object, *, zipped: bool = True) -> bytes:
    """By torch.save."""
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def generator_shapes(side: int, base: int, most: int, w: int) -> Iterator[tuple[str, Any, bool]]:
    """(name, shape, whether it is a parameter) of a StyleGAN2 generator in the public naming."""
    for i in range(8):
        yield f"mapping.fc{i}.weight", (w, w), True
        yield f"mapping.fc{i}.bias", (w,), True
    yield "mapping.w_avg", (w,), False
    before, res = most, 4
    yield "synthesis.b4.const", (min(base // 4, most), 4, 4), True
    while res <= side:
        now = min(base // res, most)
        for conv, ins in (("conv0", before), ("conv1", now), ("torgb", now)):
            if res == 4 and conv == "conv0":
                continue
            path = f"synthesis.b{res}.{conv}"
            out, kernel = (3, 1) if conv == "torgb" else (now, 3)
            yield f"{path}.weight", (out, ins, kernel, kernel), True
            yield f"{path}.bias", (out,), True
            yield f"{path}.affine.weight", (ins, w), True
            yield f"{path}.affine.bias", (ins,), True
            if conv != "torgb":
                yield f"{path}.noise_strength", (), True
                yield f"{path}.noise_const", (res, res), False
                yield f"{path}.resample_filter", (4, 4), False
        before, res = now, 2 * res


def discriminator_shapes(side: int, base: int, most: int) -> Iterator[tuple[str, Any, bool]]:
    """The same of a residual discriminator."""
    res = side
    yield f"b{side}.fromrgb.weight", (min(base // side, most), 3, 1, 1), True
    yield f"b{side}.fromrgb.bias", (min(base // side, most),), True
    while res > 4:
        now, then = min(base // res, most), min(2 * base // res, most)
        for conv, out, kernel in (("conv0", now, 3), ("conv1", then, 3), ("skip", then, 1)):
            yield f"b{res}.{conv}.weight", (out, now, kernel, kernel), True
            yield f"b{res}.{conv}.resample_filter", (4, 4), False
        res //= 2
    yield "b4.conv.weight", (most, most + 1, 3, 3), True
    yield "b4.fc.weight", (most, 16 * most), True
    yield "b4.out.weight", (1, most), True


def drawn(shapes: Iterator[tuple[str, Any, bool]], seed: int) -> dict[str, Tensor]:
    """Random numbers of these shapes."""
    source = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=source).requires_grad_(parameter)
        for name, shape, parameter in shapes
    }
