"""Classes of a class-conditional generator: which are drawn, and how often.

Unless somebody asks for a class, images are drawn as often as photos of that class were trained
on, so that generated images and photos have the same composition.
"""

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck.errors import UsageError
from limbeck.kit.rng import generator
from limbeck.latents.requests import is_whole
from limbeck.nets import AnyNet, Mapping

ClassDraw = Literal["natural", "uniform"]
Labels = ClassDraw | Sequence[int | str] | Tensor | NDArray[Any]
"""`natural`: as often as in training; `uniform`: all alike; or a number or name for each seed."""

_CENTRE = 4096  # latents of a class whose mean is its centre


def shares(net: AnyNet, how: ClassDraw = "natural") -> Tensor:
    """float64 [num_classes], sum 1: how often each class is drawn.

    Networks that do not know how many photos a class had (`net.class_photos`) draw all alike.
    """
    counts = torch.tensor(net.class_photos or [1] * net.num_classes, dtype=torch.float64)
    if how == "uniform":
        counts = torch.ones_like(counts)
    return counts / counts.sum()


def draw_classes(net: AnyNet, count: int, random: torch.Generator) -> Tensor | None:
    """int64 [count] by natural frequency, on the CPU; None where there are no classes."""
    if not net.num_classes or not count:
        return torch.zeros(0, dtype=torch.int64) if net.num_classes else None
    return torch.multinomial(shares(net), count, replacement=True, generator=random)


def classes_of(seeds: Sequence[int], net: AnyNet, labels: Labels = "natural") -> Tensor | None:
    """int64 [N] class of each seed; None without classes.

    What is drawn for a seed depends on that seed alone.

    Args:
        seeds: checked already.
        net: of the generator.
        labels: how classes are drawn, or the class of each seed by number or name.

    Raises:
        UsageError: labels for a generator without classes, or labels that do not fit.
    """
    if isinstance(labels, str):
        if labels not in ("natural", "uniform"):
            raise UsageError(
                f"no way {labels!r} to draw classes", "give natural, uniform, or a label per seed"
            )
        if net.num_classes == 0:
            return None
        edges = shares(net, cast(ClassDraw, labels)).cumsum(0)
        coins = [
            torch.rand(1, generator=generator("class", seed), dtype=torch.float64) for seed in seeds
        ]
        found = torch.searchsorted(edges, torch.cat(coins)) if coins else torch.zeros(0)
        return found.clamp_max(net.num_classes - 1).long()
    if net.num_classes == 0:
        raise UsageError(
            "labels were given, but the generator has no classes", "leave the labels out"
        )
    given: Sequence[Any] = (
        labels.tolist() if isinstance(labels, Tensor | np.ndarray) else list(labels)
    )
    chosen = [class_number(label, net) for label in given]
    if len(chosen) != len(seeds):
        raise UsageError(
            f"{len(chosen)} labels for {len(seeds)} seeds", "give one label for each seed"
        )
    return torch.tensor(chosen, dtype=torch.int64)


def class_number(label: int | str, net: AnyNet) -> int:
    """The class of this name or number.

    Raises:
        UsageError: there is none.
    """
    if isinstance(label, str) and label in net.class_names:
        return net.class_names.index(label)
    if isinstance(label, str) and label.isdecimal():
        label = int(label)
    if isinstance(label, str) or not is_whole(label) or not 0 <= label < net.num_classes:
        names = f": {', '.join(net.class_names[:8])}" if net.class_names else ""
        more = ", ..." if len(net.class_names) > 8 else ""
        raise UsageError(
            f"no class {label!r}",
            f"give a number from 0 to {net.num_classes - 1}"
            + (f" or a name{names}{more}" if names else ""),
        )
    return int(label)


@torch.no_grad()
def typical_w(mapping: Mapping, net: AnyNet, classes: Tensor | None) -> Tensor:
    """Where global truncation pulls: `w_avg` [w_dim], or each row's own class's mean [N, w_dim].

    A mean over all classes is no class's typical image, so each has its own: the mean of w over
    the same 4,096 z.

    Args:
        mapping: of the generator.
        net: its shapes.
        classes: int64 [N], or None where there are none.
    """
    if classes is None:
        return mapping.w_avg
    device = mapping.w_avg.device
    z = torch.randn(_CENTRE, net.z_dim, generator=generator("typical")).to(device)
    which, rows = torch.unique(classes.to(device), return_inverse=True)
    means = [mapping.w(z, c.expand(len(z))).float().mean(0) for c in which]
    return torch.stack(means)[rows] if means else mapping.w_avg.expand(0, -1)
