"""What a person should know about a keep list, in plain words: facts in, warnings out."""

from collections import Counter
from collections.abc import Mapping, Sequence

from limbeck.artefacts.keep import GUTTED, in_percent
from limbeck.config import (
    AUTO_COLUMN,
    RECOMMENDED,
    WITHOUT_GENERATOR,
    Config,
    KeepConfig,
)
from limbeck.curation.rules import Cut

TOLD_APART_ENOUGH = 0.75
FEW_PHOTOS = 1000
SHORT_KIMG = {"projected": 20, "resnet": 200, "orig": 200}
"""Thousands of photos, by `net.d_architecture`, below which nobody should expect images."""
_RECONSTRUCTIONS = frozenset(
    {RECOMMENDED, "lpips", "lpips_mid", "lpips_blur_ratio", "l2",
     "w_distance"}
)  # fmt: skip
_FEW_OF_A_MODE = 5
MANY = 0.25
"""Share of outliers from which on the filter asks to be looked at."""
_BEGIN = ", or begin with a generator of something alike (--init-from)"
_LOOK = (
    "look at the strips at the threshold in the report and, if they are wrong, say the share "
    "yourself: --keep-fraction with `limbeck run`, --fraction with `limbeck keep`"
)


def prospects(photos: int, config: Config | None = None) -> list[str]:
    """Where results cannot be good, told from what is known before anything is trained.

    Args:
        photos: accepted ones.
        config: of the training; None = nothing to say of it.
    """
    found = []
    begun = config is not None and config.train.init_from is not None
    if photos < FEW_PHOTOS:
        found.append(
            f"{photos} photos are few: under about {FEW_PHOTOS:,} a generator learns them by heart "
            "or draws little variety, and the filter cannot know well what is ordinary; give more "
            "photos" + ("" if begun else _BEGIN)
        )
    if config is None or begun:
        return found
    kimg, short = config.train.kimg, SHORT_KIMG[config.net.d_architecture]
    if kimg < short:
        found.append(
            f"a training of {kimg:g} kimg is short: under about {short} kimg images show "
            "colours and grounds, not yet the thing itself; the filter works, but train longer "
            f"(--kimg, --time-budget) for images{_BEGIN}"
        )
    return found


def choose_column(
    asked: str, names: Sequence[str], told_apart: float | None
) -> tuple[str, list[str]]:
    """The column to cut on for `keep.column`, and what to say about it (docs/notes/0006).

    `auto` is `recommended`, unless fewer than `TOLD_APART_ENOUGH` of the photos are nearer to their
    own reconstruction than to another's: then a bad reconstruction says nothing about a photo,
    and `without_generator` decides. Any other name is taken as it is.

    Args:
        asked: `keep.column`.
        names: columns that there are.
        told_apart: `ScoreSummary.told_apart`; None where it is not known.
    """
    chosen = RECOMMENDED if asked == AUTO_COLUMN else asked
    if told_apart is None or told_apart >= TOLD_APART_ENOUGH or chosen not in _RECONSTRUCTIONS:
        return chosen, []
    if WITHOUT_GENERATOR not in names:
        return chosen, []
    why = (
        f"the networks do not tell photos apart yet: {told_apart:.0%} of the photos are nearer to "
        f"their own reconstruction than to another's ({TOLD_APART_ENOUGH:.0%} are wanted, 50% is "
        "chance)"
    )
    if asked != AUTO_COLUMN:
        return chosen, [
            f"{why}, so {chosen} rests on reconstructions that say little; the column "
            f"{WITHOUT_GENERATOR} looks at the photos alone"
        ]
    return WITHOUT_GENERATOR, [
        f"{why}, so {WITHOUT_GENERATOR} decides, which looks at the photos alone; train longer "
        f"(--kimg) for reconstructions that count, or ask for the column {RECOMMENDED}"
    ]


def cut_warnings(
    cut: Cut | None, dropped: int, total: int, column: str, config: KeepConfig
) -> list[str]:
    """Where the limits of the rule `auto` decided and not the scores, or where these are unsure.

    Args:
        cut: None for rules that a person asked for.
        dropped, total: photos.
        column, config: what the rule cut on, and its limits.
    """
    if cut is None:
        return []
    if cut.decided_by == "shape":
        if 1 - cut.share < MANY:
            return []
        return [
            f"about {in_percent(1 - cut.share)} of the photos look like outliers; so many bend "
            f"what counts as typical, and the more there are, the less the scores are worth; "
            f"{_LOOK}"
        ]
    highest, lowest = f"keep.auto_max = {config.auto_max:g}", f"keep.auto_min = {config.auto_min:g}"
    share = f"{dropped} of {total} photos ({dropped / total:.1%})"
    if cut.decided_by == "no cut":
        if not dropped:
            return [
                f"no group of photos stands apart in {column}, so all are kept: there are hardly "
                f"any outliers, or so many that they count as typical; {_LOOK}"
            ]
        return [
            f"no cut was found in the shape of {column}: no group of photos stands out, and the "
            f"limit {highest} decided; the {share} that are dropped are only those with the "
            f"highest scores; {_LOOK}"
        ]
    if cut.share < cut.asked:
        return [
            f"the limit {highest} decided, not the shape of {column}, which asks to drop only "
            f"{1 - cut.asked:.1%}: {share} are dropped; {_LOOK}"
        ]
    return [
        f"the limit {lowest} decided, not the shape of {column}, which asks to drop "
        f"{1 - cut.asked:.1%}: {share} are dropped, and outliers may remain; very many photos are "
        f"outliers, or they are of several kinds; {_LOOK}"
    ]


def alike_warning(apart: int, total: int) -> str:
    """A group stands apart that is no crowd of outliers (`densities.are_alike`)."""
    return (
        f"{apart} of {total} photos ({apart / total:.1%}) stand apart, but lie as close to one "
        "another as ordinary photos do: a kind of its own rather than outliers, so all are kept; "
        f"{_LOOK}"
    )


def mode_warnings(
    shares: Mapping[int, float], numbers: Sequence[int] | None, overall: float
) -> list[str]:
    """Modes that lose most of their photos; those of fewer than five photos say nothing."""
    sizes = Counter(numbers or ())
    return [
        f"mode {mode} is gutted: {share:.0%} of its photos kept, {overall:.0%} of all; "
        "look at them, or keep per mode"
        for mode, share in shares.items()
        if share < GUTTED * overall and sizes[mode] >= _FEW_OF_A_MODE
    ]
