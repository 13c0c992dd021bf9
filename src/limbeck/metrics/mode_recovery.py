"""Are the modes that were found the modes that are there?"""

from collections import Counter
from collections.abc import Mapping

from pydantic import Field
from sklearn.metrics import normalized_mutual_info_score

from limbeck.errors import DataError
from limbeck.records import Record


class ModeRecovery(Record):
    """True modes against found clusters, over photos that have both."""

    photos: int
    true_modes: int
    recovered: int = Field(description="true modes that are the majority of at least one cluster")
    clusters: int = Field(description="clusters with at least one photo")
    purity: float = Field(description="share of photos that lie in a cluster of their own mode")
    chance: float = Field(description="purity of one single cluster: the largest mode's share")
    mutual_information: float = Field(description="normalised (arithmetic mean), 0 to 1")
    missed: list[str] = Field(description="true modes that are no cluster's majority")


def mode_recovery(true_modes: Mapping[str, str], found: Mapping[str, int]) -> ModeRecovery:
    """Compare true modes with clusters.

    A cluster's majority is its most frequent true mode (of equals, the first by name).

    Args:
        true_modes: photo id -> true mode.
        found: photo id -> number of its cluster, e.g. of its nearest mode centre.

    Raises:
        DataError: no photo has both.
    """
    photos = sorted(true_modes.keys() & found.keys())
    if not photos:
        raise DataError("no photo has both a true mode and a found one", "check the ids")
    members: dict[int, Counter[str]] = {}
    for photo in photos:
        members.setdefault(found[photo], Counter())[true_modes[photo]] += 1
    majority = {cluster: _majority(counts) for cluster, counts in members.items()}
    overall = Counter(true_modes[photo] for photo in photos)
    pure = sum(counts[majority[cluster]] for cluster, counts in members.items())
    recovered = set(majority.values())
    truth, clusters = [true_modes[p] for p in photos], [found[p] for p in photos]
    return ModeRecovery(
        photos=len(photos),
        true_modes=len(overall),
        recovered=len(recovered),
        clusters=len(members),
        purity=pure / len(photos),
        chance=max(overall.values()) / len(photos),
        mutual_information=float(normalized_mutual_info_score(truth, clusters)),
        missed=sorted(set(overall) - recovered),
    )


def _majority(counts: Counter[str]) -> str:
    most = max(counts.values())
    return min(mode for mode, count in counts.items() if count == most)
