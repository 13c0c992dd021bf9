"""Everything that training changes, and its checkpoint: safetensors and JSON, whole or absent.

All randomness is a function of (seed, images seen), so the state is the networks, both averages,
the Adam moments and a few numbers; N + M images straight equals N, kill, M to the bit.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from limbeck import fsio
from limbeck.config import Config
from limbeck.errors import DataError, TrainingError
from limbeck.kit.device import compute_dtype
from limbeck.kit.tensors import write_tensors
from limbeck.nets import Flat, Networks, load_networks

STATE_FORMAT = 2
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")
# Settings of `train` that may change from session to session: they do not change the networks.
FREE = {
    "snapshot_kimg", "tick_kimg", "keep_snapshots", "quality_images", "timeout", "microbatch",
    "tensorboard",
}  # fmt: skip


def adam(parameter: Tensor, lr: float, every: int) -> torch.optim.Adam:
    """Adam (0, 0.99), corrected for a lazy term every k steps: lr c, 0.99^c, c = k / (k + 1)."""
    c = every / (every + 1) if every > 1 else 1.0
    return torch.optim.Adam([parameter], lr=lr * c, betas=(0.0, 0.99**c), eps=1e-8, fused=True)


@dataclass
class TrainState:
    """What changes while training; `images` is the only clock.

    Attributes:
        networks: with their convolutions' dtype set.
        flat: the buffers that their parameters live in.
        optimizers: by network; each steps one slice of `flat.value`.
        rollbacks: how often a NaN was rolled back; other randomness after each.
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
        networks = Networks.create(config.net, config.seed, encoder=train.encoder).to(device)
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
            if getattr(networks, name) is not None:
                parameter = torch.nn.Parameter(flat.value[flat.part([name])])
                parameter.grad = flat.grad[flat.part([name])]
                lr = train.lr * (train.encoder_lr_ratio if name == "E" else 1.0)
                optimizers[name] = adam(parameter, lr, every)
        return cls(
            networks,
            flat,
            optimizers,
            pl_mean=torch.zeros((), device=device),
            augment_p=train.augment_p if train.augment != "none" else 0.0,
            dataset=dataset,
        )

    @torch.no_grad()
    def update_averages(self, config: Config) -> None:
        """Move G_ema and E_ema towards G and E (half-life in kimg); w_avg is copied."""
        train = config.train
        half_life = train.ema_kimg * 1000
        if train.ema_rampup is not None:
            half_life = min(half_life, self.images * train.ema_rampup)
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
            write_tensors(tensors, temporary / "optimizers.safetensors")
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
        manifest = fsio.read_json(folder / "state.json")
        _sound(folder, manifest)
        _same_settings(folder, manifest["config"], config)
        if manifest["dataset"] != dataset:
            raise TrainingError(
                f"{folder} was trained on other photos ({manifest['dataset']}, now {dataset})",
                "use another --out for a new run",
            )
        state = cls.create(config, device, dataset)
        state.networks.load_state_dict(load_networks(folder / "networks").state_dict())
        state.flat.refresh(list(state.optimizers))
        tensors = load_file(folder / "optimizers.safetensors")
        state.pl_mean.copy_(tensors["pl_mean"][0])
        for name, optimizer in state.optimizers.items():
            (parameter,) = optimizer.param_groups[0]["params"]
            if f"{name}/step" in tensors:
                optimizer.state[parameter] = {
                    key: tensors[f"{name}/{key}"].to(device) for key in _MOMENTS
                }
        for key, kind in _NUMBERS.items():
            setattr(state, key, kind(manifest[key]))
        return state


_NUMBERS: dict[str, type[int] | type[float]] = {
    "images": int, "augment_p": float, "sign_sum": float, "sign_count": int, "rollbacks": int,
}  # fmt: skip


def _seal(manifest: dict[str, Any]) -> str:
    """A checksum of state.json's own content, so that a flipped bit in a number is seen too."""
    return fsio.digest_json({k: v for k, v in manifest.items() if k != "seal"})


def _sound(folder: Path, manifest: Any) -> None:
    before = "the checkpoint before it is used instead"
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if version != STATE_FORMAT:
        raise DataError(
            f"{folder}: checkpoint format {version}, this limbeck reads {STATE_FORMAT}", before
        )
    if manifest.get("seal") != _seal(manifest):
        raise DataError(f"{folder / 'state.json'} is damaged", before)
    for name, digest in manifest["sha256"].items():
        path = folder / name
        if not path.exists() or fsio.sha256_file(path) != digest:
            raise DataError(f"{path} is damaged", before)


def _same_settings(folder: Path, saved: dict[str, Any], config: Config) -> None:
    """Refuse to continue under settings that would make another run; its length may change."""
    now = config.model_dump(mode="json")
    differing = [
        f"{section}.{key}: {saved[section].get(key)!r} -> {value!r}"
        for section in ("net", "train")
        for key, value in now[section].items()
        if key not in FREE | {"kimg"} and saved[section].get(key) != value
    ]
    if saved["seed"] != now["seed"]:
        differing.append(f"seed: {saved['seed']} -> {now['seed']}")
    if differing:
        raise TrainingError(
            f"{folder} was trained with other settings: {'; '.join(differing)}",
            "use the same settings to resume, or another --out for a new run",
        )


def snapshots(out: Path, kind: str) -> list[tuple[int, Path]]:
    """(images, folder) of `nets-*` or `state-*` in `out`, oldest first."""
    found = [(int(p.name.split("-")[1]), p) for p in out.glob(f"{kind}-*") if p.is_dir()]
    return sorted(found)
