"""What was found out about all photos, block by block: numbers in memory, features on disk."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck.curation.densities import hellinger
from limbeck.curation.generated import LITE0, SPACES
from limbeck.curation.looking import PHOTOS_ALONE, Found
from limbeck.fsio import Scratch
from limbeck.kit.rows import Rows, StoredRows

_BY_KIND = ("lite0", LITE0)  # what fires, not how strongly
_FEATURES = (*PHOTOS_ALONE, *SPACES)


@dataclass(frozen=True)
class Gathered:
    """What was found out about all photos.

    Attributes:
        numbers: raw columns [N], in the order of the photos.
        features: float32 [N, D] by space, in memory or on disk; those of EfficientNet-Lite0 as
            `hellinger` has them.
    """

    numbers: dict[str, NDArray[np.generic]]
    features: dict[str, Rows]


def gather(blocks: Iterable[Found], disk: Scratch | None = None) -> Gathered:
    """Put blocks together.

    Args:
        blocks: of `BlockScorer`, or batches of `PhotoLook`, in the order of the photos.
        disk: where features lie, 24 KB a photo; default: in memory.
    """
    numbers: dict[str, list[NDArray[np.generic]]] = {}
    held: dict[str, list[NDArray[np.float32]]] = {}
    stored: dict[str, StoredRows] = {}
    for found in blocks:
        for name, values in found.items():
            if name not in _FEATURES:
                numbers.setdefault(name, []).append(values)
                continue
            features = np.asarray(values, dtype=np.float32)
            features = hellinger(features) if name in _BY_KIND else features
            if disk is None:
                held.setdefault(name, []).append(features)
            else:
                stored.setdefault(name, StoredRows(disk)).append(features)
    whole = {name: np.concatenate(values) for name, values in numbers.items()}
    return Gathered(whole, {**stored, **{n: np.concatenate(x) for n, x in held.items()}})
