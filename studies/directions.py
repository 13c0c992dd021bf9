"""`python -m studies directions`: what the strongest directions of each method do.

Every method's directions lie in a folder of their own; the same call goes on where it stopped.
"""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from limbeck import fsio, logs
from limbeck.editing import RANGES, Directions, DirectionSettings, find_directions, steered
from limbeck.editing.directions import (
    Candidate,
    Effects,
    Observer,
    along,
    grounds_for,
    strongest,
)
from limbeck.kit.device import machine
from limbeck.kit.images import to_float
from limbeck.kit.rng import generator
from limbeck.latents import HoldsGenerator, ModeCentres, images_of_seeds
from limbeck.percept import LPIPS

_BATCH = 16


def _lower_green(x: Tensor) -> Tensor:
    low = x[:, :, x.shape[2] * 2 // 3 :]
    return (low[:, 1] - (low[:, 0] + low[:, 2]) / 2).mean((1, 2))


def _centre(x: Tensor) -> Tensor:
    quarter = x.shape[2] // 4
    inner = x[:, :, quarter:-quarter, quarter:-quarter].mean((1, 2, 3))
    return inner - x.mean((1, 2, 3))


PROPERTIES: dict[str, Callable[[Tensor], Tensor]] = {
    "brightness": lambda x: x.mean((1, 2, 3)),
    "redness": lambda x: (x[:, 0] - (x[:, 1] + x[:, 2]) / 2).mean((1, 2)),
    "grass": _lower_green,
    "centre": _centre,
    "detail": lambda x: (x[..., 1:] - x[..., :-1]).abs().mean((1, 2, 3)),
}
"""What is measured of images float [N, 3, S, S] in [-1, 1], float [N]: labels that nobody gave."""


def study_directions(
    networks: HoldsGenerator,
    modes: ModeCentres,
    out: Path,
    *,
    count: int = 10,
    bases: int = 16,
    labelled: int = 1000,
    psi: float = 0.7,
    ranges: Sequence[str] = RANGES,
    seed: int = 0,
) -> dict[str, Any]:
    """Find `count` directions by every method, by random vectors, and by PCA within three modes.

    Labels are `PROPERTIES` of seeds' images, and whether an image is brighter than most. Of their
    directions it is also measured whether the property follows.

    Args:
        networks: `Networks` or a `Pipeline`.
        modes: of the generator.
        out: folder of the study.
        count: directions of a method.
        bases: images on which effects are measured.
        labelled: seeds whose images are measured for labels.
        psi: truncation of base images.
        ranges: names of layers.
        seed: of everything.

    Returns:
        What directions.json of the study holds.
    """
    labels = out / "labels.csv"
    if not labels.exists():
        _write_labels(networks, labels, labelled)
    common = {"count": count, "bases": bases, "psi": psi, "ranges": tuple(ranges), "seed": seed}
    rows: dict[str, Any] = {}
    for method in ("pca", "sefa", "stylespace", "labels"):
        settings = DirectionSettings.of(method=method, **common)
        given = labels if method == "labels" else None
        found = find_directions(networks, out / method, settings, modes=modes, labels=given)
        rows[method] = summarise([one.entry.effects for one in found.all])
        if method == "labels":
            rows[method]["follows"] = _followed(networks, modes, found, settings)
    within = DirectionSettings.of(method="pca", **common | {"per_mode": 3, "count": -(-count // 3)})
    found = find_directions(networks, out / "pca-modes", within, modes=modes)
    rows["pca within modes"] = summarise([one.entry.effects for one in found.all])
    rows["random vectors"] = summarise(_random(networks, modes, out / "random.json", common))
    result = {
        "rows": rows, "settings": common | {"ranges": list(ranges)}, "labelled": labelled,
        "machine": machine(networks.G_ema.mapping.w_avg.device),
    }  # fmt: skip
    fsio.write_json(out / "directions.json", result)
    return result


def summarise(effects: Sequence[Effects]) -> dict[str, Any]:
    """Means over directions, and the extremes that matter."""

    def mean(name: str) -> float:
        values = [float(getattr(one, name)) for one in effects]
        return round(sum(values) / len(values), 4)

    names = ("lpips_per_unit", "inside", "area", "mode_changes", "monotonic")
    found: dict[str, Any] = {name: mean(name) for name in names}
    ratios = [one.inside / max(one.area, 1e-9) for one in effects]
    found["times_more_inside"] = round(sum(ratios) / len(ratios), 3)
    found["least_monotonic"] = round(min(one.monotonic for one in effects), 4)
    found["directions"] = len(effects)
    return found


def _write_labels(networks: HoldsGenerator, path: Path, count: int) -> None:
    drawn = images_of_seeds(
        networks, range(count), psi=1.0, truncation="none", modes=None, embedder=None, batch=_BATCH
    )
    shown = logs.track(drawn, "measuring images for labels", count, "images")
    values = [
        {name: float(measure(to_float(one.image[None]))) for name, measure in PROPERTIES.items()}
        for one in shown
    ]
    middle = sorted(row["brightness"] for row in values)[count // 2]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["seed", *PROPERTIES, "bright"])
    for seed, row in enumerate(values):
        cells = [f"{value:.6f}" for value in row.values()]
        writer.writerow([seed, *cells, "yes" if row["brightness"] > middle else "no"])
    fsio.write_text(path, text.getvalue())


@torch.no_grad()
def _followed(
    networks: HoldsGenerator, modes: ModeCentres, found: Directions, settings: DirectionSettings
) -> dict[str, float]:
    """For each labelled direction the share of base images whose property is larger at strength 2
    than at -2."""
    G = networks.G_ema
    embedder = LPIPS.load("alex").to(G.mapping.w_avg.device)
    bases = grounds_for(networks, modes, embedder, settings)[0].bases
    shares = {}
    for one in found.all:
        label = one.entry.label
        assert label is not None
        measure = PROPERTIES["brightness" if label.column == "bright" else label.column]
        ends = [
            measure(steered(G, bases, [(one.direction, strength)]).clamp(-1, 1))
            for strength in (-2.0, 2.0)
        ]
        shares[one.direction.id] = round(float((ends[1] > ends[0]).float().mean()), 4)
    return shares


def _random(
    networks: HoldsGenerator, modes: ModeCentres, path: Path, common: dict[str, Any]
) -> list[Effects]:
    """Effects of the strongest of as many random unit vectors of w as PCA has components."""
    if path.exists():
        return [Effects.model_validate(one) for one in fsio.read_json(path)]
    settings = DirectionSettings.of(method="pca", **common)
    G = networks.G_ema
    embedder = LPIPS.load("alex").to(G.mapping.w_avg.device)
    ground = grounds_for(networks, modes, embedder, settings)[0]
    random = generator(settings.seed, "random directions")
    candidates: list[Candidate] = []
    for number in range(2 * settings.count):
        v = torch.randn(G.w_dim, generator=random, dtype=torch.float64)
        name = f"random{number:02d}"  # ranked as PCA's are: all that the method decides here
        candidates += [along(G, ground, "pca", r, name, v / v.norm()) for r in settings.ranges]
    found, _ = strongest(
        Observer(G, embedder, modes), candidates, ground.bases, settings.count, settings.strengths
    )
    fsio.write_json(path, [one.effects.model_dump(mode="json") for one in found])
    return [one.effects for one in found]


def direction_lines(found: dict[str, Any]) -> list[str]:
    """The rows in words."""
    return [
        f"{name}: LPIPS {row['lpips_per_unit']:.3f} a unit, {row['inside']:.0%} of it in "
        f"{row['area']:.0%} of the picture ({row['times_more_inside']:.2f} times an even share), "
        f"mode changes {row['mode_changes']:.0%}, monotonic {row['monotonic']:.3f} "
        f"(least {row['least_monotonic']:.2f})"
        for name, row in found["rows"].items()
    ]
