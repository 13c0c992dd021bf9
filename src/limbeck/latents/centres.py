"""Cluster centres of a generator's latents, and how they lie on disk."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from limbeck import fsio
from limbeck.errors import DataError

SOFTNESS = 0.1
"""Default tau of multimodal-soft, as a share of the median distance between nearest centres."""

_FORMAT = {"format": "limbeck-modes", "format_version": "1"}
_DTYPES = {"centres": torch.float32, "embeddings": torch.float32, "sizes": torch.int64}


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """[N, D], [M, D] -> |a_i - b_j|^2 [N, M], >= 0; both are moved by b's mean for accuracy."""
    middle = b.mean(0)
    a, b = a - middle, b - middle
    return ((a**2).sum(1, keepdim=True) + (b**2).sum(1) - 2 * (a @ b.T)).clamp_min(0)


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """16 hex of the sha256 over names, shapes, dtypes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class ModeCentres:
    """Cluster centres of a generator's latents.

    Attributes:
        centres: float32 [K, w_dim], the mean w of each cluster's members, the largest first.
        embeddings: float32 [K, D], LPIPS-AlexNet of the centres' pictures at 64 px.
        sizes: int64 [K], members of each cluster.
    """

    centres: Tensor
    embeddings: Tensor
    sizes: Tensor

    def __post_init__(self) -> None:
        shapes = [tuple(t.shape) for t in (self.centres, self.embeddings, self.sizes)]
        count = shapes[2][0] if shapes[2] else 0
        if [len(s) for s in shapes] != [2, 2, 1] or not count or {s[0] for s in shapes} != {count}:
            raise DataError(f"modes: shapes {shapes}, wanted [K, w_dim], [K, D], [K] with K >= 1")
        for name, dtype in _DTYPES.items():
            tensor: Tensor = getattr(self, name)
            if tensor.dtype != dtype:
                raise DataError(f"modes: {name} is {tensor.dtype}, wanted {dtype}")
            if not bool(torch.isfinite(tensor).all()):
                raise DataError(f"modes: {name} holds values that are not finite")
        if int(self.sizes.min()) < 0:
            raise DataError("modes: sizes holds a negative count")

    def __len__(self) -> int:
        return len(self.sizes)

    def tau(self) -> float:
        """Default softness of multimodal-soft, in LPIPS units.

        0.1 x the median over centres of the LPIPS to the nearest other centre; 0 (hard) for one.
        """
        if len(self) == 1:
            return 0.0
        distances = squared_distances(self.embeddings, self.embeddings).fill_diagonal_(torch.inf)
        return SOFTNESS * float(distances.min(1).values.median())

    def to(self, device: torch.device | str) -> "ModeCentres":
        """The same centres on another device."""
        return ModeCentres(
            self.centres.to(device), self.embeddings.to(device), self.sizes.to(device)
        )

    def digest(self) -> str:
        """16 hex that name these centres."""
        return tensors_digest({name: getattr(self, name) for name in _DTYPES})

    def save(self, path: Path) -> None:
        """Write one safetensors file, atomically."""
        tensors = {name: getattr(self, name).cpu().contiguous() for name in _DTYPES}
        with fsio.atomic_file(path) as temporary:
            temporary.write_bytes(save(tensors, metadata=_FORMAT))

    @classmethod
    def load(cls, path: Path) -> "ModeCentres":
        """Read what `save` wrote, on the CPU.

        Raises:
            DataError: missing, damaged, of another format, or with other tensors.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        except (OSError, SafetensorError) as error:
            raise DataError(
                f"cannot read modes from {path}: {error}", "run `limbeck modes` again"
            ) from error
        if metadata != _FORMAT or tensors.keys() != _DTYPES.keys():
            raise DataError(
                f"{path} is not a file of modes: {metadata}, tensors {sorted(tensors)}",
                "give modes.safetensors made by `limbeck modes`",
            )
        return cls(**tensors)
