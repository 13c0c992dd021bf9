"""How far a generator has come, in plain words, from the figures that its training left behind.

The criteria, deliberately few:

* **KID** of the snapshot in use (`snapshots.jsonl`: LPIPS-AlexNet features in units of the photos'
  spread). On photos of dogs it fell from 8 (blurs) over 3 (patches of fur) and 0.85 (first shapes)
  to 0.46 (half of the images are dogs; docs/measurements.md). Above 1: nothing is learned
  yet that deserves a name; above 0.5: rough.
* **Variety**, from the same row: below 0.3 of the photos' spread the images are all alike.
* **Precision and coverage** of untruncated images, where `evaluate` has run: below 0.1 is
  nothing.
* **Length**, where none of these is known: below 20 kimg nobody should expect images.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from limbeck.artefacts.contents import Training
from limbeck.reporting.charts import number

UNLEARNED, ROUGH = 1.0, 0.5  # KID
ALIKE = 0.3  # spread of the images over that of the photos
NOTHING = 0.1  # precision, coverage
SHORT = 20.0  # kimg
FEW_PHOTOS = 1000
_BEYOND = 100.0


class Level(IntEnum):
    """How far a generator has come; higher is better."""

    POOR = 0
    ROUGH = 1
    UNKNOWN = 2
    FAIR = 3


SAID = {
    Level.POOR: "has not learned the subject yet",
    Level.ROUGH: "is rough: the subject in some images, not in most",
    Level.UNKNOWN: "was not measured",
    Level.FAIR: "draws images that are near the photos, as far as was measured",
}
LEGEND = (
    "kimg: thousands of photos shown in training. KID: distance of images from photos, 0 is "
    f"best; above {UNLEARNED:g} expect blurs and patches, below {ROUGH:g} the subject. Variety: 1 "
    "is that of the photos. Precision, coverage: 1 is best."
)


@dataclass(frozen=True)
class Verdict:
    """Of one generator: `known` are the figures in words; `faults` those that decided."""

    name: str
    level: Level
    kimg: float
    known: tuple[str, ...]
    faults: tuple[str, ...]

    @property
    def poor(self) -> bool:
        """Whether nothing that needs this generator deserves trust."""
        return self.level is Level.POOR

    @property
    def said(self) -> str:
        """The level in words, to follow "the generator"."""
        return SAID[self.level]


def _at(training: Training) -> dict[str, Any] | None:
    """The snapshot's row that is nearest to the networks in use."""
    rows = [r for r in training.snapshots if _figure(r, "kid") is not None]
    return min(rows, key=lambda r: abs(int(r.get("images", 0)) - training.images), default=None)


def _figure(row: dict[str, Any], name: str) -> float | None:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return float(value)


def _kid(value: float) -> str:
    return f"above {_BEYOND:g}" if value > _BEYOND else number(value)


def judge(training: Training, photos: int, metrics: Sequence[dict[str, Any]]) -> Verdict:
    """Judge a training's newest averaged generator.

    Args:
        training: its snapshots and length.
        photos: how many it trained on; 0 = not known.
        metrics: rows of metrics.jsonl.
    """
    kimg = training.images / 1000
    times = f" (each photo about {number(1000 * kimg / photos)} times)" if photos else ""
    known, faults = [f"{number(kimg)} kimg shown{times}"], []
    level = Level.UNKNOWN
    row = _at(training) or {}
    kid, spread = _figure(row, "kid"), _figure(row, "spread")
    if kid is not None:
        level = Level.POOR if kid > UNLEARNED else Level.ROUGH if kid > ROUGH else Level.FAIR
        known.append(f"KID {_kid(kid)}")
        if level is not Level.FAIR:
            faults.append(known[-1])
    if spread is not None:
        known.append(f"variety {number(min(spread, _BEYOND))}")
        if spread < ALIKE:
            level = Level.POOR
            faults.append(f"{known[-1]}: its images are all alike")
    for name, value in _measured(training.name, metrics).items():
        known.append(f"{name} {value:.2f}")
        if value < NOTHING:
            level = Level.POOR
            faults.append(known[-1])
    if level is Level.UNKNOWN and kimg < SHORT:
        level = Level.POOR
        faults.append(f"only {number(kimg)} kimg")
    return Verdict(training.name, level, kimg, tuple(known), tuple(faults))


def _measured(generator: str, metrics: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The worst precision and coverage of untruncated images against the photos trained on."""
    worst: dict[str, float] = {}
    for row in metrics:
        mine = row.get("metric") == "set_distance" and row.get("generator") == generator
        if mine and row.get("truncation") == "none" and row.get("photos") == generator:
            for name in ("precision", "coverage"):
                value = _figure(row, name)
                if value is not None:
                    worst[name] = min(worst.get(name, 1.0), value)
    return worst
