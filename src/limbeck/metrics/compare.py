"""Two sets of features side by side: every distance, with what it was measured on."""

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from limbeck.kit.rng import derive_seed
from limbeck.kit.selection import even_rows
from limbeck.metrics.feature_cache import feature_kind
from limbeck.metrics.fid_kid import frechet_distance, kernel_distance, kernel_error
from limbeck.metrics.precision_recall import manifold_overlap
from limbeck.records import Record

_FIGURES = ("fid", "kid", "precision", "recall", "density", "coverage")
_SUBSETS = 100


class SetDistance(Record):
    """How far generated images are from real ones; see the functions named after each figure.

    `fid` and `kid` are those of the literature with features `inception` alone; with others they
    rank, in the same way, sets measured with the same features and counts.
    """

    features: str
    real: int = Field(description="real images")
    fake: int = Field(description="generated images")
    each: int = Field(
        0, description="images of each side that precision, recall, density and coverage take"
    )
    fid: float
    kid: float
    kid_spread: float = Field(description="standard deviation over subsets")
    kid_error: float | None = Field(
        None, description="standard error over the images; None where it was not computed"
    )
    precision: float
    recall: float
    density: float
    coverage: float
    resize: str = Field(description="how images are brought to the trunk's size")
    seed: int
    rounds: int = 0
    spread: dict[str, float] = Field(
        default_factory=dict, description="figure -> standard deviation over half-samples"
    )


def compare_sets(
    real: Tensor, fake: Tensor, *, features: str, seed: int = 0, spread: int = 0
) -> SetDistance:
    """FID, KID, precision, recall, density and coverage of two sets of features.

    Args:
        real: features of real images, float [N >= 6, D].
        fake: features of generated images, float [M >= 6, D]. Compare figures of equal N and M
            only. What neighbours decide has other limits where one side is larger, so the larger
            one is thinned evenly to the smaller's number for precision, recall, density and
            coverage.
        features: what they are, e.g. "inception"; goes beside the figures.
        seed: of KID's subsets and of the half-samples; the same seed gives the same figures.
        spread: rounds of a delete-half jackknife: the deviation of each figure over random halves
            of both sets, drawn without replacement, estimates its own (copies in a bootstrap would
            bias all six). Needs twelve images of each; 0 = none, for each costs as much
            as the figures.

    Raises:
        DataError: too few images, or shapes that differ.
    """
    fid = frechet_distance(real, fake)
    kid, kid_spread = kernel_distance(real, fake, subsets=_SUBSETS, seed=seed)
    each = min(len(real), len(fake))
    overlap = manifold_overlap(*(x[even_rows(len(x), each)] for x in (real, fake)))
    kind = feature_kind(features)
    return SetDistance(
        features=features,
        each=each,
        fid=fid,
        kid=kid,
        kid_spread=kid_spread,
        kid_error=kernel_error(real, fake),
        real=len(real),
        fake=len(fake),
        **overlap.model_dump(exclude={"real", "fake"}),
        resize=kind.resize if kind else "not known",
        seed=seed,
        rounds=spread,
        spread=_spread(real, fake, features, seed, spread) if spread else {},
    )


def _spread(real: Tensor, fake: Tensor, features: str, seed: int, rounds: int) -> dict[str, float]:
    random = np.random.default_rng(derive_seed(seed, "compare_sets"))
    found: dict[str, list[float]] = {name: [] for name in _FIGURES}
    for index in range(rounds):
        halves = [x[torch.from_numpy(random.permutation(len(x))[: len(x) // 2])]
                  for x in (real, fake)]  # fmt: skip
        one = compare_sets(halves[0], halves[1], features=features, seed=seed + index)
        for name, values in found.items():
            values.append(getattr(one, name))
    return {name: float(np.std(values, ddof=min(1, rounds - 1))) for name, values in found.items()}
