"""Why a photo looks like an outlier: which column adds most to the filter's score, in words."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from limbeck.artefacts.scores import Scores
from limbeck.config import RECOMMENDED, WITHOUT_GENERATOR
from limbeck.kit.tables import Column
from limbeck.metrics import standardised

FAR = 0.95
"""A further column is named where a photo scores higher in it than this share of all photos."""

_PARTS = re.compile(r"over s in \(([^)]*)\)")
_FUSIONS = (RECOMMENDED, "recommended+", WITHOUT_GENERATOR, "rank_fusion")  # some of earlier runs


@dataclass(frozen=True)
class Ground:
    """What a column says of a photo that scores high in it: a few words, and a sentence."""

    words: str
    meaning: str


_DRAWN = "What the first generator draws in its place looks different."
_PATTERNS = Ground(  # both densities of the same features: the orders they give hardly differ
    "unlike the others: textures and patterns",
    "Edges, textures and colours in an uncommon mixture, or ones that few others have: drawings, "
    "print, other subjects.",
)
_UNLIKE_DRAWN = Ground(
    "unlike what the generator draws: textures and patterns",
    "Its edges, textures and colours are uncommon among generated images.",
)
_SHOWS_OTHER = Ground(
    "unlike what the generator draws: what it shows",
    "A network that names things sees something else in it than in generated images.",
)
_LEFT_OVER = Ground(
    "its reconstruction loses the unusual",
    "What its reconstruction gets wrong is not what reconstructions of generated images do.",
)
GROUNDS = {
    "seam": Ground(
        "straight seam",
        "A sharp straight line crosses the whole image: collages, frames, bars, bands of text.",
    ),
    "feature_gauss": _PATTERNS,
    "feature_ppca": _PATTERNS,
    "centroid": Ground(
        "unlike the others: colours and layout",
        "Seen small and as a whole, it is far from the average photo.",
    ),
    "lite0_gauss": Ground(
        "unlike the others: what it shows",
        "A network that names things sees something else in it than in the others.",
    ),
    "lite0_ppca": Ground(
        "unlike the others: parts of what it shows",
        "A network that names things sees parts in it that hardly any other photo has.",
    ),
    "feature_knn": Ground("like no other: textures and patterns", "No other photo is near it."),
    "lite0_knn": Ground("like no other: what it shows", "No other photo is near it."),
    "lpips_mid": Ground("the generator cannot draw it", _DRAWN),
    "lpips": Ground("the generator cannot draw it", _DRAWN),
    "lpips_blur_ratio": Ground("the generator cannot draw it, for its sharpness", _DRAWN),
    "l2": Ground("the generator cannot draw its colours", _DRAWN),
    "w_distance": Ground(
        "far from the generator's mean", "The encoder places it where the generator rarely draws."
    ),
    "d_logit": Ground("the discriminator finds it unreal", "The discriminator's own judgement."),
    "mode_distance": Ground("far from every mode", "No mode's centre image is near."),
    "nngen": Ground("far from what the generator draws", "No generated image is near."),
    "gen_feature_gauss": _UNLIKE_DRAWN,
    "gen_feature_ppca": _UNLIKE_DRAWN,
    "gen_lite0_gauss": _SHOWS_OTHER,
    "gen_lite0_ppca": _SHOWS_OTHER,
    "gen_residual_gauss": _LEFT_OVER,
    "gen_residual_ppca": _LEFT_OVER,
}


@dataclass(frozen=True)
class Why:
    """Of one photo: the column that counts most, in words; `more`: photos below it, in percent."""

    column: str
    words: str
    more: str
    also: tuple[str, ...]


def parts_of(scores: Scores, column: str) -> tuple[str, ...]:
    """The columns that `column` is made of: itself, if it is no fusion.

    Read from the formula beside the scores; a fusion without one is taken to fuse all columns that
    this page has words for.
    """
    for name in (column, "recommended"):
        found = _PARTS.search(scores.summary.columns.get(name, ""))
        if found and column in _FUSIONS:
            parts = tuple(p.strip() for p in found.group(1).split(","))
            return tuple(p for p in parts if p in scores.names) or (column,)
    if column not in _FUSIONS:
        return (column,)
    return tuple(name for name in GROUNDS if name in scores.names) or (column,)


def ground(column: str) -> Ground:
    """The words of a column; one that this page does not know is named."""
    return GROUNDS.get(column, Ground(f"high {column}", "A high score, by itself."))


class Grounds:
    """Compares a score's parts photo by photo.

    The fusion averages the parts in standard deviations of the ordinary photos: the part in which
    the photo lies farthest out is named first. The parts' weights do not matter here.
    """

    def __init__(self, scores: Scores, column: str) -> None:
        self.parts = parts_of(scores, column)
        table = [scores.column(name) for name in self.parts]
        self.out: Column = np.stack([standardised(values, np.inf) for values in table])
        self.below: Column = np.stack([_share_below(values) for values in table])

    def of(self, row: int) -> Why:
        """What counts most against the photo in `row` of the score table."""
        order = np.argsort(-self.out[:, row], kind="stable")
        main = ground(self.parts[order[0]]).words
        also = dict.fromkeys(
            ground(self.parts[i]).words for i in order[1:] if self.below[i, row] >= FAR
        )
        also.pop(main, None)
        more = percent(float(self.below[order[0], row]))
        return Why(self.parts[order[0]], main, more, tuple(also))


def percent(share: float) -> str:
    """`0.9973` -> `99.7 %`; 1 -> `all others`."""
    if share >= 1:
        return "all others"
    value = 100 * share
    return f"{value:.0f} %" if value < 99 else f"{np.floor(value * 10) / 10:.1f} %"


def _share_below(values: Column) -> NDArray[np.float64]:
    """[N] -> the share of the other photos that score lower."""
    return np.asarray((rankdata(values, method="min") - 1) / max(len(values) - 1, 1))
