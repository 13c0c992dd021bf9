"""Drawn photos for the tests of copies."""

import numpy as np
from PIL import Image


def scene(seed: int, side: int = 96) -> Image.Image:
    """Noise of four scales, coarse ones strongest: the spectrum of a photo."""
    random = np.random.default_rng(seed)
    total = np.full((side, side, 3), 128.0)
    for cells, strength in ((3, 60), (6, 35), (12, 20), (24, 12)):
        layer = Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        wide = np.asarray(layer.resize((side, side), Image.Resampling.BICUBIC), dtype=float)
        total += (wide / 127.5 - 1) * strength
    return Image.fromarray(total.clip(0, 255).astype(np.uint8))
