"""What a model folder holds, and how it is read with suspicion.

Nothing in it is ever executed or unpickled: JSON and safetensors, checked against each other
before a network is built.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from pydantic import Field
from safetensors.torch import save
from torch import nn

from limbeck import __version__, fsio
from limbeck.config import Config, NetConfig
from limbeck.errors import DataError
from limbeck.kit.tensors import compare, read_header, read_tensors
from limbeck.nets import AnyNet, StyleGAN3Config
from limbeck.records import Record

FORMAT_VERSION = 1
_AGAIN = "fetch the folder again"
Precision = Literal["float32", "float16"]
FileName = Literal["generator.safetensors", "encoder.safetensors", "modes.safetensors"]
GENERATOR: FileName = "generator.safetensors"
ENCODER: FileName = "encoder.safetensors"
MODES: FileName = "modes.safetensors"
_STORED = {"float32": "F32", "float16": "F16"}
_Net = TypeVar("_Net", bound=nn.Module)


class _StyleGAN2(Record):
    """The shapes in config.json, of one kind of generator."""

    net: NetConfig


class _StyleGAN3(Record):
    net: StyleGAN3Config


class ModelFile(Record):
    """One file of a model folder."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(ge=1)


def without_folders(config: Config) -> Config:
    """What may be shared of a run's settings: of files on its machine only their names."""
    changes: dict[str, str] = {}
    if config.train.init_from is not None:
        changes["train.init_from"] = Path(config.train.init_from).name
    if config.data.class_from not in ("none", "folder"):
        changes["data.class_from"] = Path(config.data.class_from).name
    return config.replace(**changes)


class ModelConfig(Record):
    """config.json of a model folder."""

    format: Literal["limbeck-model"] = "limbeck-model"
    format_version: int = FORMAT_VERSION
    limbeck: str = __version__
    net: AnyNet
    dtype: Precision = "float32"
    licence: str = Field("not stated", description="of the weights; depends on the photos")
    data: dict[str, str | int | float] = Field(default_factory=dict, description="facts for people")
    settings: Config | None = Field(None, description="the run that made it")
    files: dict[FileName, ModelFile]


def write_module(path: Path, module: nn.Module, dtype: Precision) -> ModelFile:
    """Write a network's parameters and buffers, atomically.

    Raises:
        DataError: a value is not finite in `dtype`.
    """
    stored = torch.float16 if dtype == "float16" else torch.float32
    tensors = {
        name: value.detach().to("cpu", stored).contiguous()
        for name, value in module.state_dict().items()
    }
    broken = [name for name, value in tensors.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise DataError(
            f"{path.name}: {', '.join(broken[:4])} not finite in {dtype}",
            "use an earlier snapshot, or dtype float32",
        )
    with fsio.atomic_file(path) as temporary:
        temporary.write_bytes(save(tensors))
    return describe(path)


def describe(path: Path) -> ModelFile:
    """Checksum and size of a finished file."""
    return ModelFile(sha256=fsio.sha256_file(path), bytes=path.stat().st_size)


def read_config(folder: Path) -> ModelConfig:
    """config.json, validated.

    Raises:
        DataError: names the field at fault.
    """
    path = folder / "config.json"
    values: Any = fsio.read_json(path)
    if not isinstance(values, dict) or values.get("format") != "limbeck-model":
        raise DataError(
            f"{path}: format is not 'limbeck-model'", "give a folder that save_pretrained made"
        )
    if values.get("format_version") != FORMAT_VERSION:
        raise DataError(
            f"{path}: format_version {fsio.plain(repr(values.get('format_version')))}, this "
            f"limbeck reads {FORMAT_VERSION}",
            "use the limbeck version that made it",
        )
    shapes = values.get("net")
    third = isinstance(shapes, dict) and shapes.get("kind") == "stylegan3"
    kind: type[_StyleGAN2] | type[_StyleGAN3] = _StyleGAN3 if third else _StyleGAN2
    net = fsio.as_record({"net": shapes}, kind, str(path), _AGAIN).net
    about = fsio.as_record({**values, "net": net}, ModelConfig, str(path), _AGAIN)
    if GENERATOR not in about.files:
        raise DataError(f"{path}: files names no {GENERATOR}", _AGAIN)
    if about.settings is not None and about.settings.net != about.net:
        raise DataError(f"{path}: settings.net differs from net", _AGAIN)
    return about


def verify(path: Path, file: ModelFile) -> None:
    """Compare size and sha256 with config.json.

    Raises:
        DataError: missing, or different.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing, config.json names it", _AGAIN)
    size = path.stat().st_size
    if size != file.bytes:
        raise DataError(
            f"{path}: {size} bytes, config.json says {file.bytes}", "fetch the file again"
        )
    found = fsio.sha256_file(path)
    if found != file.sha256:
        raise DataError(
            f"{path}: sha256 {found[:12]}..., config.json says {file.sha256[:12]}...",
            "fetch the file again",
        )


def load_module(new: Callable[[AnyNet], _Net], net: AnyNet, path: Path, dtype: Precision) -> _Net:
    """Build without memory, compare with the file's header, only then allocate and read (float32).

    Raises:
        DataError: names the tensors that differ, or are not finite.
    """
    with torch.device("meta"):
        module = new(net)
    found, _ = read_header(path, "fetch the file again")
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    if wrong := compare(found, wanted, {_STORED[dtype]}):
        raise DataError(
            f"{path} does not fit net in config.json: {wrong}",
            "the files are of different models; fetch the folder again",
        )
    tensors = read_tensors(path, "fetch the file again")
    module.load_state_dict({k: v.float() for k, v in tensors.items()}, assign=True)
    return module.eval().requires_grad_(False)
