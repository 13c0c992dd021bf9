"""How good a decoded photo is: scores in [0, 1], 1 = nothing to say; see `records.Quality`.

What is measured is the square as it is stored, since that is what is trained on: a blurred photo
that was large enough is sharp once it is reduced. So nothing is said of the blocks of a JPEG, which
reducing takes away. No label was looked at; limits lie in `limbeck.data.flags`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from limbeck.kit.photos import LUMA

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# Sharpness: tiles a side, pixels of the blur, steps of an edge over the photo's contrast.
_TILES, _REACH, _EDGES = 4, 5, 0.04
# Colour: levels of brightness, and how many levels apart colours are in a photo beyond doubt.
_TINTS, _COLOURFUL = 64, 60.0
# Frames: levels of one colour, share of a line that may stray, levels and share of the step.
_FLAT, _STRAY, _STEP, _ACROSS = 20, 0.02, 24, 0.6
# Text: cells a side, cells of a line, strokes a side at most, levels of a stroke, its deviation.
_CELLS, _LINE, _STROKE, _CONTRAST, _ONE_COLOUR = 16, 4, 24, 100, 40.0
_INK = (0.12, 0.6)  # share of a line of text that is strokes


def scores_of(pixels: Bytes, width: int, height: int, crop: int) -> dict[str, float]:
    """The scores of one photo, as they are stored (float32); about a millisecond at 128 px.

    Args:
        pixels: uint8 RGB [3, S, S], the square as it is stored.
        width, height: of the upright photo, pixels.
        crop: side of the square in the photo, pixels.
    """
    red, green, blue = (channel.astype(np.float32) for channel in pixels)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    grey = (luma + 0.5).astype(np.uint8)
    counts = np.bincount(grey.ravel(), minlength=256)
    dark, bright = _exposure(counts)
    scores = {
        "blur": _sharpness(luma),
        "dark": dark,
        "bright": bright,
        "plain": _entropy(counts) / 8,
        "small": min(1.0, crop / pixels.shape[-1]),
        "narrow": min(width, height) / max(width, height),
        "grey": min(1.0, _colours(red - luma, blue - luma, grey) / _COLOURFUL),
        "text": 1 - _text_share(grey),
        "border": 1 - _frame_share(pixels),
    }
    return {name: float(np.float32(score)) for name, score in scores.items()}


def _sharpness(luma: Floats) -> float:
    """How much of the edges of the sharpest part a blur over five pixels takes away.

    A sharp edge loses most of its steepness, a soft one hardly any, whatever its contrast (Crete et
    al. 2007). Of 4 x 4 tiles the second best counts, so that a sharp animal before a soft
    background is sharp, and a speck of dust does not make a photo so. Tiles count whose steps from
    pixel to pixel are 0.04 of the photo's contrast on average; a photo without any is at 0.
    """
    side = luma.shape[0] // _TILES * _TILES
    edges = np.zeros((_TILES, _TILES), dtype=np.float32)
    lost = np.zeros_like(edges)
    for image in (luma, luma.T):
        before = np.abs(np.diff(image, axis=0, append=image[-1:]))
        after = np.abs(np.diff(soft := _blurred(image), axis=0, append=soft[-1:]))
        gone = np.maximum(before - after, 0)
        for total, part in ((edges, before), (lost, gone)):
            tiles = _tiles(part[:side, :side])
            total += tiles if image is luma else tiles.T
    seen = edges > 2 * (side // _TILES) ** 2 * _EDGES * luma.std()
    shares = np.where(seen, lost / np.maximum(edges, 1), 0)
    return float(np.sort(shares, axis=None)[-2])


def _blurred(image: Floats) -> Floats:
    """Mean over five rows."""
    rows = image.shape[0]
    wide = np.pad(image, ((_REACH // 2, _REACH // 2), (0, 0)), mode="edge")
    total = wide[:rows].copy()
    for shift in range(1, _REACH):
        total += wide[shift : shift + rows]
    return total / np.float32(_REACH)


def _tiles(image: Floats, count: int = _TILES) -> Floats:
    """[S, S] -> [count, count]: sums."""
    side = image.shape[0] // count
    return np.asarray(image.reshape(count, side, count, side).sum((1, 3)), dtype=np.float32)


def _exposure(counts: NDArray[np.int64]) -> tuple[float, float]:
    """(brightness that 95 % of the pixels stay below, darkness that 95 % stay below)."""
    below = np.cumsum(counts) / counts.sum()
    return float(np.searchsorted(below, 0.95)) / 255, 1 - float(np.searchsorted(below, 0.05)) / 255


def _entropy(counts: NDArray[np.int64]) -> float:
    """Bits of the histogram of brightness, 0 to 8: few where flat colours make up the image."""
    shares = counts[counts > 0] / counts.sum()
    return max(0.0, float(-(shares * np.log2(shares)).sum()))


def _colours(warm: Floats, cold: Floats, grey: Bytes) -> float:
    """How far apart colours are beyond what a tone explains, levels.

    A tone is one colour for each brightness, all of one hue or its opposite: black and white, sepia
    and blueprints have nothing beyond it. The 95th percentile of the distance from the mean colour
    of a pixel's brightness, or twice the deviation of these means from a line, if that is more.
    """
    level = (grey // (256 // _TINTS)).ravel()
    count = np.bincount(level, minlength=_TINTS)
    parts = (warm.ravel(), cold.ravel())
    tones = [np.bincount(level, part, _TINTS) / np.maximum(count, 1) for part in parts]
    apart = np.zeros(level.size, dtype=np.float32)
    for part, tone in zip(parts, tones, strict=True):
        apart += np.square(part - tone.astype(np.float32)[level])
    place = int(0.95 * (apart.size - 1))
    inside = math.sqrt(np.partition(apart, place)[place])
    return max(inside, 2 * _off_a_line(tones[0], tones[1], count))


def _off_a_line(x: Doubles, y: Doubles, weights: NDArray[np.int64]) -> float:
    """Standard deviation of points from the line that fits them best."""
    total = weights.sum()
    x = x - (weights * x).sum() / total
    y = y - (weights * y).sum() / total
    xx, yy, xy = (float((weights * v).sum() / total) for v in (x * x, y * y, x * y))
    least = (xx + yy) / 2 - math.hypot((xx - yy) / 2, xy)
    return math.sqrt(max(least, 0))


def _frame_share(pixels: Bytes) -> float:
    """Share of the square that is a frame, or bars: lines of one colour along its sides, up to a
    step that goes across most of it.

    On one side alone it must be black or white, as a wall above a table is not.
    """
    side = int(pixels.shape[-1])
    top, bottom = _bars(pixels)
    left, right = _bars(pixels[:, top : side - bottom].transpose(0, 2, 1))
    return 1 - (side - top - bottom) * (side - left - right) / side**2


def _bars(pixels: Bytes) -> tuple[int, int]:
    """Rows of a frame at the top and at the bottom of uint8 [3, H, W]."""
    (above, alone), (below, too) = _depth(pixels), _depth(pixels[:, ::-1])
    both = above > 0 and below > 0
    return above * (both or alone), below * (both or too)


def _depth(pixels: Bytes) -> tuple[int, bool]:
    """Rows of one colour at the top of uint8 [3, H, W], 0 where no step ends them; whether that
    colour is black or white."""
    rows = pixels[:, : max(pixels.shape[1] // 2, 1)]
    edge = np.sort(rows[:, 0], axis=1).astype(np.int16)
    low, high = (edge[:, round(q * (edge.shape[1] - 1))] for q in (_STRAY, 1 - _STRAY))
    if (high - low).max() > _FLAT:
        return 0, False
    colour = ((low + high) // 2)[:, None, None]
    off = np.abs(rows.astype(np.int16) - colour).max(0) > _FLAT
    odd = np.flatnonzero(off.mean(1) > _STRAY)
    if not odd.size or odd[0] == 0:
        return 0, False
    count = int(odd[0])
    inside = rows[:, min(count + 1, rows.shape[1] - 1)].astype(np.int16)
    step = np.abs(inside - rows[:, count - 1]).max(0) > _STEP
    ends = bool(colour.max() <= _FLAT or colour.min() >= 255 - _FLAT)
    return count if np.count_nonzero(step) > _ACROSS * step.size else 0, ends


def _text_share(grey: Bytes) -> float:
    """Share of the square that looks like lines of text.

    That is where, over four cells of a grid of 16 x 16 side by side, narrow strokes stand out by
    100 levels to both sides, all about equally bright. Fur, grass and railings are rarely that.
    """
    side = grey.shape[0] // _CELLS
    if side < 2:
        return 0.0
    found = np.zeros((_CELLS, _CELLS), dtype=bool)
    inside = np.s_[: side * _CELLS, : side * _CELLS]
    width = max(3, grey.shape[0] // _STROKE | 1)
    for image in (grey, 255 - grey):
        strokes = (image - _opened(image, width) > _CONTRAST)[inside]
        if np.count_nonzero(strokes) > _INK[0] * _LINE * side**2:
            found |= _lines(strokes, image[inside], side**2)
    return float(found.mean())


def _lines(strokes: NDArray[np.bool_], image: Bytes, area: int) -> NDArray[np.bool_]:
    """bool [16, 16]: the cells that are part of a line of text."""
    ink = strokes.astype(np.float32)
    value = ink * image
    sums = [_tiles(x, _CELLS) for x in (ink, value, value * image)]
    count, total, square = (
        np.lib.stride_tricks.sliding_window_view(x, _LINE, axis=1).sum(-1) for x in sums
    )
    mean = total / np.maximum(count, 1)
    spread = np.sqrt(np.maximum(square / np.maximum(count, 1) - mean**2, 0))
    each = np.lib.stride_tricks.sliding_window_view(sums[0], _LINE, axis=1).min(-1) / area
    share = count / (_LINE * area)
    starts = (share > _INK[0]) & (share < _INK[1]) & (spread < _ONE_COLOUR) & (each > 0.04)
    found = np.zeros((_CELLS, _CELLS), dtype=bool)
    for shift in range(_LINE):
        found[:, shift : shift + starts.shape[1]] |= starts
    return found


def _opened(image: Bytes, width: int) -> Bytes:
    """Without what is bright and narrower than `width` pixels from left to right."""
    return _extreme(_extreme(image, width, np.minimum), width, np.maximum)


def _extreme(image: Bytes, width: int, least: np.ufunc) -> Bytes:
    columns = image.shape[1]
    wide = np.pad(image, ((0, 0), (width // 2, width // 2)), mode="edge")
    result = wide[:, :columns].copy()
    for shift in range(1, width):
        least(result, wide[:, shift : shift + columns], out=result)
    return result
