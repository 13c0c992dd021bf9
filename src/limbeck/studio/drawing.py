"""Drawing seeds for the pages: how it is asked for, what is remembered, who has to wait."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from limbeck import fsio, logs
from limbeck.config import Truncation
from limbeck.editing import Point
from limbeck.errors import UsageError
from limbeck.kit.images import resize_area
from limbeck.latents import (
    Labels,
    NoiseKind,
    Sample,
    images_of_seeds,
    layered_psi,
    needs_pictures,
    tensors_digest,
)
from limbeck.model import HowDrawn, Pipeline
from limbeck.percept import LPIPS
from limbeck.studio.answers import Asked, Unknown
from limbeck.studio.painter import Painter
from limbeck.studio.place import turn

Seed = Annotated[str, Field(pattern="^[0-9]{1,19}$")]
"""A page's numbers are exact up to 2^53 only, so a seed is text."""
Version = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
_AT_ONCE = 16  # images in one forward on a GPU; on a CPU one is as fast, and a stop is soon heard
_WAITING = 16  # requests that draw or wait for it
_BYTES = 192 * 2**20  # of images that are remembered
_NAMES = 100_000  # seeds whose modes are remembered
_POINTS = 2000


class Look(Asked):
    """How seeds are drawn; as the options of `limbeck sample`."""

    psi: float = Field(0.7, ge=0, le=2, allow_inf_nan=False)
    truncation: Truncation = "global"
    mode: int | None = Field(None, ge=0, le=100_000)
    noise: NoiseKind = "const"
    cutoff: int | None = Field(None, ge=0, le=1000)
    label: str = Field("natural", pattern="^(natural|uniform|[0-9]{1,6})$")

    @property
    def index(self) -> int | None:
        """The mode that truncation `index` pulls to."""
        return self.mode if self.truncation == "index" else None

    @property
    def class_word(self) -> str | int:
        """The class, or how it is drawn."""
        return int(self.label) if self.label.isdigit() else self.label

    def labels(self, count: int) -> Labels:
        """Of so many seeds."""
        word = self.class_word
        if isinstance(word, int):
            return [word] * count
        return "natural" if word == "natural" else "uniform"


def obstacles(pipeline: Pipeline) -> dict[str, str]:
    """Each truncation by name, and why this model cannot do it; empty where it can."""
    modes = pipeline.modes
    none = "" if modes else "this model has no modes (limbeck modes finds them)"
    typical = none
    if modes is not None and modes.typical is None:
        typical = "these modes have no typical latents (limbeck modes finds them)"
    return {
        "none": "", "global": "", "multimodal-lpips": none, "multimodal-l2": none,
        "multimodal-typical": typical, "index": none,
    }  # fmt: skip


def check_look(pipeline: Pipeline, look: Look) -> None:
    """Whether this model can draw so.

    Raises:
        UsageError: it cannot, and why.
    """
    if why := obstacles(pipeline)[look.truncation]:
        raise UsageError(f"truncation {look.truncation}: {why}", "choose another truncation")
    if look.truncation == "index" and not 0 <= (look.mode or 0) < len(pipeline.modes or ()):
        raise UsageError(f"there is no mode {look.mode}", f"0 to {len(pipeline.modes or ()) - 1}")
    if look.truncation == "index" and look.mode is None:
        raise UsageError("one mode, and none is chosen", "choose a mode")
    layered_psi(look.psi, pipeline.G_ema.num_ws, look.cutoff)
    classes = pipeline.config.num_classes
    if isinstance(look.class_word, int) and look.class_word >= classes:
        raise UsageError(f"there is no class {look.label}", f"this model has {classes} classes")


class Memory:
    """Images by what was asked for; the ones looked at longest ago go first."""

    def __init__(self, most: int = _BYTES) -> None:
        self.most, self._bytes = most, 0
        self._held: OrderedDict[object, Sample] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object) -> Sample | None:
        """What is remembered under it."""
        with self._lock:
            if (found := self._held.get(key)) is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: object, one: Sample) -> Sample:
        """Remember, and give it back."""
        with self._lock:
            if key not in self._held:
                self._held[key] = one
                self._bytes += one.image.nbytes
            while self._bytes > self.most:
                self._bytes -= self._held.popitem(last=False)[1].image.nbytes
        return one


class Easel:
    """Draws for the pages, a chunk at a time, so that nobody waits long for the networks."""

    def __init__(self, painter: Painter) -> None:
        self.painter = painter
        self.memory = Memory()
        self._turns = threading.BoundedSemaphore(_WAITING)
        self._version: tuple[Pipeline, str, str] | None = None
        self._modes: dict[tuple[str, str, int], int] = {}
        self._lpips: tuple[torch.device, LPIPS] | None = None
        self._points: OrderedDict[object, Point] = OrderedDict()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One of the few places for requests that draw.

        Raises:
            Busy: all are taken.
        """
        with turn(self._turns):
            yield

    @contextmanager
    def networks(self, version: str | None = None) -> Iterator[Pipeline]:
        """The pipeline, for one user at a time; what it has to say of strengths stays here.

        Raises:
            Unknown: the networks or modes are not those of `version` any more.
        """
        with self.painter.pipeline() as pipeline, logs.hushed(), torch.no_grad():
            if version is not None and self.version(pipeline) != version:
                raise Unknown("the networks or their modes have changed: reload the page")
            yield pipeline

    def version(self, pipeline: Pipeline) -> str:
        """16 hex that name the networks and their modes together."""
        return self._named(pipeline)[1]

    def generator(self, pipeline: Pipeline) -> str:
        """16 hex that name the generator's weights, as `limbeck sample` writes them down."""
        return self._named(pipeline)[2]

    def _named(self, pipeline: Pipeline) -> tuple[Pipeline, str, str]:
        if self._version is None or self._version[0] is not pipeline:
            weights = tensors_digest(pipeline.G_ema.state_dict())
            modes = "" if pipeline.modes is None else pipeline.modes.drawing_digest()
            self._version = (pipeline, fsio.digest_json([weights, modes]), weights)
        return self._version

    def how(self, pipeline: Pipeline, look: Look) -> HowDrawn:
        """What a PNG says of it."""
        return HowDrawn(
            self.generator(pipeline), look.psi, look.truncation, look.noise, look.cutoff
        )

    def images(self, version: str, look: Look, seeds: Sequence[int]) -> Iterator[Sample]:
        """Images uint8 [3, S, S] in the seeds' order; others may draw between two chunks.

        Raises:
            Unknown: as `networks`.
            UsageError: as `check_look`.
        """
        start = 0
        while start < len(seeds):
            with self.networks(version) as pipeline:
                check_look(pipeline, look)
                step = 1 if pipeline.device.type == "cpu" else _AT_ONCE
                drawn = self._chunk(pipeline, version, look, seeds[start : start + step])
            start += step
            yield from drawn

    def _chunk(
        self, pipeline: Pipeline, version: str, look: Look, seeds: Sequence[int]
    ) -> list[Sample]:
        keys = [(version, look, seed) for seed in seeds]
        held = {key[2]: self.memory.get(key) for key in keys}
        lacking = [seed for seed, one in held.items() if one is None]
        found = {seed: one for seed, one in held.items() if one is not None}
        for one in self._drawn(pipeline, version, look, lacking):
            found[one.seed] = self.memory.put((version, look, one.seed), one)
        return [found[seed] for seed in seeds]

    def _drawn(
        self, pipeline: Pipeline, version: str, look: Look, seeds: Sequence[int]
    ) -> Iterator[Sample]:
        """Drawn now. The mode nearest by LPIPS does not depend on psi: it is looked for once."""
        truncation, index = look.truncation, look.index
        if len(seeds) == 1 and needs_pictures(truncation):
            known = self._modes.get((version, look.label, seeds[0]))
            if known is not None:
                truncation, index = "index", known
        for one in images_of_seeds(
            pipeline, seeds, psi=look.psi, truncation=truncation, modes=pipeline.modes,
            embedder=self._embedder(pipeline) if needs_pictures(truncation) else None,
            mode_index=index, noise=look.noise, labels=look.labels(len(seeds)),
            cutoff=look.cutoff, batch=_AT_ONCE,
        ):  # fmt: skip
            if needs_pictures(look.truncation) and one.mode is not None:
                if len(self._modes) >= _NAMES:
                    self._modes.clear()
                self._modes[version, look.label, one.seed] = one.mode
            yield one

    def _embedder(self, pipeline: Pipeline) -> LPIPS:
        if self._lpips is None or self._lpips[0] != pipeline.device:
            self._lpips = (pipeline.device, LPIPS.load("alex").to(pipeline.device))
        return self._lpips[1]

    def point(self, version: str, look: Look, seed: int) -> Point:
        """The place of a seed, truncated.

        Raises:
            Unknown, UsageError: as `images`.
        """
        key = (version, look, seed)
        with self.networks(version) as pipeline:
            if key in self._points:
                self._points.move_to_end(key)
                return self._points[key]
            check_look(pipeline, look)
            found = pipeline.points(
                seed, look.psi, look.truncation, cutoff=look.cutoff, mode_index=look.index,
                label=look.class_word,
            )[0]  # fmt: skip
            self._points[key] = found
            if len(self._points) > _POINTS:
                self._points.popitem(last=False)
            return found


def fitted(image: Tensor, side: int) -> Tensor:
    """uint8 [3, S, S], made smaller by area where it is larger than `side`."""
    return image if image.shape[-1] <= side else resize_area(image[None], side)[0]
