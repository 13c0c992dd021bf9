"""The bundle of networks, and how it lies on disk: one safetensors file each and config.json."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from limbeck import fsio
from limbeck.config import NetConfig
from limbeck.errors import DataError, UsageError
from limbeck.kit.tensors import compare, read_header, read_tensors, write_tensors
from limbeck.nets.discriminator import Discriminator
from limbeck.nets.encoder import Encoder
from limbeck.nets.generator import Generator
from limbeck.nets.generators import AnyGenerator, new_generator, trunk_shapes
from limbeck.nets.layers import prepare
from limbeck.nets.projected import ProjectedDiscriminator
from limbeck.nets.stylegan3_config import AnyNet
from limbeck.nets.trunk import Trunk
from limbeck.records import Record

FORMAT_VERSION = 1
NAMES = ("G", "D", "E", "G_ema", "E_ema")
_STORED = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64"}
_AGAIN = "copy the folder again from its source"


class _About(Record):
    """config.json of a folder of networks."""

    format_version: int
    net: NetConfig
    names: tuple[Literal["G", "D", "E", "G_ema", "E_ema"], ...] = Field(max_length=len(NAMES))
    dtype: Literal["float32", "float16", "bfloat16", "float64"] = "float32"


class Networks(nn.Module):
    """G, D, E and the averages G_ema, E_ema; E and E_ema are None without an encoder.

    What was trained elsewhere has averages alone, and a D if it came with one; a generator that is
    no StyleGAN2 cannot be trained here.

    Parameters are float32; `set_compute_dtype` decides in which dtype images are convolved.
    Averages need no gradient.

    Args:
        config: shapes.
        seed: source of the first parameters.
        names: the members to make; others are None (E, E_ema) or no attributes at all.
    """

    G: Generator
    D: Discriminator | ProjectedDiscriminator
    G_ema: AnyGenerator
    E: Encoder | None
    E_ema: Encoder | None

    def __init__(self, config: AnyNet, seed: int = 0, names: Sequence[str] = NAMES) -> None:
        super().__init__()
        self.config = config
        self.E = self.E_ema = None
        trunk = trunk_shapes(config)
        projected = trunk.d_architecture == "projected"
        critic = ProjectedDiscriminator if projected else Discriminator
        makers: dict[str, Callable[[], nn.Module]] = {
            "G": partial(new_generator, config, seed), "D": partial(critic, trunk, seed),
            "G_ema": partial(new_generator, config, seed),
            "E": partial(Encoder, trunk, seed), "E_ema": partial(Encoder, trunk, seed),
        }  # fmt: skip
        for name, make in makers.items():
            if name not in names:
                continue
            setattr(self, name, make())
            if name.endswith("_ema"):
                self.get_submodule(name).eval().requires_grad_(False)

    @classmethod
    def create(cls, net: NetConfig, seed: int, encoder: bool = True) -> "Networks":
        """New networks; the averages equal G and E."""
        return cls(net, seed, NAMES if encoder else ("G", "D", "G_ema"))

    def members(self) -> dict[str, nn.Module]:
        """The networks present, by name."""
        return {name: module for name, module in self.named_children() if name in NAMES}

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """Convolve in `dtype` (float32 or bfloat16; `limbeck.kit.device.compute_dtype`).

        Mapping, styles, minibatch-std, the last layer of D and E and the sum of RGB images
        stay float32, and so do parameters.
        """
        for module in self.members().values():
            if isinstance(module, Generator):
                module.synthesis.compute_dtype = dtype
            elif isinstance(module, Trunk):
                module.compute_dtype = dtype

    def prepare(self) -> "Networks":
        """Keep weights ready for convolutions; for networks whose parameters change no more.

        Call it last: after loading, after moving to a device, after `set_compute_dtype`.
        """
        for module in self.members().values():
            body = module.synthesis if isinstance(module, Generator) else module
            prepare(module, getattr(body, "compute_dtype", torch.float32))
        return self

    def save(
        self,
        folder: Path,
        dtype: torch.dtype = torch.float32,
        names: Sequence[str] | None = None,
    ) -> None:
        """Write NAME.safetensors each and config.json into `folder`, all or nothing.

        Args:
            folder: replaced when it exists.
            dtype: of the tensors on disk; float32 comes back bitwise.
            names: members to write; None = all present.

        Raises:
            UsageError: an absent member was asked for.
            DataError: the folder cannot be written.
        """
        members = self.members()
        chosen = list(members) if names is None else list(names)
        _known(chosen, members, "these networks")
        with fsio.atomic_dir(folder, own=[f"{name}.safetensors" for name in NAMES]) as temporary:
            for name in chosen:
                state = members[name].state_dict()
                tensors = {
                    k: v.detach().to("cpu", dtype, copy=True).contiguous() for k, v in state.items()
                }
                write_tensors(tensors, temporary / f"{name}.safetensors")
            about = {
                "format_version": FORMAT_VERSION,
                "net": self.config.model_dump(mode="json"),
                "names": chosen,
                "dtype": str(dtype).removeprefix("torch."),
            }
            fsio.write_json(temporary / "config.json", about)


def _known(names: Sequence[str], there: Sequence[str] | dict[str, nn.Module], who: str) -> None:
    absent = [name for name in names if name not in there]
    if absent:
        raise UsageError(
            f"{who} have no {', '.join(absent)}", f"choose among {', '.join(there) or 'none'}"
        )


def load_networks(
    folder: Path, names: Sequence[str] | None = None, expect: NetConfig | None = None
) -> Networks:
    """Read what `Networks.save` wrote, on the CPU in float32.

    Args:
        folder: holds config.json and the files it names.
        names: members to read; None = all that were saved. Members that are not read do not exist
            as attributes (E and E_ema are None).
        expect: refuse networks of another configuration.

    Raises:
        DataError: a file is missing, damaged or does not fit config.json; or the configuration
            differs from `expect` (the message lists the differing fields).
        UsageError: a member was asked for that was not saved.
    """
    folder = Path(folder)
    about = _read_about(folder)
    if expect is not None:
        _same_config(folder, about.net, expect)
    chosen = about.names if names is None else tuple(names)
    _known(chosen, about.names, f"networks in {folder}")
    with torch.device("meta"):
        networks = Networks(about.net, names=chosen)
    for name in chosen:
        _fill(networks.get_submodule(name), folder / f"{name}.safetensors", _STORED[about.dtype])
    return networks


def read_shapes(folder: Path) -> NetConfig:
    """The shapes of the networks in `folder`, without their weights.

    Raises:
        DataError: config.json is missing or damaged.
    """
    return _read_about(Path(folder)).net


def _read_about(folder: Path) -> _About:
    path = folder / "config.json"
    about = fsio.read_json(path)
    version = about.get("format_version") if isinstance(about, dict) else None
    if version != FORMAT_VERSION:
        raise DataError(
            f"{path}: format_version is {fsio.plain(repr(version))}, this limbeck reads "
            f"{FORMAT_VERSION}",
            "use the limbeck that wrote it, or save the networks again",
        )
    return fsio.as_record(about, _About, str(path), _AGAIN)


def _same_config(folder: Path, found: NetConfig, wanted: NetConfig) -> None:
    a, b = found.model_dump(), wanted.model_dump()
    differing = [f"{key}: {a[key]!r} there, {b[key]!r} wanted" for key in a if a[key] != b[key]]
    if differing:
        raise DataError(
            f"networks in {folder} have another configuration: {'; '.join(differing)}",
            "use the configuration they were trained with",
        )


def _fill(module: nn.Module, path: Path, dtype: str) -> None:
    """Give a module on the meta device the tensors of one file, every one of them or none."""
    found, _ = read_header(path, _AGAIN)
    wanted = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    if wrong := compare(found, wanted, {dtype}):
        raise DataError(
            f"{path} does not fit config.json: {wrong}",
            "the two files belong to different networks; copy the folder again",
        )
    tensors = read_tensors(path, "use an earlier snapshot, or copy the folder again")
    module.load_state_dict({k: v.float() for k, v in tensors.items()}, assign=True)
