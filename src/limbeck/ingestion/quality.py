"""Scores of photos as records, and their flags counted and in words."""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from limbeck.data import LIMITS
from limbeck.decoding import scores_of
from limbeck.records import Flag, ImageInfo, Quality, Status


def measure(pixels: NDArray[np.uint8], width: int, height: int, crop: int) -> Quality:
    """`scores_of` as a record.

    Args:
        pixels, width, height, crop: as of `scores_of`.
    """
    return Quality(**scores_of(pixels, width, height, crop))


def count_flags(infos: Iterable[ImageInfo]) -> dict[str, int]:
    """Flag -> how many accepted photos carry it, in the order of `Flag`; those that none carries
    are left out."""
    counts = Counter(f for i in infos if i.status is Status.ACCEPTED for f in i.flags)
    return {flag.value: counts[flag] for flag in Flag if counts[flag]}


def flag_words(flags: Mapping[str, int]) -> str:
    """`count_flags` in words, the most frequent first; empty where nothing is flagged."""
    ranked = sorted(flags.items(), key=lambda pair: -pair[1])
    words = ", ".join(f"{count} {LIMITS[Flag(flag)].word}" for flag, count in ranked)
    return f"flagged, not dropped: {words}" if words else ""
