"""Walks and style mixes for the pages: what is asked, and its frames and cells."""

import hashlib
import queue
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field
from torch import Tensor

from limbeck.editing import (
    FilmForm,
    Point,
    Through,
    Walk,
    layers_named,
    mixed_latents,
    mode_points,
    write_film,
)
from limbeck.errors import UsageError
from limbeck.latents import Sample, images_of_w
from limbeck.studio.answers import Asked, Unknown
from limbeck.studio.drawing import Easel, Look, Seed, Version, check_look

MOST_FRAMES = 2000
_EVEN = 16  # stops, up to which a way is measured
_WALKS = 4  # that are remembered
_AT_ONCE = 4  # frames in one forward


class StopAsked(Asked):
    """A seed as a look draws it, or the centre of a mode."""

    seed: Seed | None = None
    mode: int | None = Field(None, ge=0, le=100_000)
    look: Look | None = None


class WalkAsked(Asked):
    """A walk; `look` draws the seeds that have none of their own."""

    of: Version
    stops: list[StopAsked] = Field(min_length=2, max_length=64)
    look: Look
    frames: int = Field(96, ge=2, le=MOST_FRAMES)
    loop: bool = True
    through: Through = "straight"
    even: bool = False

    @property
    def name(self) -> str:
        """16 hex that name it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


class Walks:
    """The last few walks: measured once, drawn frame by frame."""

    def __init__(self, easel: Easel) -> None:
        self.easel = easel
        self._held: OrderedDict[str, tuple[str, Walk]] = OrderedDict()
        self._lock = threading.Lock()

    def walk(self, asked: WalkAsked) -> Walk:
        """The walk, made where it is not remembered.

        Raises:
            UsageError: there are no such stops, or no such way.
        """
        with self._lock:
            if asked.name in self._held:
                self._held.move_to_end(asked.name)
                return self._held[asked.name][1]
        if asked.even and len(asked.stops) > _EVEN:
            raise UsageError(f"more than {_EVEN} stops at an even pace", "let t run evenly")
        points = [self._point(asked, stop) for stop in asked.stops]
        look = asked.look
        with self.easel.networks(asked.of) as pipeline:
            check_look(pipeline, look)
            made = pipeline.walk(
                points, asked.frames, loop=asked.loop, through=asked.through, even=asked.even,
                psi=look.psi, truncation=look.truncation, cutoff=look.cutoff,
                noise="none" if look.noise == "none" else "const",
            )  # fmt: skip
        with self._lock:
            self._held[asked.name] = (asked.of, made)
            if len(self._held) > _WALKS:
                self._held.popitem(last=False)
        return made

    def _point(self, asked: WalkAsked, stop: StopAsked) -> Point:
        if stop.seed is not None and stop.mode is None:
            return self.easel.point(asked.of, stop.look or asked.look, int(stop.seed))
        if stop.mode is None or stop.seed is not None:
            raise UsageError("a stop is a seed or a mode", "give one of them")
        with self.easel.networks(asked.of) as pipeline:
            return mode_points(pipeline, pipeline.modes, [stop.mode])[0]

    def frames(self, name: str, first: int, count: int) -> Iterator[tuple[int, Tensor]]:
        """Frames and their numbers, from `first` on; uint8 [3, S, S].

        Raises:
            Unknown: this walk is forgotten: ask for it again.
        """
        with self._lock:
            if name not in self._held:
                raise Unknown("this walk is forgotten", "ask for it again")
            version, walk = self._held[name]
        end, at = min(first + count, len(walk)), first
        while at < end:
            held = self.easel.memory.get((name, at))
            if held is not None:
                yield at, held.image
                at += 1
                continue
            with self.easel.networks(version) as pipeline:
                step = 1 if pipeline.device.type == "cpu" else _AT_ONCE
                drawn = list(walk.part(at, min(at + step, end)))
            for image in drawn:
                self.easel.memory.put((name, at), Sample(0, image, None))
                yield at, image
                at += 1

    def film(self, name: str, fps: float) -> Iterator[int | bytes]:
        """How many frames are drawn, again and again, and at last the animated WebP.

        Raises:
            Unknown: as `frames`.
            DataError: it cannot be written.
        """
        with self._lock:
            if name not in self._held:
                raise Unknown("this walk is forgotten", "ask for it again")
            count = len(self._held[name][1])
        told: queue.SimpleQueue[int | bytes | Exception] = queue.SimpleQueue()
        stopped = threading.Event()

        def drawn() -> Iterator[Tensor]:
            for number, image in self.frames(name, 0, count):
                if stopped.is_set():
                    raise UsageError("nobody waits for this film any more")
                told.put(number + 1)
                yield image

        def write() -> None:
            try:
                with tempfile.TemporaryDirectory(prefix="limbeck-film-") as folder:
                    out = Path(folder) / "walk.webp"
                    write_film(drawn(), count, out, FilmForm(fps=fps))
                    told.put(out.read_bytes())
            except Exception as error:
                told.put(error)

        threading.Thread(target=write, name="limbeck-film", daemon=True).start()
        try:
            while True:
                one = told.get()
                if isinstance(one, Exception):
                    raise one
                yield one
                if isinstance(one, bytes):
                    return
        finally:
            stopped.set()


class MixAsked(Asked):
    """A grid of mixes: each row's seed with some layers of each column's."""

    of: Version
    rows: list[Seed] = Field(min_length=1, max_length=32)
    columns: list[Seed] = Field(min_length=1, max_length=32)
    layers: str = Field("coarse", max_length=100)
    look: Look


def mixes(easel: Easel, asked: MixAsked) -> Iterator[tuple[int, int, Tensor]]:
    """Row, column and image of each cell; row -1 are the columns' own images, column -1 the rows'.

    Raises:
        UsageError: no such layers, or as `Easel.images`.
    """
    with easel.networks(asked.of) as pipeline:
        layers = layers_named(asked.layers, pipeline.G_ema.num_ws)
    points: dict[str, list[Point]] = {"rows": [], "columns": []}
    for which, seeds in (("columns", asked.columns), ("rows", asked.rows)):
        for place, seed in enumerate(seeds):
            points[which].append(easel.point(asked.of, asked.look, int(seed)))
            own = next(easel.images(asked.of, asked.look, [int(seed)])).image
            yield (place, -1, own) if which == "rows" else (-1, place, own)
    for row, left in enumerate(points["rows"]):
        for column, top in enumerate(points["columns"]):
            key = (asked.of, asked.look, layers, asked.rows[row], asked.columns[column])
            held = easel.memory.get(key)
            if held is None:
                image = _mixed(easel, asked, left, top, layers)
                held = easel.memory.put(key, Sample(0, image, None))
            yield row, column, held.image


def _mixed(
    easel: Easel, asked: MixAsked, left: Point, top: Point, layers: tuple[int, ...]
) -> Tensor:
    with easel.networks(asked.of) as pipeline:
        ws = mixed_latents(left.ws[None], top.ws[None], layers)
        return next(images_of_w(pipeline, ws, noise=asked.look.noise))
