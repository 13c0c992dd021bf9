"""Truncation as pure functions: w' = t + psi (w - t), and the choice of the target t.

The paper's idea (arXiv 2202.12211): t is not the one global mean but the perceptually nearest
cluster centre. Names and variants: docs/method.md, 'Truncation by name'.
"""

from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor

from limbeck.config import Truncation
from limbeck.errors import UsageError
from limbeck.kit.distances import squared_distances
from limbeck.latents.centres import ModeCentres
from limbeck.latents.requests import Psi


@dataclass(frozen=True)
class Target:
    """Where truncation pulls: `w` float [N, w_dim] or [w_dim]; `modes` int64 [N], or None."""

    w: Tensor
    modes: Tensor | None = None


def truncate(w: Tensor, psi: Psi, target: Tensor) -> Tensor:
    """w' = t + psi (w - t), exactly w at psi 1 and exactly t at psi 0.

    Args:
        w: float [N, w_dim], or [N, num_ws, w_dim].
        psi: 0 to 1; with several layers also one for each.
        target: float that expands to w's shape.
    """
    if isinstance(psi, float | int):
        return torch.lerp(target.expand_as(w), w, float(psi))
    strengths = torch.tensor(list(psi), dtype=w.dtype, device=w.device)[:, None]
    return torch.lerp(target.expand_as(w), w, strengths.expand_as(w))


def nearest_l2(w: Tensor, centres: Tensor) -> Tensor:
    """Float [N, w_dim], [K, w_dim] -> int64 [N], the centre nearest in W."""
    return squared_distances(w, centres).argmin(1)


def nearest_embedding(embeddings: Tensor, centre_embeddings: Tensor) -> Tensor:
    """LPIPS embeddings [N, D], [K, D] -> int64 [N], the perceptually nearest centre.

    LPIPS is a squared distance of embeddings, so this is one matrix product.
    """
    return squared_distances(embeddings, centre_embeddings).argmin(1)


def needs_pictures(truncation: Truncation) -> bool:
    """Whether the target depends on what G(w) looks like (and so needs an embedder)."""
    return truncation == "multimodal-lpips"


def target_for(
    truncation: Truncation,
    w: Tensor,
    *,
    w_avg: Tensor,
    modes: ModeCentres | None = None,
    embeddings: Tensor | None = None,
    mode_index: int | None = None,
) -> Target:
    """The target of each w, by method; `none` is w itself.

    Args:
        truncation: `none`, `global` (w_avg), `index` (centre `mode_index`), `multimodal-l2` (centre
            nearest in W), `multimodal-lpips` (centre whose image is nearest; the paper's),
            `multimodal-typical` (typical latent nearest in W; its mode is the nearest centre's).
        w: float [N, w_dim].
        w_avg: float [w_dim], or a row for each w.
        modes: needed by all but `none` and `global`. Marks in it are honoured: none marked
            `never` is a target, and merged modes have one target and one number.
        embeddings: float [N, D], LPIPS of G(w) at 64 px; needed where `needs_pictures`.
        mode_index: for `index`.

    Raises:
        UsageError: an unknown method, or something it needs is missing or out of range; `index` at
            a mode marked `never`.
    """
    if truncation == "none":
        return Target(w)
    if truncation == "global":
        return Target(w_avg)
    if truncation not in get_args(Truncation):
        raise UsageError(f"no truncation {truncation!r}", "see `limbeck sample --help`")
    if modes is None:
        raise UsageError(
            f"truncation {truncation!r} needs modes", "run `limbeck modes`, or use 'global'"
        )
    if modes.centres.shape[1] != w.shape[1]:
        raise UsageError(
            f"the modes' centres have {modes.centres.shape[1]} numbers, the generator's w "
            f"{w.shape[1]}",
            "give the modes of this generator",
        )
    if truncation == "index":
        if mode_index is None:
            raise UsageError(
                "truncation 'index' without a mode", f"give a mode from 0 to {len(modes) - 1}"
            )
        chosen = torch.full((len(w),), modes.counted(mode_index), device=w.device)
    elif truncation == "multimodal-typical":
        goals = _typical(modes, w)
        return Target(goals, modes.numbers[modes.nearest_w(goals)])
    elif truncation == "multimodal-l2":
        chosen = modes.nearest_w(w)
    elif embeddings is None:
        raise UsageError(f"truncation {truncation!r} needs the images' LPIPS embeddings")
    else:
        chosen = modes.nearest(embeddings)
    return Target(modes.targets[chosen], modes.numbers[chosen])


def _typical(modes: ModeCentres, w: Tensor) -> Tensor:
    """The typical latent nearest to each w, float32 [N, w_dim]."""
    typical = modes.typical_drawn
    if typical is None:
        raise UsageError(
            "truncation 'multimodal-typical' needs typical latents, and these modes have none"
            + (" but of those marked `never`" if modes.typical is not None else ""),
            "run `limbeck modes` again, or use another truncation",
        )
    return typical[nearest_l2(w, typical)]
