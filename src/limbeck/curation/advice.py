"""What a person should know about a keep list, in plain words: facts in, warnings out."""

from collections import Counter
from collections.abc import Mapping, Sequence

from limbeck.config import KeepConfig
from limbeck.curation.rules import GUTTED, Cut

_FEW_OF_A_MODE = 5
_LOOK = (
    "look at the strips at the threshold in the report and, if they are wrong, say the share "
    "yourself: --keep-fraction with `limbeck run`, --fraction with `limbeck keep`"
)


def cut_warnings(
    cut: Cut | None, dropped: int, total: int, column: str, config: KeepConfig
) -> list[str]:
    """Where the limits of the rule `auto` decided, and not the scores.

    Args:
        cut: None for rules that a person asked for.
        dropped, total: photos.
        column, config: what the rule cut on, and its limits.
    """
    if cut is None or cut.decided_by == "shape":
        return []
    if cut.share == 1:
        return [f"no cut in {column}: all {total} photos have the same score, so all are kept"]
    highest, lowest = f"keep.auto_max = {config.auto_max:g}", f"keep.auto_min = {config.auto_min:g}"
    share = f"{dropped} of {total} photos ({dropped / total:.1%})"
    if cut.decided_by == "no cut":
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
        f"{1 - cut.asked:.1%}: {share} are dropped, and odd ones may go on; very many photos are "
        f"odd, or they are of several kinds; {_LOOK}"
    ]


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
