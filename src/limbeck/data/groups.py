"""Copies that look alike: which photo was kept, and which were left out for it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from limbeck.kit.selection import evenly
from limbeck.records import ImageInfo, Reason, Status

_SHOWN = 24


@dataclass(frozen=True)
class CopyGroup:
    """A kept photo and those left out as copies of it to the eye, the most different first."""

    kept: ImageInfo
    left_out: tuple[ImageInfo, ...]


def shown_groups(infos: Sequence[ImageInfo]) -> tuple[CopyGroup, ...]:
    """The groups that a person is shown, in copies.jpg and in the report: 24 at most, from the most
    different pairs to the most alike."""
    return evenly(copy_groups(infos), _SHOWN)


def copy_groups(infos: Sequence[ImageInfo]) -> list[CopyGroup]:
    """Groups of copies to the eye, those first in which the hashes of a pair differ most: crops and
    mirror images come before photos that were saved again. Copies byte for byte form none.

    Args:
        infos: every listed file (`Dataset.listed()`).
    """
    left_out: defaultdict[str | None, list[ImageInfo]] = defaultdict(list)
    for info in infos:
        if info.reason is Reason.NEAR_DUPLICATE and info.duplicate_of:
            left_out[info.duplicate_of].append(info)
    groups = []
    for info in infos:
        if info.status is Status.ACCEPTED and info.id in left_out:
            far = sorted(left_out[info.id], key=lambda one: (-_apart(info, one), one.source))
            groups.append(CopyGroup(info, tuple(far)))
    return sorted(groups, key=lambda g: (-_apart(g.kept, g.left_out[0]), g.kept.source))


def _apart(one: ImageInfo, other: ImageInfo) -> int:
    """Bits in which the perceptual hashes differ; 0 where one is not known."""
    try:
        return (int(one.phash or "", 16) ^ int(other.phash or "", 16)).bit_count()
    except ValueError:
        return 0
