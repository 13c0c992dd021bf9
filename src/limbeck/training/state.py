"""Everything that training changes, and its checkpoint: safetensors and JSON, whole or absent.

All randomness is a function of (seed, images seen), so the state is the networks, both averages,
the Adam moments and a few numbers; N + M images straight equals N, kill, M to the bit.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from limbeck import fsio
from limbeck.config import Config
from limbeck.errors import DataError, TrainingError
from limbeck.kit.device import compute_dtype
from limbeck.kit.tensors import compare, read_header, read_tensors, write_tensors
from limbeck.nets import NAMES, Flat, Networks, load_networks
from limbeck.records import Record

STATE_FORMAT = 2
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")
_OPTIMIZERS = "optimizers.safetensors"
_ALWAYS = {_OPTIMIZERS, "networks/config.json"} | {
    f"networks/{name}.safetensors" for name in ("G", "G_ema")
}
_OTHERS = {f"networks/{name}.safetensors" for name in ("D", "E", "E_ema")}
_BEFORE = "the checkpoint before it is used instead"
# Settings of `train` that may change from session to session: they do not change the networks.
FREE = {
    "snapshot_kimg", "tick_kimg", "keep_snapshots", "quality_images", "timeout", "microbatch",
    "tensorboard",
}  # fmt: skip


# Settings that finished trainings may not know yet: at their defaults they change nothing.
LATER = {
    "d_features", "d_feature_side", "d_head_width", "d_separable", "d_pixels", "mapping_lr",
    "rgb_scale", "conv_clamp", "class_dim", "d_class_dim", "d_mapping_layers", "d_mapping_lr",
    "decay", "grow", "d_lr_ratio", "class_photos", "class_names",
    "freeze_mapping", "d_warmup_kimg", "encoder_only", "rec_l2",
}  # fmt: skip


def compared(section: BaseModel) -> dict[str, Any]:
    """Settings of `net` or `train` as they are compared with those of a training on disk.

    What an earlier limbeck did not know is left out while it holds its default, so that a training
    stays what it is when limbeck learns more.
    """
    defaults = _defaults(section)
    return {
        key: value
        for key, value in section.model_dump(mode="json", exclude=FREE).items()
        if key not in LATER or value != defaults[key]
    }


def _defaults(section: BaseModel) -> dict[str, Any]:
    """What settings of `LATER` are where nobody sets them, as they lie in JSON."""
    return type(section)().model_dump(mode="json", include=LATER)


def members(config: Config) -> tuple[str, ...]:
    """Names of the networks that a training has."""
    absent = () if config.train.encoder else ("E", "E_ema")
    return tuple(
        name for name in NAMES
        if name not in absent and not (name == "D" and config.train.encoder_only)
    )  # fmt: skip


def adam(parameter: Tensor, lr: float, every: int) -> torch.optim.Adam:
    """Adam (0, 0.99), corrected for a lazy term every k steps: lr c, 0.99^c, c = k / (k + 1)."""
    c = every / (every + 1) if every > 1 else 1.0
    made = torch.optim.Adam([parameter], lr=lr * c, betas=(0.0, 0.99**c), eps=1e-8, fused=True)
    made.param_groups[0]["initial_lr"] = lr * c
    return made


@dataclass
class TrainState:
    """What changes while training; `images` is the only clock.

    Attributes:
        networks: with their convolutions' dtype set.
        flat: the buffers that their parameters live in.
        optimizers: by network; each steps one slice of `flat.value`.
        rollbacks: how often a NaN was rolled back; other randomness after each.
        before: photos that the networks it began from had seen; 0 where it began from nothing.
        warm: images up to which D learns alone, for it began fresh beside a G that did not.
    """

    networks: Networks
    flat: Flat
    optimizers: dict[str, torch.optim.Adam]
    pl_mean: Tensor
    images: int = 0
    augment_p: float = 0.0
    sign_sum: float = 0.0
    sign_count: int = 0
    rollbacks: int = 0
    before: int = 0
    warm: int = 0
    dataset: str = ""

    @property
    def device(self) -> torch.device:
        """Where the networks live."""
        return self.pl_mean.device

    @classmethod
    def create(cls, config: Config, device: torch.device, dataset: str = "") -> "TrainState":
        """Fresh networks and optimisers, a pure function of the configuration.

        Args:
            config: the run's configuration.
            device: where the networks live.
            dataset: digest of the photos; a checkpoint made with others is refused.
        """
        train = config.train
        networks = Networks(config.net, config.seed, members(config)).to(device)
        dtype = compute_dtype(train.precision, device)
        networks.set_compute_dtype(dtype)
        flat = Flat(networks, dtype)
        lazy = {
            "G": train.pl_every if train.pl_weight > 0 else 1,
            "D": train.r1_every if config.gamma() > 0 else 1,
            "E": 1,
        }
        optimizers = {}
        for name, every in lazy.items():
            if name in networks.members() and not (name == "G" and train.encoder_only):
                parameter = torch.nn.Parameter(flat.value[flat.part([name])])
                parameter.grad = flat.grad[flat.part([name])]
                ratio = {"E": train.encoder_lr_ratio, "D": train.d_lr_ratio}.get(name, 1.0)
                lr = train.lr * ratio
                optimizers[name] = adam(parameter, lr, every)
        return cls(
            networks,
            flat,
            optimizers,
            pl_mean=torch.zeros((), device=device),
            augment_p=train.augment_p if train.augment != "none" else 0.0,
            dataset=dataset,
        )

    def step(self, name: str, pace: float = 1.0) -> None:
        """One step of a network's optimiser, at `pace` times its learning rate."""
        (group,) = self.optimizers[name].param_groups
        group["lr"] = group["initial_lr"] * pace
        self.optimizers[name].step()

    @torch.no_grad()
    def update_averages(self, config: Config) -> None:
        """Move G_ema and E_ema towards G and E (half-life in kimg); w_avg is copied."""
        train = config.train
        half_life = train.ema_kimg * 1000
        if train.ema_rampup is not None:
            half_life = min(half_life, (self.before + self.images) * train.ema_rampup)
        self.flat.average(1 - 0.5 ** (train.batch / max(half_life, 1e-8)))
        nets = self.networks
        nets.G_ema.mapping.w_avg.copy_(nets.G.mapping.w_avg)
        if nets.E_ema is not None:
            nets.E_ema.w_avg.copy_(nets.G.mapping.w_avg)

    def _moments(self) -> dict[str, Tensor]:
        tensors = {}
        for name, optimizer in self.optimizers.items():
            (state,) = optimizer.state.values() or ({},)
            for key, value in state.items():
                tensors[f"{name}/{key}"] = value.detach().to("cpu", copy=True)
        return tensors

    def save(self, folder: Path, config: Config) -> None:
        """Write networks, moments and numbers into `folder`, atomically, with their checksums."""
        with fsio.atomic_dir(folder) as temporary:
            self.networks.save(temporary / "networks")
            tensors = self._moments()
            tensors["pl_mean"] = self.pl_mean.detach().cpu().reshape(1).clone()
            write_tensors(tensors, temporary / _OPTIMIZERS)
            files = sorted(p for p in temporary.rglob("*") if p.is_file())
            manifest = {
                "format_version": STATE_FORMAT,
                **{key: getattr(self, key) for key in _NUMBERS},
                "dataset": self.dataset,
                "config": config.model_dump(mode="json"),
                "sha256": {str(p.relative_to(temporary)): fsio.sha256_file(p) for p in files},
            }
            fsio.write_json(temporary / "state.json", manifest | {"seal": _seal(manifest)})

    @classmethod
    @torch.no_grad()
    def load(cls, folder: Path, config: Config, device: torch.device, dataset: str) -> "TrainState":
        """Read what `save` wrote.

        Raises:
            DataError: a file is missing or differs from its checksum, or another version wrote it.
            TrainingError: it was trained with other networks or other training settings.
        """
        manifest = _sound(folder)
        _same_settings(folder, manifest.config, config)
        if manifest.dataset != dataset:
            raise TrainingError(
                f"{folder} was trained on other photos ({fsio.plain(manifest.dataset)}, now "
                f"{dataset})",
                "use another --out for a new run",
            )
        if manifest.images % config.train.batch:
            raise DataError(
                f"{folder / 'state.json'}: {manifest.images} images are no whole steps of "
                f"{config.train.batch}",
                _BEFORE,
            )
        networks = load_networks(folder / "networks", expect=config.net)
        state = cls.create(config, device, dataset)
        if networks.members().keys() != state.networks.members().keys():
            raise DataError(f"{folder}: networks {sorted(networks.members())}", _BEFORE)
        state.networks.load_state_dict(networks.state_dict())
        state.flat.refresh()
        state._load_moments(folder / _OPTIMIZERS)
        for key, kind in _NUMBERS.items():
            setattr(state, key, kind(getattr(manifest, key)))
        return state

    def _load_moments(self, path: Path) -> None:
        """Adam's moments and the mean path length, compared with the parameters first.

        Raises:
            DataError: they do not fit, or hold what Adam never does.
        """
        found, _ = read_header(path, _BEFORE)
        parts = {name: o.param_groups[0]["params"][0] for name, o in self.optimizers.items()}
        wanted: dict[str, tuple[int, ...]] = {"pl_mean": (1,)}
        for name, parameter in parts.items():
            if f"{name}/step" in found:  # absent before its first step
                shape = tuple(parameter.shape)
                wanted |= {f"{name}/{key}": () if key == "step" else shape for key in _MOMENTS}
        if wrong := compare(found, wanted, {"F32"}):
            raise DataError(f"{path} does not fit its networks: {wrong}", _BEFORE)
        tensors = read_tensors(path, _BEFORE)
        signed = [name for name in tensors if not name.endswith("/exp_avg")]
        if bad := [name for name in signed if float(tensors[name].min()) < 0]:
            raise DataError(f"{path}: {', '.join(bad)} below zero", _BEFORE)
        self.pl_mean.copy_(tensors["pl_mean"][0])
        for name, parameter in parts.items():
            if f"{name}/step" in tensors:
                self.optimizers[name].state[parameter] = {
                    key: tensors[f"{name}/{key}"].to(self.device) for key in _MOMENTS
                }


class _Manifest(Record):
    """state.json."""

    format_version: int
    images: int = Field(ge=0, lt=2**53)
    augment_p: float = Field(ge=0, le=1)
    sign_sum: float
    sign_count: int = Field(ge=0, lt=2**53)
    rollbacks: int = Field(ge=0, lt=1000)
    before: int = Field(0, ge=0, lt=2**53)
    warm: int = Field(0, ge=0, lt=2**53)
    dataset: str
    config: dict[str, Any]
    sha256: dict[str, str]
    seal: str


_NUMBERS: dict[str, type[int] | type[float]] = {
    "images": int, "augment_p": float, "sign_sum": float, "sign_count": int, "rollbacks": int,
    "before": int, "warm": int,
}  # fmt: skip


def _seal(manifest: dict[str, Any]) -> str:
    """A checksum of state.json's own content, so that a flipped bit in a number is seen too."""
    return fsio.digest_json({k: v for k, v in manifest.items() if k != "seal"})


def _sound(folder: Path) -> _Manifest:
    """state.json, after every file was compared with it."""
    path = folder / "state.json"
    values = fsio.read_object(path)
    version = values.get("format_version")
    if version != STATE_FORMAT:
        raise DataError(
            f"{folder}: checkpoint format {fsio.plain(repr(version))}, this limbeck reads "
            f"{STATE_FORMAT}",
            _BEFORE,
        )
    if values.get("seal") != _seal(values):
        raise DataError(f"{path} is damaged", _BEFORE)
    manifest = fsio.as_record(values, _Manifest, str(path), _BEFORE)
    if not _ALWAYS <= manifest.sha256.keys() <= _ALWAYS | _OTHERS:
        names = ", ".join(fsio.plain(name) for name in list(manifest.sha256)[:8])
        raise DataError(f"{path}: sha256 is of {names}", _BEFORE)
    for name, digest in manifest.sha256.items():
        if not (folder / name).exists() or fsio.sha256_file(folder / name) != digest:
            raise DataError(f"{folder / name} is damaged", _BEFORE)
    return manifest


def _same_settings(folder: Path, saved: dict[str, Any], config: Config) -> None:
    """Refuse to continue under settings that would make another run; its length may change."""
    now = config.model_dump(mode="json")
    if not all(isinstance(saved.get(section), dict) for section in ("net", "train")):
        raise DataError(f"{folder / 'state.json'}: config is no configuration", _BEFORE)
    differing = []
    for name, section in (("net", config.net), ("train", config.train)):
        before = _defaults(section) | saved[name]
        differing += [
            f"{name}.{key}: {before.get(key)!r} -> {value!r}"
            for key, value in now[name].items()
            if key not in FREE | {"kimg"} and before.get(key) != value
        ]
    if saved.get("seed") != now["seed"]:
        differing.append(f"seed: {saved.get('seed')} -> {now['seed']}")
    if differing:
        raise TrainingError(
            f"{folder} was trained with other settings: {fsio.plain('; '.join(differing))}",
            "use the same settings to resume, or another --out for a new run",
        )
