"""Cluster centres of a generator's latents, the map to them, and how they lie on disk."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.kit.distances import Points
from limbeck.kit.tensors import Stored, read_header, read_tensors

SOFTNESS = 0.1
"""Default tau of multimodal-soft, as a share of the median distance between nearest centres."""

_FORMAT = {"format": "limbeck-modes", "format_version": "2"}
_OLDER = {"format": "limbeck-modes", "format_version": "1"}  # the same without a map
_DTYPES = {"centres": torch.float32, "embeddings": torch.float32, "sizes": torch.int64}
_MAP = "map."
CENTRES, W_DIM, EMBEDDING = 8192, 4096, 1_000_000
"""At most so many centres in a file, numbers of a centre and of an embedding. Distances between all
centres then take 270 MB."""


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """16 hex of the sha256 over names, shapes, dtypes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class CentreMap:
    """A learned map w -> centre, which saves the synthesis pass of multimodal-lpips.

    A small network: standardised w, fully connected layers with ReLU between them, one logit a
    centre. All tensors are float32.

    Attributes:
        mean: [w_dim], taken from w.
        scale: [w_dim], > 0; w - mean is divided by it.
        weights: [out, in] of each layer; the first takes w_dim, the last gives K.
        biases: [out] of each layer.
    """

    mean: Tensor
    scale: Tensor
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        widths = [tuple(self.mean.shape)] + [tuple(bias.shape) for bias in self.biases]
        shapes = [tuple(weight.shape) for weight in self.weights]
        wanted = [(*b, *a) for a, b in pairwise(widths)]
        flat = all(len(width) == 1 for width in widths)
        if not shapes or not flat or shapes != wanted or self.scale.shape != self.mean.shape:
            raise DataError(
                f"modes: the map has weights {shapes}, biases {widths[1:]}, mean {widths[0]}, "
                f"scale {tuple(self.scale.shape)}, which do not fit one another"
            )
        for name, tensor in self.tensors().items():
            if tensor.dtype != torch.float32:
                raise DataError(f"modes: {name} is {tensor.dtype}, wanted torch.float32")
            if not bool(torch.isfinite(tensor).all()):
                raise DataError(f"modes: {name} holds values that are not finite")
        if not bool((self.scale > 0).all()):
            raise DataError("modes: map.scale holds a value that is not positive")

    def choose(self, w: Tensor) -> Tensor:
        """Float [N, w_dim] -> int64 [N], the centre that the map takes for perceptually nearest."""
        x = (w.float() - self.mean) / self.scale
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = F.linear(x if number == 0 else x.relu(), weight, bias)
        return x.argmax(1)

    def to(self, device: torch.device | str) -> "CentreMap":
        """The same map on another device."""
        return self.of({name: tensor.to(device) for name, tensor in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """Name on disk -> tensor: `map.mean`, `map.scale`, `map.weight0`, `map.bias0`, ..."""
        found = {f"{_MAP}mean": self.mean, f"{_MAP}scale": self.scale}
        found |= {f"{_MAP}weight{number}": weight for number, weight in enumerate(self.weights)}
        return found | {f"{_MAP}bias{number}": bias for number, bias in enumerate(self.biases)}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> "CentreMap":
        """The map that `tensors()` described.

        Raises:
            DataError: a tensor is missing, too many, or of another shape.
        """
        layers = range(sum(name.startswith(f"{_MAP}weight") for name in tensors))
        names = [f"{_MAP}{kind}{layer}" for kind in ("weight", "bias") for layer in layers]
        if tensors.keys() != {f"{_MAP}mean", f"{_MAP}scale", *names}:
            raise DataError(f"modes: these tensors are no map: {sorted(tensors)}")
        return cls(
            tensors[f"{_MAP}mean"], tensors[f"{_MAP}scale"],
            tuple(tensors[f"{_MAP}weight{layer}"] for layer in layers),
            tuple(tensors[f"{_MAP}bias{layer}"] for layer in layers),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class ModeCentres:
    """Cluster centres of a generator's latents.

    Attributes:
        centres: float32 [K, w_dim], the mean w of each cluster's members, the largest first.
        embeddings: float32 [K, D], LPIPS-AlexNet of the centres' images at 64 px.
        sizes: int64 [K], members of each cluster.
        map: learned map w -> centre for multimodal-map, or None.
    """

    centres: Tensor
    embeddings: Tensor
    sizes: Tensor
    map: CentreMap | None = None

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
        if self.map is not None:
            ends = (len(self.map.mean), len(self.map.biases[-1]))
            if ends != (self.centres.shape[1], count):
                raise DataError(
                    f"modes: the map takes {ends[0]} numbers to {ends[1]} centres, wanted "
                    f"{self.centres.shape[1]} to {count}"
                )

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def tau(self) -> float:
        """Default softness of multimodal-soft, in LPIPS units.

        0.1 x the median over centres of the LPIPS to the nearest other centre; 0 (hard) for one.
        """
        if len(self) == 1:
            return 0.0
        distances = self.distances(self.embeddings).fill_diagonal_(torch.inf)
        return SOFTNESS * float(distances.min(1).values.median())

    @cached_property
    def _points(self) -> Points:
        return Points.of(self.embeddings)

    def distances(self, embeddings: Tensor) -> Tensor:
        """LPIPS embeddings float32 [N, D] -> LPIPS to each centre's image, float32 [N, K].

        LPIPS is a squared distance of embeddings, so this is one matrix product
        (docs/method.md, 'Algebra').

        Raises:
            DataError: the centres' embeddings are of another width.
        """
        if embeddings.shape[1] != self.embeddings.shape[1]:
            raise DataError(
                f"modes: embeddings of the centres have {self.embeddings.shape[1]} numbers, LPIPS "
                f"gives {embeddings.shape[1]}",
                "run `limbeck modes` again",
            )
        return self._points.distances(embeddings)

    def to(self, device: torch.device | str) -> "ModeCentres":
        """The same centres on another device; themselves where they lie there already."""
        if self.centres.device == torch.device(device):
            return self
        return ModeCentres(
            self.centres.to(device), self.embeddings.to(device), self.sizes.to(device),
            None if self.map is None else self.map.to(device),
        )  # fmt: skip

    def _tensors(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {name: getattr(self, name) for name in _DTYPES}
        return found | ({} if self.map is None else self.map.tensors())

    def digest(self) -> str:
        """16 hex that name these centres and their map."""
        return tensors_digest(self._tensors())

    def save(self, path: Path, *, half: bool = False) -> None:
        """Write one safetensors file, atomically; `half` stores the embeddings in float16.

        They are most of it. A half file loads as float32 and gives the same centres; where two are
        all but equally near, the other one may be chosen.
        """
        tensors = {name: tensor.cpu().contiguous() for name, tensor in self._tensors().items()}
        if half:
            tensors["embeddings"] = tensors["embeddings"].half()
        with fsio.atomic_file(path) as temporary:
            temporary.write_bytes(save(tensors, metadata=_FORMAT))

    @classmethod
    def load(cls, path: Path) -> "ModeCentres":
        """Read what `save` wrote, on the CPU.

        Raises:
            DataError: missing, damaged, of another format, or with other tensors.
        """
        header, metadata = read_header(path, _AGAIN)
        chooser = any(name.startswith(_MAP) for name in header)
        known = metadata == _FORMAT or (metadata == _OLDER and not chooser)
        if not known or {n for n in header if not n.startswith(_MAP)} != _DTYPES.keys():
            names = ", ".join(fsio.plain(name) for name in sorted(header)[:_NAMED])
            raise DataError(
                f"{path} is not a file of modes: {fsio.plain(repr(metadata))}, tensors {names}",
                "give modes.safetensors made by `limbeck modes`",
            )
        _check_header(path, header)
        tensors = read_tensors(path, _AGAIN)
        if not 0 < sum(tensors["sizes"].tolist()) < 2**53:
            raise DataError(f"{path}: sizes are no counts of members", _AGAIN)
        if tensors["embeddings"].dtype == torch.float16:
            tensors["embeddings"] = tensors["embeddings"].float()
        found = {name: tensors.pop(name) for name in list(tensors) if name.startswith(_MAP)}
        try:
            return cls(**tensors, map=CentreMap.of(found) if found else None)
        except DataError as error:
            raise DataError(f"{path}: {error.what}", _AGAIN) from None


_AGAIN = "run `limbeck modes` again"
_NAMED = 8


def _check_header(path: Path, header: Mapping[str, Stored]) -> None:
    """See before anything is read that the tensors fit one another and are not absurdly many."""
    shapes = [header[name].shape for name in _DTYPES]
    if [len(shape) for shape in shapes] != [2, 2, 1] or len({shape[0] for shape in shapes}) != 1:
        raise DataError(
            f"{path}: shapes {shapes}, wanted [K, w_dim], [K, D], [K] with K >= 1", _AGAIN
        )
    (count, w_dim), (_, width), _ = shapes
    if not (0 < count <= CENTRES and 0 < w_dim <= W_DIM and 0 < width <= EMBEDDING):
        raise DataError(
            f"{path}: {count} centres of {w_dim} numbers with embeddings of {width}, the limits "
            f"are {CENTRES}, {W_DIM} and {EMBEDDING}",
            _AGAIN,
        )
    kinds = {"centres": ("F32",), "embeddings": ("F32", "F16"), "sizes": ("I64",)}
    for name, stored in header.items():
        if stored.dtype not in kinds.get(name, ("F32",)):
            raise DataError(f"{path}: {fsio.plain(name)} is {stored.dtype}", _AGAIN)
