"""Cluster centres of a generator's latents, and how they lie on disk."""

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from limbeck import fsio
from limbeck.errors import DataError, UsageError
from limbeck.kit.distances import Points, squared_distances
from limbeck.kit.tensors import Stored, read_header, read_tensors
from limbeck.latents.marks import ModeMarks

_FORMAT = {"format": "limbeck-modes", "format_version": "4"}
_OLDER = [{**_FORMAT, "format_version": version} for version in ("1", "2", "3")]
_MAP = "map."  # tensors of version 2, a learned map w -> centre; not read
_DTYPES = {"centres": torch.float32, "embeddings": torch.float32, "sizes": torch.int64}
_BY_MARKS = ("targets", "numbers", "_never", "typical_drawn")
"""What is computed once and depends on marks."""
_TYPICAL = "typical"  # since version 4, where they were looked for
TYPICAL = 100_000
"""At most so many typical latents in a file."""
CENTRES, W_DIM, EMBEDDING = 8192, 4096, 1_000_000
"""At most so many centres in a file, numbers of a centre and of an embedding. Distances between all
centres then take 270 MB."""


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """16 hex of the sha256 over names, shapes, dtypes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class ModeCentres:
    """Cluster centres of a generator's latents.

    Attributes:
        centres: float32 [K, w_dim], the mean w of each cluster's members, the largest first.
        embeddings: float32 [K, D], LPIPS-AlexNet of the centres' images at 64 px.
        sizes: int64 [K], members of each cluster.
        typical: float32 [M, w_dim], latents whose images lie densest; None = not looked for.
        marks: what a person says of them; no part of the file or of `digest`.
    """

    centres: Tensor
    embeddings: Tensor
    sizes: Tensor
    typical: Tensor | None = None
    marks: ModeMarks = field(default_factory=ModeMarks)

    def __post_init__(self) -> None:
        shapes = [tuple(t.shape) for t in (self.centres, self.embeddings, self.sizes)]
        count = shapes[2][0] if shapes[2] else 0
        if [len(s) for s in shapes] != [2, 2, 1] or not count or {s[0] for s in shapes} != {count}:
            raise DataError(f"modes: shapes {shapes}, wanted [K, w_dim], [K, D], [K] with K >= 1")
        if self.typical is not None and (
            self.typical.ndim != 2 or not len(self.typical) or self.typical.shape[1] != shapes[0][1]
        ):
            raise DataError(f"modes: typical {tuple(self.typical.shape)}, wanted [M, w_dim]")
        for name, tensor in self._tensors().items():
            dtype = _DTYPES.get(name, torch.float32)
            if tensor.dtype != dtype:
                raise DataError(f"modes: {name} is {tensor.dtype}, wanted {dtype}")
            if not bool(torch.isfinite(tensor).all()):
                raise DataError(f"modes: {name} holds values that are not finite")
        if int(self.sizes.min()) < 0:
            raise DataError("modes: sizes holds a negative count")
        if fault := self.marks.fault(len(self)):
            raise DataError(f"marks of modes: {fault[1]}", "change the marks")

    def __len__(self) -> int:
        return len(self.sizes)

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

    @property
    def drawn(self) -> list[int]:
        """The modes that are targets of their own: not marked `never`, not merged into another."""
        left_out = self.marks.never | self.marks.merged.keys()
        return [mode for mode in range(len(self)) if mode not in left_out]

    @property
    def shown(self) -> list[int]:
        """`drawn` without the modes that a person hid."""
        return [mode for mode in self.drawn if mode not in self.marks.hidden]

    @cached_property
    def targets(self) -> Tensor:
        """float32 [K, w_dim], where truncation pulls what is like each mode: its centre.

        Of modes that count as one, the mean w of their members.
        """
        found = self.centres.clone() if self.marks.merged else self.centres
        for goal in set(self.marks.merged.values()):
            group = [goal, *(mode for mode, to in self.marks.merged.items() if to == goal)]
            sizes = self.sizes[group].double()
            share = sizes if float(sizes.sum()) else torch.ones_like(sizes)
            mean = (share / share.sum()) @ self.centres[group].double()
            found[group] = mean.float()
        return found

    @cached_property
    def numbers(self) -> Tensor:
        """int64 [K], the mode that each counts as: itself, or the one it is merged into."""
        counted = [self.marks.merged.get(mode, mode) for mode in range(len(self))]
        return torch.tensor(counted, device=self.centres.device)

    @cached_property
    def _never(self) -> Tensor:
        return torch.tensor(sorted(self.marks.never), device=self.centres.device, dtype=torch.int64)

    def nearest(self, embeddings: Tensor) -> Tensor:
        """LPIPS embeddings float32 [N, D] -> int64 [N], the mode whose image is nearest.

        None that is marked `never`; a merged one by its own number (see `numbers`).

        Raises:
            DataError: as `distances`.
        """
        return self._nearest(self.distances(embeddings))

    def nearest_w(self, w: Tensor) -> Tensor:
        """float [N, w_dim] -> int64 [N], as `nearest`, by the centre nearest in W."""
        return self._nearest(squared_distances(w, self.centres))

    def _nearest(self, distances: Tensor) -> Tensor:
        if self.marks.never:
            distances = distances.index_fill(1, self._never, torch.inf)
        return distances.argmin(1)

    @cached_property
    def typical_drawn(self) -> Tensor | None:
        """`typical` without latents whose nearest centre in W is of a mode marked `never`.

        Float32 [M', w_dim]; None = there are none.
        """
        if self.typical is None or not self.marks.never:
            return self.typical
        nearest = squared_distances(self.typical, self.centres).argmin(1)
        found = self.typical[~torch.isin(nearest, self._never)]
        return found if len(found) else None

    def counted(self, mode: int) -> int:
        """The mode that a mode named by a person counts as.

        Raises:
            UsageError: there is none of that number, or a person marked it `never`.
        """
        if not 0 <= mode < len(self):
            raise UsageError(f"there is no mode {mode}", f"give a mode from 0 to {len(self) - 1}")
        if mode in self.marks.never:
            where = f" in {self.marks.where}" if self.marks.where else ""
            raise UsageError(
                f"mode {mode} is not drawn: somebody marked it `never`{where}",
                f"give another mode, or take the mark away (`limbeck modes ... --clear {mode}`)",
            )
        return self.marks.merged.get(mode, mode)

    def to(self, device: torch.device | str) -> "ModeCentres":
        """The same centres on another device; themselves where they lie there already."""
        if self.centres.device == torch.device(device):
            return self
        moved = {name: one.to(device) for name, one in self._tensors().items()}
        return ModeCentres(**moved, marks=self.marks)

    def _tensors(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {name: getattr(self, name) for name in _DTYPES}
        return found if self.typical is None else {**found, _TYPICAL: self.typical}

    def with_marks(self, marks: ModeMarks) -> "ModeCentres":
        """The same centres with other marks. The tensors are shared, and not looked at again.

        Raises:
            DataError: the marks do not go together.
        """
        if fault := marks.fault(len(self)):
            raise DataError(f"marks of modes: {fault[1]}", "change the marks")
        made = copy.copy(self)
        for name in _BY_MARKS:
            vars(made).pop(name, None)
        vars(made)["marks"] = marks
        return made

    @cached_property
    def _named(self) -> str:
        return tensors_digest(self._tensors())

    def digest(self) -> str:
        """16 hex that name these centres, whatever their marks."""
        return self._named

    def drawing_digest(self) -> str:
        """16 hex that name what is drawn by them: `digest`, and where marks change it another."""
        marks = self.marks.drawing.digest()
        return self.digest() if not marks else fsio.digest_json([self.digest(), marks])

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
        header = {name: one for name, one in header.items() if not name.startswith(_MAP)}
        if metadata not in (_FORMAT, *_OLDER) or header.keys() - {_TYPICAL} != _DTYPES.keys():
            names = ", ".join(fsio.plain(name) for name in sorted(header)[:_NAMED])
            raise DataError(
                f"{path} is not a file of modes: {fsio.plain(repr(metadata))}, tensors {names}",
                "give modes.safetensors made by `limbeck modes`",
            )
        _check_header(path, header)
        stored = read_tensors(path, _AGAIN)
        tensors = {name: stored[name] for name in header}
        if not 0 < sum(tensors["sizes"].tolist()) < 2**53:
            raise DataError(f"{path}: sizes are no counts of members", _AGAIN)
        if tensors["embeddings"].dtype == torch.float16:
            tensors["embeddings"] = tensors["embeddings"].float()
        try:
            return cls(
                tensors["centres"], tensors["embeddings"], tensors["sizes"], tensors.get(_TYPICAL)
            )
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
    if _TYPICAL in header:
        shape = header[_TYPICAL].shape
        if len(shape) != 2 or shape[1] != w_dim or not 0 < shape[0] <= TYPICAL:
            raise DataError(
                f"{path}: typical latents {shape}, wanted [M, {w_dim}], M from 1 to {TYPICAL}",
                _AGAIN,
            )
    if not (0 < count <= CENTRES and 0 < w_dim <= W_DIM and 0 < width <= EMBEDDING):
        raise DataError(
            f"{path}: {count} centres of {w_dim} numbers with embeddings of {width}, the limits "
            f"are {CENTRES}, {W_DIM} and {EMBEDDING}",
            _AGAIN,
        )
    kinds = {
        "centres": ("F32",), "embeddings": ("F32", "F16"), "sizes": ("I64",), _TYPICAL: ("F32",),
    }  # fmt: skip
    for name, stored in header.items():
        if stored.dtype not in kinds[name]:
            raise DataError(f"{path}: {fsio.plain(name)} is {stored.dtype}", _AGAIN)
