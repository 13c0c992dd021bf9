"""Copies that were cropped: an embedding proposes one kept image, alignment confirms it.

Pooled features of EfficientNet-Lite0 change little when a photo is cropped: of 150 photos cut to
0.9 of their side or more the nearest is always the photo itself, of 0.8 in 0.99. Whether it is one
photo is then asked of the pixels: the highest correlation of one thumbnail, shrunk to as little as
0.62, at any place of the other.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from limbeck.ingestion.duplicates import THUMB, Thumbs
from limbeck.percept import Features

NEAR, ALIGNED = 0.65, 0.9
"""Cosine of embeddings from which on thumbnails are aligned; correlation from which on two are one
photo. Of 800 cropped copies the lowest had 0.899, of 1,000 other pairs the highest 0.891."""
_LEAST = 20  # pixels of the smaller thumbnail, of 32
_SEEN = 96
_FLAT = 4.0  # standard deviation, levels, below which a patch shows nothing
_GROW = 1024

Thumb = NDArray[np.uint8]
Embedding = NDArray[np.float32]


class Embedder:
    """Embeds squares one by one; safe from several threads."""

    def __init__(self) -> None:
        self._features = Features("efficientnet-lite0", torch.device("cpu"), _SEEN)

    def of(self, pixels: NDArray[np.uint8]) -> Embedding:
        """uint8 [3, S, S] -> float32 [1280] of length 1: the root of each activation's share."""
        with torch.no_grad():
            found = self._features(torch.from_numpy(pixels)[None])[0].clamp_min(0)
            root = (found / found.sum().clamp_min(1e-6)).sqrt()
        return np.asarray(root.numpy(), dtype=np.float32)


class CropCopies:
    """The images kept so far, searchable by embedding.

    Memory: 5 to 10 KB a kept image, without its thumbnail.

    Args:
        thumbs: an empty place for the thumbnails; default: memory.
    """

    def __init__(self, thumbs: Thumbs | None = None) -> None:
        self._embeddings = np.empty((0, 0), dtype=np.float32)
        self._thumbs: Thumbs = [] if thumbs is None else thumbs
        self._count = 0

    def find(self, embedding: Embedding, thumb: Thumb) -> int | None:
        """Index (order of `add`) of the kept image that this one is a crop of, or that is a crop of
        it, mirrored or not; or None.

        Args:
            embedding: of `Embedder`.
            thumb: uint8 [3, 32, 32].
        """
        if not self._count:
            return None
        near = self._embeddings[: self._count] @ embedding
        index = int(near.argmax())
        if near[index] < NEAR:
            return None
        kept = torch.from_numpy(self._thumbs[index].astype(np.float32))
        mine = torch.from_numpy(thumb.astype(np.float32))
        for one in (mine, mine.flip(2)):
            if max(alignment(one, kept), alignment(kept, one)) >= ALIGNED:
                return index
        return None

    def add(self, embedding: Embedding, thumb: Thumb) -> None:
        """Remember a kept image."""
        count = self._count
        if count == len(self._embeddings):
            room = np.empty((max(2 * count, _GROW), len(embedding)), dtype=np.float32)
            if count:
                room[:count] = self._embeddings
            self._embeddings = room
        self._embeddings[count] = embedding
        self._thumbs.append(thumb)
        self._count += 1


def alignment(small: Tensor, large: Tensor) -> float:
    """The highest correlation of `small`, shrunk to any of 32 to 20 pixels, in `large`.

    Args:
        small, large: f32 [3, 32, 32], levels.

    Returns:
        over scales and places, the correlation of all values of the three channels, in [-1, 1];
        -1 where the patches show nothing.
    """
    best = -1.0
    for side in range(THUMB, _LEAST - 1, -1):
        patch = small[None]
        if side < THUMB:
            patch = F.interpolate(patch, size=(side, side), mode="bilinear", antialias=True)
        patch = patch - patch.mean()
        length = patch.norm()
        if float(length) < _FLAT * patch.numel() ** 0.5:
            continue
        shared = F.conv2d(large[None], patch / length)
        mean = F.avg_pool2d(large[None].mean(1, keepdim=True), side, 1)
        square = F.avg_pool2d(large[None].square().mean(1, keepdim=True), side, 1)
        spread = (square - mean.square()).clamp_min(0).sqrt()
        ratio = shared / (spread.clamp_min(_FLAT) * patch.numel() ** 0.5)
        best = max(best, float(ratio.max()))
    return best
