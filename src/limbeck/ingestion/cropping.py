"""Which square of a photo is kept: around its object, where most happens, or the centre.

The paper crops the main object by an off-the-shelf detector and names neither the detector nor the
margin. Here it is YOLOX-nano, a square of 1.2 times the object's longer side, and of several
objects the one with the greatest score times the root of its area, first of what most photos show,
then of its kin: so small a detector often takes a dog for a bear or a sheep.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, uniform_filter

from limbeck.config import DataConfig
from limbeck.decoding import Box, centre_box
from limbeck.errors import LimbeckError, UsageError
from limbeck.percept import COCO, Detector, kin
from limbeck.percept import Box as Seen
from limbeck.records import CropKind, FoundObject

SIGHT = 416
"""Longer side, pixels, at which a photo is looked at for its crop."""
MOST_OBJECTS = 20
_HALF_AS_OFTEN = 0.5
_SURE = 0.5  # score from which on objects say what the photos show
_SHARED = 0.25
_SALIENT = 64  # pixels along the longer side, of the saliency map


class Eye(Protocol):
    """Looks at a photo before it is cropped; safe from several threads."""

    def look(self, photo: Image.Image, width: int, height: int) -> "Sight":
        """What an upright RGB photo shows; boxes in pixels of its full `width` and `height`."""


@dataclass(frozen=True)
class Sight:
    """What was seen: objects, the surest first, and the square where most happens; or the box that
    the source gives."""

    objects: tuple[FoundObject, ...] = ()
    salient: Box | None = None
    given: Box | None = None


NOTHING = Sight()


class Objects:
    """Sees objects, by YOLOX-nano.

    Raises:
        UsageError, WeightsError: onnxruntime or the weights are missing.
    """

    def __init__(self, least: float, weights: Path | None = None) -> None:
        self._least = least
        self._detector = Detector(weights, threads=1)

    def look(self, photo: Image.Image, width: int, height: int) -> Sight:
        """See `Eye`."""
        pixels = torch.from_numpy(np.asarray(photo).transpose(2, 0, 1).copy())
        found = self._detector.detect(pixels, least=self._least)[:MOST_OBJECTS]
        across, down = width / photo.width, height / photo.height
        return Sight(tuple(_object(box, across, down) for box in found))


class Saliency:
    """Sees where most happens, without weights."""

    def look(self, photo: Image.Image, width: int, height: int) -> Sight:
        """See `Eye`."""
        longer = max(photo.size)
        size = [max(8, round(_SALIENT * side / longer)) for side in photo.size]
        small = photo.convert("L").resize((size[0], size[1]), Image.Resampling.BOX)
        return Sight(salient=salient_square(saliency(np.asarray(small)), width, height))


def eye_of(
    config: DataConfig, weights: Path | None = None, *, boxes: bool = False
) -> tuple[DataConfig, Eye | None]:
    """The configuration with `auto` decided, and what looks at photos; None = nothing need look.

    Args:
        config: what is asked for.
        weights: of the detector; default: from the cache.
        boxes: whether the source gives boxes.

    Raises:
        UsageError, WeightsError: `detect` is asked for and cannot be had, or `boxes` where there
            are none; no such class.
    """
    if config.crop_object not in ("auto", "any"):
        wrong = [name for name in config.crop_object.split(",") if name not in COCO]
        if wrong:
            raise UsageError(
                f"crop_object={wrong[0]!r} is no class of the detector",
                f"say auto, any, or some of (parted by commas): {', '.join(COCO)}",
            )
    if config.crop == "boxes" and not boxes:
        raise UsageError(
            "crop=boxes, and the photos come without boxes",
            "give a manifest (a .json of image_name and bounding_box), or another --crop",
        )
    if boxes and config.crop == "auto":
        return config.model_copy(update={"crop": "boxes"}), None
    if config.crop == "attention":
        return config, Saliency()
    if config.crop == "detect":
        return config, Objects(config.crop_score, weights)
    if config.crop == "auto":
        try:
            return config.model_copy(update={"crop": "detect"}), Objects(config.crop_score, weights)
        except LimbeckError:
            return config.model_copy(update={"crop": "center"}), None
    return config, None


def can_detect() -> str:
    """Why photos cannot be cropped by the detector; empty where they can."""
    try:
        Detector(threads=1)
    except LimbeckError as error:
        return f"{error.what}; {error.do}"
    return ""


def wanted_objects(sights: Iterable[Sight], asked: str) -> frozenset[str]:
    """Classes that photos are cropped to; empty = whatever is seen.

    Args:
        sights: of all photos.
        asked: classes, parted by commas; "any"; or "auto": every class that is seen in at least
            half as many photos as the most frequent one, so that a set of dogs is not cropped to
            their owners.
    """
    if asked != "auto":
        return frozenset() if asked == "any" else frozenset(asked.split(","))
    photos = Counter(
        name
        for sight in sights
        for name in {seen.name for seen in sight.objects if seen.score >= _SURE}
    )
    most = max(photos.values(), default=0)
    return frozenset(name for name, count in photos.items() if count >= _HALF_AS_OFTEN * most)


def choose_box(
    sight: Sight, width: int, height: int, config: DataConfig, wanted: frozenset[str], least: int
) -> tuple[Box, CropKind]:
    """The square of an upright photo, and how it was chosen.

    Args:
        sight: what was seen in it.
        width, height: pixels.
        config: with `crop` decided.
        wanted: of `wanted_objects`; where none of them is seen, their kin are taken
            (`percept.kin`), and where none of these is, the centre.
        least: shorter side of a photo, pixels; squares are no smaller where the photo allows it.
    """
    if config.crop == "none":
        return (0, 0, width, height), CropKind.WHOLE
    if sight.given is not None:
        return object_square(sight.given, width, height, 1.0), CropKind.BOXES
    if sight.salient is not None:
        return sight.salient, CropKind.ATTENTION
    alike = frozenset(other for name in wanted for other in kin(name))
    if best := main_object(sight.objects, wanted) or main_object(sight.objects, alike):
        box = object_square(best.box, width, height, config.crop_margin, least)
        return box, CropKind.DETECT
    return centre_box(width, height), CropKind.CENTER


def more_boxes(
    sight: Sight, box: Box, width: int, height: int, config: DataConfig, wanted: frozenset[str],
    least: int,
) -> list[Box]:  # fmt: skip
    """Squares around further objects of a photo, the surest and largest first.

    Only the wanted classes count, or, where all are, that of the main object; squares that share
    a quarter of the smaller one's area with one before are left out.

    Args:
        sight, width, height, config, wanted, least: as of `choose_box`, which chose around an
            object.
        box: what it chose.
    """
    main = main_object(sight.objects, wanted)
    if main is None or config.crop_most == 1:
        return []
    alike = [one for one in sight.objects if one.name in (wanted or {main.name})]
    boxes = [box]
    for seen in sorted(alike, key=_weight, reverse=True):
        square = object_square(seen.box, width, height, config.crop_margin, least)
        apart = all(_shared(square, other) < _SHARED for other in boxes)
        if apart and len(boxes) < config.crop_most:
            boxes.append(square)
    return boxes[1:]


def main_object(
    objects: Sequence[FoundObject], wanted: frozenset[str] = frozenset()
) -> FoundObject | None:
    """The object with the greatest score times the root of its area, of the wanted classes."""
    left = [seen for seen in objects if not wanted or seen.name in wanted]
    return max(left, key=_weight, default=None)


def object_square(box: Box, width: int, height: int, margin: float = 1.2, least: int = 1) -> Box:
    """A square around an object: `margin` times its longer side, moved into the photo.

    It is at least `least` pixels wide, and never wider than the photo is.
    """
    left, top, right, bottom = box
    wide = max(round(margin * max(right - left, bottom - top)), least, 1)
    side = min(wide, width, height)
    x = min(max(round((left + right - side) / 2), 0), width - side)
    y = min(max(round((top + bottom - side) / 2), 0), height - side)
    return x, y, x + side, y + side


def saliency(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """[H, W] in [0, 1]: what a photo's spectrum would not let expect there.

    The spectral residual (Hou and Zhang 2007): the log amplitude less its local mean, brought back
    with the phases, squared and smoothed.
    """
    spectrum = np.fft.fft2(grey.astype(np.float64))
    amplitude = np.log(np.abs(spectrum) + 1e-6)
    residual = amplitude - uniform_filter(amplitude, 3, mode="wrap")
    back = np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))
    found = gaussian_filter(np.abs(back) ** 2, 2.5)
    return np.asarray(found / max(float(found.max()), 1e-12))


def salient_square(salient: NDArray[np.float64], width: int, height: int) -> Box:
    """The largest square of a photo that holds most of its saliency [h, w].

    Of squares that hold as much, the most central one.
    """
    side = min(width, height)
    along = salient.sum(0 if width > height else 1)
    span, longer = len(along), max(width, height)
    window = max(1, round(span * side / longer))
    sums = np.convolve(along, np.ones(window), "valid")
    centre = (len(sums) - 1) / 2
    best = min(
        np.flatnonzero(sums >= sums.max() * (1 - 1e-9)), key=lambda start: abs(start - centre)
    )
    free = longer - side
    start = round(free * int(best) / max(len(sums) - 1, 1))
    start = free // 2 if len(sums) == 1 else start
    return (start, 0, start + side, side) if width > height else (0, start, side, start + side)


def crop_words(crops: dict[str, int], objects: Sequence[str]) -> str:
    """How photos were cropped, in words."""
    total = max(sum(crops.values()), 1)
    what = f" ({', '.join(objects)})" if objects else ""
    names = {
        "detect": f"around the object found{what}",
        "attention": "where most happens",
        "boxes": "as the boxes say",
        "center": "the centre",
        "none": "whole",
    }
    parts = [f"{names[kind]} {count / total:.0%}" for kind, count in sorted(crops.items())]
    return f"cropped: {', '.join(parts)}"


def _object(box: Seen, across: float, down: float) -> FoundObject:
    left, right = int(box.x0 * across), int(np.ceil(box.x1 * across))
    top, bottom = int(box.y0 * down), int(np.ceil(box.y1 * down))
    corners = (left, top, max(right, left + 1), max(bottom, top + 1))
    return FoundObject(name=box.name, score=round(box.score, 4), box=corners)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _weight(seen: FoundObject) -> float:
    return float(seen.score * _area(seen.box) ** 0.5)


def _shared(one: Box, other: Box) -> float:
    """The area that two boxes share, by that of the smaller one."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(across, 0) * max(down, 0) / max(min(_area(one), _area(other)), 1)
