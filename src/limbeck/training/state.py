"""Everything that training changes, and its checkpoint: safetensors and JSON, whole or absent.

All randomness is a function of (seed, images seen), so the state is the networks, both averages,
the Adam moments and four numbers; N + M images straight equals N, kill, M to the bit.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from limbeck import fsio
from limbeck.config import Config
from limbeck.errors import DataError, TrainingError
from limbeck.nets import Networks, load_networks

STATE_FORMAT = 1


def adam(parameters: list[Tensor], lr: float, every: int) -> torch.optim.Adam:
    """Adam (0, 0.99), corrected for a lazy term every k steps: lr c, 0.99^c, c = k / (k + 1)."""
    c = every / (every + 1) if every > 1 else 1.0
    return torch.optim.Adam(parameters, lr=lr * c, betas=(0.0, 0.99**c), eps=1e-8, fused=True)


@dataclass
class TrainState:
    """What changes while training; `images` is the only clock."""

    networks: Networks
    optimizers: dict[str, torch.optim.Adam]
    images: int = 0
    augment_p: float = 0.0
    pl_mean: Tensor = field(default_factory=lambda: torch.zeros(()))
    sign_sum: float = 0.0
    sign_count: int = 0
    dataset: str = ""

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
        lazy = {
            "G": train.pl_every if train.pl_weight > 0 else 1,
            "D": train.r1_every if config.gamma() > 0 else 1,
            "E": 1,
        }
        optimizers = {}
        for name, every in lazy.items():
            module = getattr(networks, name)
            if module is not None:
                lr = train.lr * (train.encoder_lr_ratio if name == "E" else 1.0)
                optimizers[name] = adam(list(module.parameters()), lr, every)
        p = train.augment_p if train.augment != "none" else 0.0
        return cls(
            networks,
            optimizers,
            augment_p=p,
            pl_mean=torch.zeros((), device=device),
            dataset=dataset,
        )

    @torch.no_grad()
    def update_averages(self, config: Config) -> None:
        """Move G_ema and E_ema towards G and E; buffers are copied (half-life in kimg)."""
        train = config.train
        half_life = train.ema_kimg * 1000
        if train.ema_rampup is not None:
            half_life = min(half_life, self.images * train.ema_rampup)
        beta = 0.5 ** (train.batch / max(half_life, 1e-8))
        nets = self.networks
        pairs: list[tuple[torch.nn.Module | None, torch.nn.Module | None]] = [
            (nets.G, nets.G_ema),
            (nets.E, nets.E_ema),
        ]
        for live, mean in pairs:
            if live is None or mean is None:
                continue
            torch._foreach_lerp_(list(mean.parameters()), list(live.parameters()), 1 - beta)
            for source, target in zip(live.buffers(), mean.buffers(), strict=True):
                target.copy_(source)

    def _moments(self) -> dict[str, Tensor]:
        tensors = {}
        for name, optimizer in self.optimizers.items():
            for key, parameter in getattr(self.networks, name).named_parameters():
                for moment, value in optimizer.state.get(parameter, {}).items():
                    tensors[f"{name}/{key}/{moment}"] = value.detach().cpu().contiguous()
        return tensors

    def save(self, folder: Path, config: Config) -> None:
        """Write networks, moments and numbers into `folder`, atomically, with their checksums."""
        with fsio.atomic_dir(folder) as temporary:
            self.networks.save(temporary / "networks")
            tensors = self._moments()
            tensors["pl_mean"] = self.pl_mean.detach().cpu().reshape(1).clone()
            save_file(tensors, temporary / "optimizers.safetensors")
            files = sorted(p for p in temporary.rglob("*") if p.is_file())
            manifest = {
                "format_version": STATE_FORMAT,
                "images": self.images,
                "augment_p": self.augment_p,
                "sign_sum": self.sign_sum,
                "sign_count": self.sign_count,
                "dataset": self.dataset,
                "config": config.model_dump(mode="json"),
                "sha256": {str(p.relative_to(temporary)): fsio.sha256_file(p) for p in files},
            }
            (temporary / "state.json").write_text(json.dumps(manifest, indent=2))

    @classmethod
    @torch.no_grad()
    def load(cls, folder: Path, config: Config, device: torch.device, dataset: str) -> "TrainState":
        """Read what `save` wrote.

        Raises:
            DataError: a file is missing or differs from its checksum.
            TrainingError: it was trained with other networks or other training settings.
        """
        manifest = fsio.read_json(folder / "state.json")
        for name, digest in manifest["sha256"].items():
            path = folder / name
            if not path.exists() or fsio.sha256_file(path) != digest:
                raise DataError(f"{path} is damaged", "the checkpoint before it is used instead")
        _same_settings(folder, manifest["config"], config)
        if manifest["dataset"] != dataset:
            raise TrainingError(
                f"{folder} was trained on other photos ({manifest['dataset']}, now {dataset})",
                "use another --out for a new run",
            )
        state = cls.create(config, device, dataset)
        state.networks.load_state_dict(load_networks(folder / "networks").state_dict())
        tensors = load_file(folder / "optimizers.safetensors")
        state.pl_mean = tensors.pop("pl_mean").reshape(()).to(device)
        for name, optimizer in state.optimizers.items():
            for key, parameter in getattr(state.networks, name).named_parameters():
                prefix = f"{name}/{key}/"
                moments = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
                for moment, value in moments.items():
                    # The fused step walks raw memory: moments must have their parameter's strides.
                    optimizer.state[parameter][moment] = (
                        value.to(device)
                        if moment == "step"
                        else torch.empty_like(parameter).copy_(value)
                    )
        state.images = int(manifest["images"])
        state.augment_p = float(manifest["augment_p"])
        state.sign_sum = float(manifest["sign_sum"])
        state.sign_count = int(manifest["sign_count"])
        return state


def _same_settings(folder: Path, saved: dict[str, Any], config: Config) -> None:
    """Refuse to continue under settings that would make another run; its length may change."""
    now = config.model_dump(mode="json")
    free = {"kimg", "snapshot_kimg", "tick_kimg", "keep_snapshots"}
    differing = [
        f"{section}.{key}: {saved[section].get(key)!r} -> {value!r}"
        for section in ("net", "train")
        for key, value in now[section].items()
        if key not in free and saved[section].get(key) != value
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
