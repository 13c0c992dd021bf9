"""Do the images show the object at all? Two networks say so that nothing here is made with.

Distances between sets (FID, KID) go by features of images as wholes: the right colours and
textures in the right places bring them most of the way. Here each image is asked what it shows,
and every figure stands between that of photos never used to define it (`ceiling`) and that of
those photos with their tiles in shuffled order (`floor`: colours and textures without the object).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from limbeck import logs
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.kit.images import resize_area
from limbeck.kit.rng import generator
from limbeck.kit.selection import even_rows
from limbeck.percept import COCO, Box, Classifier, Detector

COVERED = 0.9  # of the photos' answers, by the classes of the domain
LEAST_SCORE = 0.3
_COMMON = 0.1  # of the photos, below which nothing found in them is what they show
_TILES = 4  # a side, shuffled for the floor
_FEWEST = 2  # photos in each half
_BATCH = 50


class Classifies(Protocol):
    """What names one class an image, such as `limbeck.percept.Classifier`."""

    @property
    def name(self) -> str:
        """Of its weights; goes beside the figures."""

    def classes_of(self, batches: Iterable[Tensor]) -> Tensor:
        """uint8 [n, 3, H, W] batches -> int64 [N] >= 0."""


class Detects(Protocol):
    """What finds objects in images, such as `limbeck.percept.Detector`."""

    @property
    def name(self) -> str:
        """Of its weights; goes beside the figures."""

    def detect_all(self, batches: Iterable[Tensor], *, least: float) -> list[list[Box]]:
        """uint8 [n, 3, H, W] batches -> the objects of each image, scored `least` or more."""


@dataclass(frozen=True)
class PictureJudges:
    """Those of the two judges that this machine has."""

    classifier: Classifies | None = None
    detector: Detects | None = None


def present_judges(
    device: str | torch.device = "cpu", detector: Path | None = None
) -> PictureJudges:
    """The judges whose weights (and, for the detector, onnxruntime) are here.

    One line is said about each that is not, with what to do; nothing is ever fetched.

    Args:
        device: of the classifier; the detector runs on the CPU.
        detector: file of the detector's weights; None = in limbeck's cache.

    Raises:
        UsageError: `detector` is given and is no file, or onnxruntime is not installed.
        WeightsError: `detector` is given and holds other bytes than the pinned ones.
    """
    classifier: Classifier | None = None
    found: Detector | None = None
    try:
        classifier = Classifier(device)
    except LimbeckError as error:
        logs.warn(f"not asked which class images show: {error.what}; {error.do}")
    try:
        found = Detector(detector)
    except LimbeckError as error:
        if detector is not None:
            raise
        logs.warn(f"no objects are looked for in images: {error.what}; {error.do}")
    return PictureJudges(classifier, found)


def recognise(
    generated: Tensor,
    photos: Tensor,
    judges: PictureJudges | None = None,
    *,
    shown: str | None = None,
    least_score: float = LEAST_SCORE,
    seed: int = 0,
) -> dict[str, dict[str, object]]:
    """What share of images shows the object of the photos; see `Recogniser`.

    Args:
        generated: uint8 [N, 3, S, S].
        photos: uint8 [M >= 4, 3, S', S'], S' >= S, as sharp as they are there, in an order that
            says nothing.
        judges: None = `present_judges()`.
        shown: name of the object among COCO's classes; None = the one most often found in photos.
        least_score: of an object that counts as found.
        seed: of the shuffled tiles.

    Returns:
        `recognised` and `detected`, each where its judge is there -> figures by name.

    Raises:
        UsageError: no images, or not uint8 squares, S no multiple of 4; an unknown `shown`; a
            score outside [0, 1].
        DataError: fewer than four photos.
    """
    _check(generated, "generated images")
    judge = Recogniser(
        photos, generated.shape[-1], present_judges() if judges is None else judges,
        shown=shown, least_score=least_score, seed=seed,
    )  # fmt: skip
    return judge(generated)


class Recogniser:
    """Photos judged once, against which any number of sets of images is then measured.

    Every second photo (the defining half) says what belongs to the domain, as sharp as it is: what
    a judge takes blurred photos for would let blurs pass as the object. The others (held out) are
    brought to the size of the images, so that photos and images are equally sharp, and say
    what could be reached.

    * `recognised`: the domain's classes are the smallest set that covers 90 % of the classifier's
      answers for the defining half. Needs no names: for dogs it comes out as their breeds.
    * `detected`: the domain's object is the class that the detector finds in most images of the
      defining half, unless it is named. Found in fewer than a tenth, it is no sign of the domain
      (the detector knows 80 classes), and there is no figure.
    """

    def __init__(
        self,
        photos: Tensor,
        size: int,
        judges: PictureJudges,
        *,
        shown: str | None = None,
        least_score: float = LEAST_SCORE,
        seed: int = 0,
    ) -> None:
        """Judge the photos; `size` is the images' side in pixels, the rest as in `recognise`.

        Raises:
            UsageError: not uint8 squares, a side that is no multiple of 4, an unknown `shown`, or
                a score outside [0, 1].
            DataError: fewer than four photos.
        """
        _check(photos, "photos")
        check_shown(shown)
        if not 0 <= least_score <= 1:
            raise UsageError(f"the least score is {least_score}", "give a number from 0 to 1")
        if len(photos) < 2 * _FEWEST:
            raise DataError(
                f"{len(photos)} photos cannot say what images should show",
                f"give at least {2 * _FEWEST}",
            )
        if size % _TILES:
            raise UsageError(
                f"images of {size} px cannot be cut into {_TILES} x {_TILES} tiles",
                f"give images whose side is a multiple of {_TILES}",
            )
        self.size, self.judges, self.least_score = size, judges, least_score
        defining = photos[0::2]
        held_out = _batches(photos[1::2], size)
        shuffled = [shuffle_tiles(batch, seed + row) for row, batch in enumerate(held_out)]
        self.defining, self.held_out = len(defining), sum(map(len, held_out))
        self.domain = torch.empty(0, dtype=torch.int64)
        self.shown = shown
        if judges.classifier is not None:
            classes = judges.classifier.classes_of(
                _shown("classes of photos", torch.split(defining, _BATCH))
            )
            self.domain = domain_classes(classes, COVERED)
            self._classes = judges.classifier.classes_of(held_out)
            self._recognised = _share(self._classes, self.domain)
            self._floor = _share(judges.classifier.classes_of(shuffled), self.domain)
        if judges.detector is not None:
            if shown is None:
                found = self._found(_shown("objects in photos", torch.split(defining, _BATCH)))
                self.shown = most_found(found)
            self._detected = self._share_found(held_out)
            self._detected_floor = self._share_found(shuffled)

    def __call__(self, generated: Tensor) -> dict[str, dict[str, object]]:
        """Figures of uint8 [N, 3, size, size] images.

        Returns:
            `recognised`, where there is a classifier: `value` (share of images in the domain's
            classes), `spread` (its standard error), `ceiling`, `floor`, `classes` (of the domain),
            `kinds` (effective number of classes in the answers, see `effective_kinds`) and
            `photo_kinds` of as many images and photos (`kinds_of`).
            `detected`, where there is a detector that found an object in photos: `value` (share of
            images with the object), `spread`, `ceiling`, `floor`, `shown` (its name),
            `least_score`.
            Both: `judge` (its weights), `pictures`, `defining`, `held_out` (counts of photos).

        Raises:
            UsageError: not uint8 images of that size.
        """
        _check(generated, "generated images")
        if generated.shape[-1] != self.size:
            raise UsageError(
                f"images of {generated.shape[-1]} px measured against photos at {self.size} px",
                "make one Recogniser for each size",
            )
        counts = {"pictures": len(generated), "defining": self.defining, "held_out": self.held_out}
        made: dict[str, dict[str, object]] = {}
        batches = torch.split(generated, _BATCH)
        if self.judges.classifier is not None:
            classes = self.judges.classifier.classes_of(_shown("classes of images", batches))
            value, each = _share(classes, self.domain), min(len(classes), self.held_out)
            kinds = [
                effective_kinds(some[even_rows(len(some), each)])
                for some in (classes, self._classes)
            ]
            made["recognised"] = {
                "value": value, "spread": _spread(value, len(classes)),
                "ceiling": self._recognised, "floor": self._floor, "classes": len(self.domain),
                "kinds": kinds[0], "photo_kinds": kinds[1], "kinds_of": each,
                "judge": self.judges.classifier.name, **counts,
            }  # fmt: skip
        if self.judges.detector is not None and self.shown is not None:
            value = self._share_found(_shown("objects in images", batches))
            made["detected"] = {
                "value": value, "spread": _spread(value, len(generated)),
                "ceiling": self._detected, "floor": self._detected_floor, "shown": self.shown,
                "least_score": self.least_score, "judge": self.judges.detector.name, **counts,
            }  # fmt: skip
        return made

    def _found(self, batches: Iterable[Tensor]) -> list[list[Box]]:
        assert self.judges.detector is not None
        return self.judges.detector.detect_all(batches, least=self.least_score)

    def _share_found(self, batches: Iterable[Tensor]) -> float:
        """Of images with the object; 0 where no object is known."""
        if self.shown is None:
            return 0.0
        found = self._found(batches)
        return sum(any(box.name == self.shown for box in boxes) for boxes in found) / len(found)


def domain_classes(classes: Tensor, covered: float = COVERED) -> Tensor:
    """The fewest classes that make up at least `covered` of the answers.

    Args:
        classes: int64 [N >= 1] >= 0, one answer an image.
        covered: share of the answers, in (0, 1].

    Returns:
        int64 [K], the commonest first; of equally common ones the lower number comes first.
    """
    counts = classes.bincount()
    order = counts.argsort(descending=True, stable=True)
    reached = counts[order].cumsum(0) >= covered * len(classes) - 1e-9
    return order[: int(reached.nonzero()[0]) + 1]


def effective_kinds(classes: Tensor) -> float:
    """exp of the entropy of the answers' histogram: how many equally common classes are as varied.

    1 for one class, K for K equally common ones. Few answers show few classes: compare equal
    counts only.

    Args:
        classes: int64 [N >= 1] >= 0.
    """
    shares = classes.bincount().double() / len(classes)
    return math.exp(-float(torch.special.xlogy(shares, shares).sum()))


def most_found(found: Sequence[Sequence[Box]]) -> str | None:
    """Class found in the most images (of equals the first of `COCO`); None under a tenth."""
    counts = Counter(name for boxes in found for name in {box.name for box in boxes})
    best = min(counts, key=lambda name: (-counts[name], COCO.index(name)), default=None)
    if best is None or counts[best] < _COMMON * len(found):
        most = f"the commonest, {best}, in {counts[best]}" if best else "none at all"
        logs.warn(
            f"the detector finds no object in a tenth of {len(found)} photos ({most}): none is "
            "looked for in images"
        )
        return None
    return best


def shuffle_tiles(pictures: Tensor, seed: int = 0) -> Tensor:
    """Each image cut into 4 x 4 tiles that are put together in a random order of its own.

    Args:
        pictures: uint8 [N, 3, S, S]; S a multiple of 4.
        seed: of the orders.
    """
    count, channels, side, _ = pictures.shape
    tile = side // _TILES
    cut = pictures.reshape(count, channels, _TILES, tile, _TILES, tile).permute(0, 2, 4, 1, 3, 5)
    tiles = cut.reshape(count, _TILES**2, channels, tile, tile)
    random = torch.rand(count, _TILES**2, generator=generator("tiles", seed))
    tiles = tiles[torch.arange(count)[:, None], random.argsort(1)]
    whole = tiles.view(count, _TILES, _TILES, channels, tile, tile).permute(0, 3, 1, 4, 2, 5)
    return whole.reshape(pictures.shape)


def check_shown(shown: str | None) -> None:
    """Refuse what is not one of COCO's classes.

    Raises:
        UsageError: it is not.
    """
    if shown is not None and shown not in COCO:
        raise UsageError(
            f"{shown!r} is no object that the detector knows", f"choose one of {', '.join(COCO)}"
        )


def _check(pictures: Tensor, what: str) -> None:
    square = (
        pictures.ndim == 4 and pictures.shape[1] == 3 and pictures.shape[2] == pictures.shape[3]
    )
    if pictures.dtype != torch.uint8 or not square or not pictures.numel():
        raise UsageError(
            f"{what} are {pictures.dtype} {tuple(pictures.shape)}",
            "give at least one uint8 square, [N, 3, S, S]",
        )


def _batches(photos: Tensor, size: int) -> list[Tensor]:
    return [resize_area(batch, size) for batch in torch.split(photos, _BATCH)]


def _shown(what: str, batches: Sequence[Tensor]) -> Iterable[Tensor]:
    return logs.track(iter(batches), what, len(batches))


def _share(classes: Tensor, domain: Tensor) -> float:
    return float(torch.isin(classes, domain).double().mean())


def _spread(share: float, count: int) -> float:
    """Standard error of a share of `count` independent images."""
    return math.sqrt(share * (1 - share) / count)
