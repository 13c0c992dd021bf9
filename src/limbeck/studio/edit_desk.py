"""What the tab `edit` holds in memory: photos that were sent, and places in latent space."""

import secrets
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor

from limbeck.editing import Point, Tuned, changed
from limbeck.kit.images import resize_area, to_float
from limbeck.latents import SPACE_SIZE, ModeCentres
from limbeck.model import Pipeline
from limbeck.nets import AnyGenerator
from limbeck.percept import LPIPS
from limbeck.studio.answers import Unknown
from limbeck.studio.painter import Painter

PHOTOS, PLACES = 16, 64
"""So many are held; the oldest is forgotten."""
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo's centre square.

    Attributes:
        name: of its file, as the browser said; any text.
        width, height: of the upright photo, pixels.
        square: uint8 [1, 3, S, S] on the CPU.
        note: what was odd about its file, or empty.
        mode, distance: the mode whose centre's image looks most like it, and LPIPS to that.
    """

    name: str
    width: int
    height: int
    square: Tensor
    note: str
    mode: int | None
    distance: float | None


@dataclass(frozen=True, eq=False)
class Place:
    """Latents to edit.

    Attributes:
        point: their name, and ws float32 [num_ws, w_dim] on the CPU.
        stop: what `limbeck edit` calls it: `seed:5`, `mode:3` or a file of latents.
        psi: strength of truncation of a seed; else None.
    """

    point: Point
    stop: str
    psi: float | None = None


class Shelf(OrderedDict[str, T]):
    """The newest of some things, under names that nobody can guess."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def put(self, thing: T) -> str:
        """Its name."""
        name = secrets.token_hex(16)
        self[name] = thing
        while len(self) > self.most:
            self.popitem(last=False)
        return name


class Desk:
    """Photos and places of one generator; emptied when the studio draws with another."""

    def __init__(self, painter: Painter) -> None:
        self.painter = painter
        self._lock = threading.RLock()
        self._photos: Shelf[Photo] = Shelf(PHOTOS)
        self._places: Shelf[Place] = Shelf(PLACES)
        self._of: weakref.ref[AnyGenerator] | None = None
        self.turn = 0

    @contextmanager
    def drawing(self) -> Iterator[Pipeline]:
        """The pipeline, as `Painter.pipeline`; `turn` counts how often it was another one."""
        with self.painter.pipeline() as pipeline:
            with self._lock:
                if self._of is None or self._of() is not pipeline.G_ema:
                    self._photos.clear()
                    self._places.clear()
                    self._of, self.turn = weakref.ref(pipeline.G_ema), self.turn + 1
            yield pipeline

    def copied(self) -> tuple[Tuned, ModeCentres | None, float, int]:
        """Networks that nobody else uses, their modes, the usual psi, and the turn that it is."""
        with self.drawing() as pipeline:
            own = Tuned(changed(pipeline, {}), pipeline.E_ema, pipeline.config)
            return own, pipeline.modes, pipeline.psi, self.turn

    def put_photo(self, photo: Photo) -> str:
        """Hold a photo; its id."""
        with self._lock:
            return self._photos.put(photo)

    def photo(self, name: str) -> Photo:
        """The photo of an id.

        Raises:
            Unknown: there is none, or it was forgotten.
        """
        with self._lock:
            return _held(self._photos, name, "photo", PHOTOS)

    def put_place(self, place: Place, turn: int) -> str | None:
        """Hold a place; its id. None where the generator is another than at that turn."""
        with self._lock:
            return self._places.put(place) if turn == self.turn else None

    def place(self, name: str) -> Place:
        """The place of an id.

        Raises:
            Unknown: there is none, or it was forgotten.
        """
        with self._lock:
            return _held(self._places, name, "place", PLACES)


def _held(shelf: Shelf[T], name: str, what: str, most: int) -> T:
    if name not in shelf:
        raise Unknown(
            f"this {what} is not held any more", f"begin again; the newest {most} are held"
        )
    return shelf[name]


@cache
def alex(device: torch.device) -> LPIPS:
    """LPIPS-AlexNet there; loaded once."""
    return LPIPS.load("alex").to(device)


@torch.no_grad()
def nearest_mode(pipeline: Pipeline, square: Tensor) -> tuple[int | None, float | None]:
    """The mode whose centre's image looks most like a photo, and LPIPS to it (at 64 px).

    Args:
        pipeline: with modes, or without.
        square: uint8 [1, 3, S, S].

    Returns:
        (None, None) without modes.
    """
    if pipeline.modes is None:
        return None, None
    seen = resize_area(to_float(square.to(pipeline.device)), SPACE_SIZE)
    distances = pipeline.modes.to(pipeline.device).distances(alex(pipeline.device).embed(seen))[0]
    mode = int(distances.argmin())
    return mode, float(distances[mode])
