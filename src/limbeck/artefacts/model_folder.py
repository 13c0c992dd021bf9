"""What a model folder says of itself, and how that is read with suspicion.

Nothing in it is ever executed or unpickled: JSON and safetensors, checked against each other
before a network is built.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, StringConstraints

from limbeck import __version__, fsio
from limbeck.config import Config, NetConfig
from limbeck.errors import DataError
from limbeck.nets import AnyNet, StyleGAN3Config
from limbeck.records import Record

FORMAT_VERSION: Literal[2] = 2
Precision = Literal["float32", "float16"]
Kind = Literal["stylegan2", "stylegan3"]
"""Kinds of networks: what `net` describes, and what its tensors are called."""
Part = Literal["generator", "encoder", "discriminator"]
"""Networks of a model folder: one file each, or several and their index."""
_SHARD = "-[0-9]{5}-of-[0-9]{5}"
_NAMES = (
    rf"(?:generator|encoder|discriminator)(?:{_SHARD})?\.safetensors"
    r"|(?:generator|encoder|discriminator)\.safetensors\.index\.json|modes\.safetensors"
)
FileName = Annotated[str, StringConstraints(pattern=f"^(?:{_NAMES})$")]
"""Files that config.json may name; no other is ever read."""
FILE_NAMES = re.compile(_NAMES)
CONFIG, CARD, MODES = "config.json", "README.md", "modes.safetensors"
SHEETS = ("samples.png", "centres.png")
"""Pictures of the model card, where they are there."""
CONVERTED = "converted from"
"""Fact in `data` of config.json: the file of another tool that the networks were read from."""
BEGUN_FROM, BEGUN_LICENCE = "begun from", "licence of what it was begun from"
"""Facts in `data` of config.json: the networks that its training began with."""
_SINCE_2 = ("kind", "measured")
_AGAIN = "fetch the folder again"


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


class Measured(Record):
    """Generated images against photos (docs/formats.md, metrics.jsonl, `set_distance`).

    `fid` and `kid` are those of the literature with features `inception` alone.
    """

    features: str = Field(max_length=100)
    photos: str = Field(max_length=100, description="of the run: raw, kept or clean")
    held_out: bool = Field(False, description="whether the training never saw these photos")
    psi: float
    truncation: str = Field(max_length=100)
    real: int = Field(ge=1, description="photos")
    fake: int = Field(ge=1, description="images")
    fid: float
    kid: float
    precision: float
    recall: float
    density: float
    coverage: float
    date: str = Field("", max_length=40, description="UTC")

    @property
    def standard(self) -> bool:
        """Whether its FID and KID may be called so without naming the features."""
        return self.features == "inception"


class _StyleGAN2(Record):
    """The shapes in config.json, of one kind of generator."""

    net: NetConfig


class _StyleGAN3(Record):
    net: StyleGAN3Config


class ModelConfig(Record):
    """config.json of a model folder (docs/formats.md)."""

    format: Literal["limbeck-model"] = "limbeck-model"
    format_version: Literal[2] = FORMAT_VERSION
    limbeck: str = __version__
    kind: Kind = "stylegan2"
    net: AnyNet
    dtype: Precision = "float32"
    licence: str = Field("not stated", description="of the weights; depends on the photos")
    data: dict[str, str | int | float] = Field(default_factory=dict, description="facts for people")
    measured: tuple[Measured, ...] = Field((), max_length=100, description="figures of quality")
    settings: Config | None = Field(None, description="the run that made it")
    files: dict[FileName, ModelFile]

    def holds(self, part: Part) -> bool:
        """Whether the folder has this network."""
        return f"{part}.safetensors" in self.files or index_of(part) in self.files


def index_of(part: Part) -> str:
    """Name of the file that says in which shard each tensor of a network lies."""
    return f"{part}.safetensors.index.json"


def shards_of(part: Part, files: Mapping[str, ModelFile]) -> list[str]:
    """The shards of a network among a folder's files, in order; empty where it is one file."""
    pattern = re.compile(rf"{part}{_SHARD}\.safetensors")
    return sorted(name for name in files if pattern.fullmatch(name))


def describe(path: Path) -> ModelFile:
    """Checksum and size of a finished file."""
    return ModelFile(sha256=fsio.sha256_file(path), bytes=path.stat().st_size)


def read_config(folder: Path) -> ModelConfig:
    """config.json, validated; of an older version as the present one says it.

    Raises:
        DataError: names the field at fault; a later version or another kind of network.
    """
    path = folder / CONFIG
    values: Any = fsio.read_json(path)
    if not isinstance(values, dict) or values.get("format") != "limbeck-model":
        raise DataError(
            f"{path}: format is not 'limbeck-model'", "give a folder that save_pretrained made"
        )
    values = _present(values, path)
    third = values.get("kind") == "stylegan3"
    shapes: type[_StyleGAN2] | type[_StyleGAN3] = _StyleGAN3 if third else _StyleGAN2
    net = fsio.as_record({"net": values.get("net")}, shapes, str(path), _AGAIN).net
    about = fsio.as_record({**values, "net": net}, ModelConfig, str(path), _AGAIN)
    for part in get_args(Part):
        _check_names(about, part, path)
    if not about.holds("generator"):
        raise DataError(f"{path}: files names no generator.safetensors", _AGAIN)
    if about.settings is not None and about.settings.net != about.net:
        raise DataError(f"{path}: settings.net differs from net", _AGAIN)
    return about


def _present(values: dict[str, Any], path: Path) -> dict[str, Any]:
    """What config.json of any version that limbeck reads says, in the words of the present one."""
    version = values.get("format_version")
    shown = fsio.plain(repr(version))
    if type(version) is not int or version < 1:
        raise DataError(f"{path}: format_version {shown} is no version of the format", _AGAIN)
    if version > FORMAT_VERSION:
        raise DataError(
            f"{path}: format_version {shown}, this limbeck ({__version__}) reads 1 to "
            f"{FORMAT_VERSION}",
            "a later limbeck made it: pip install --upgrade limbeck",
        )
    if version == 1:
        if later := [name for name in _SINCE_2 if name in values]:
            raise DataError(f"{path}: format_version 1 has no field {later[0]}", _AGAIN)
        return {**values, "format_version": FORMAT_VERSION}
    if values.get("kind", "stylegan2") not in get_args(Kind):
        raise DataError(
            f"{path}: kind {fsio.plain(repr(values['kind']))}, this limbeck ({__version__}) knows "
            f"{', '.join(get_args(Kind))}",
            "a later limbeck may read it: pip install --upgrade limbeck",
        )
    return values


def _check_names(about: ModelConfig, part: Part, path: Path) -> None:
    """A network is one file, or shards and their index.

    Raises:
        DataError: both, or one without the other.
    """
    whole, index = f"{part}.safetensors" in about.files, index_of(part) in about.files
    shards = shards_of(part, about.files)
    if whole and (index or shards):
        raise DataError(f"{path}: files names the {part} whole and in shards", _AGAIN)
    if shards and not index:
        raise DataError(f"{path}: files names {shards[0]}, but no {index_of(part)}", _AGAIN)
    if index and not shards:
        raise DataError(f"{path}: files names {index_of(part)}, but no shards", _AGAIN)


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
            f"{path}: {size} bytes, config.json says {file.bytes}",
            "remove the file and fetch it again",
        )
    found = fsio.sha256_file(path)
    if found != file.sha256:
        raise DataError(
            f"{path}: sha256 {found[:12]}..., config.json says {file.sha256[:12]}...",
            "remove the file and fetch it again",
        )
