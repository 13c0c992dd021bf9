"""How strongly to truncate: the strength at which precision and coverage are best together."""

import torch
from pydantic import Field

from limbeck import logs
from limbeck.config import Truncation
from limbeck.data import Dataset
from limbeck.errors import DataError
from limbeck.evaluation.generated import Drawn
from limbeck.kit.selection import evenly
from limbeck.latents import HoldsGenerator, ModeCentres
from limbeck.metrics import compare_sets, dataset_features, picture_features
from limbeck.percept import Features
from limbeck.records import Record

STRENGTHS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_IMAGES = 1000
FEWEST_FOR_PSI = 100
"""Photos that psi can be chosen by."""
_FEATURES = "lpips-alex"  # ships; no preset's discriminator looks through it


class Strength(Record):
    """Figures of images at one psi."""

    psi: float
    precision: float
    coverage: float
    balance: float = Field(description="harmonic mean of precision and coverage")


class StrengthChoice(Record):
    """What `choose_psi` measured and took."""

    psi: float
    truncation: str
    features: str
    images: int = Field(description="generated images a strength, and photos")
    tried: list[Strength]


def choose_psi(
    networks: HoldsGenerator,
    photos: Dataset,
    *,
    truncation: Truncation,
    modes: ModeCentres | None = None,
    seed: int = 0,
) -> StrengthChoice:
    """The psi of `STRENGTHS` with the greatest harmonic mean of precision and coverage.

    Precision (how many images look like photos) rises as psi falls, coverage (how many photos have
    an image near) falls: their harmonic mean punishes whatever is paid too dearly. Of equal ones
    the larger psi is taken. Measured on at most 1,000 images and photos; differences of 0.02 are
    within the noise.

    Args:
        networks: a generator.
        photos: those it was trained on, or of the same kind.
        truncation, modes: as for `limbeck.sample`; `none` and `index` have no strength to choose.
        seed: of the first image.

    Raises:
        DataError: fewer than 100 photos.
        UsageError: as `target_for`.
    """
    device = networks.G_ema.mapping.w_avg.device
    count = min(_IMAGES, len(photos))
    if count < FEWEST_FOR_PSI:
        raise DataError(
            f"{count} photos are too few to choose psi by measurement ({FEWEST_FOR_PSI} at least)",
            "give psi as a number, e.g. --psi 0.7",
        )
    trunk = Features(_FEATURES, torch.device(device))
    size = networks.config.size
    real = dataset_features(photos, trunk, size=size, ids=evenly(photos.ids, count))
    tried = []
    for psi in logs.track(STRENGTHS, "choosing psi", len(STRENGTHS)):
        drawn = Drawn(
            networks, count, psi=psi, truncation="none" if psi == 1 else truncation, modes=modes,
            first=seed,
        )  # fmt: skip
        found = compare_sets(real, picture_features(drawn, trunk, drawn.key), features=_FEATURES)
        both = found.precision + found.coverage
        tried.append(
            Strength(
                psi=psi, precision=found.precision, coverage=found.coverage,
                balance=2 * found.precision * found.coverage / both if both else 0.0,
            )
        )  # fmt: skip
    best = max(tried, key=lambda one: (round(one.balance, 6), one.psi))
    return StrengthChoice(
        psi=best.psi, truncation=truncation, features=_FEATURES, images=count, tried=tried
    )
