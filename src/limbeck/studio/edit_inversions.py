"""Inversions of the tab `edit`: one at a time, in the background, on networks of its own."""

import threading
import time
from typing import Any, Literal

from torch import Tensor

from limbeck import logs
from limbeck.editing import Glance, Inversion, Point, figures, invert
from limbeck.errors import LimbeckError, UsageError
from limbeck.kit.images import to_float, to_uint8
from limbeck.studio.answers import Unknown
from limbeck.studio.edit_desk import Desk, Photo, Place, Shelf, alex

LATENTS = "latents.safetensors"
_HELD = 4
_EVERY = 0.2  # seconds between looks
_GONE = "the studio draws with other networks now"

State = Literal["waiting", "running", "done", "stopped", "failed"]


class _Halted(Exception):
    """It was ended by whoever asked for it."""


class Job:
    """One inversion: where it is, what it looks like, and in the end its place.

    Args:
        desk: where the place goes.
        photo: what is looked for.
        steps: a third of them in W, the others in W+.
        before: the one that was begun earlier; it has been halted, and is waited for.
    """

    def __init__(self, desk: Desk, photo: Photo, steps: int, before: "Job | None") -> None:
        self._desk, self._photo, self._steps, self._before = desk, photo, steps, before
        self._lock, self._halt = threading.Lock(), threading.Event()
        self._state: State = "waiting"
        self._error: dict[str, str] | None = None
        self._stage, self._step = "start", 0
        self._left: float | None = None
        self._curve: list[tuple[int, float, float]] = []
        self._first: Tensor | None = None
        self._now: Tensor | None = None
        self._ws: Tensor | None = None
        self._place: str | None = None
        self._began = self._looked = 0.0
        self._turn = -1
        self._thread = threading.Thread(target=self._run, name="limbeck-inversion", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def halt(self) -> None:
        """End at the next step; what was found until then becomes the place."""
        self._halt.set()

    @property
    def ended(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._state not in ("waiting", "running")

    def wait(self, seconds: float | None = None) -> None:
        """Until it has ended."""
        self._thread.join(seconds)

    def told(self, since: int) -> dict[str, Any]:
        """All about it, for the page.

        Args:
            since: how many points of the curve the page has.
        """
        with self._lock:
            return {
                "state": self._state,
                "stage": self._stage,
                "step": self._step,
                "of": self._steps,
                "left": self._left,
                "looks": len(self._curve),
                "curve": self._curve[since:],
                "place": self._place,
                "error": self._error,
            }

    def image(self, which: Literal["start", "now"]) -> Tensor:
        """uint8 [3, S, S].

        Raises:
            Unknown: there is none yet.
        """
        with self._lock:
            found = self._first if which == "start" else self._now
        if found is None:
            raise Unknown("there is no image yet", "wait a moment")
        return found

    def _run(self) -> None:
        if self._before is not None:
            self._before.wait()
            self._before = None
        try:
            self._invert()
        except _Halted:
            self._end("stopped")
        except LimbeckError as error:
            self._fail(error.what, error.do)
        except Exception as error:  # a background thread has nobody above it who would tell
            logs.warn(f"an inversion of the studio failed: {type(error).__name__}: {error}")
            self._fail(f"the inversion failed: {type(error).__name__}", "see the studio's terminal")

    def _invert(self) -> None:
        if self._halt.is_set():
            raise _Halted
        networks, modes, _, self._turn = self._desk.copied()
        third = self._steps // 3
        settings = Inversion.of(steps_w=third, steps_w_plus=self._steps - third, batch=1)
        with self._lock:
            self._state, self._began = "running", time.monotonic()
        found = invert(
            networks, self._photo.square, settings, encoder=networks.E_ema, modes=modes,
            watch=self._see,
        )  # fmt: skip
        last = found.final
        with self._lock:
            self._now, self._ws, self._step = last.images[0], last.ws[0], self._steps
            figure = last.figures[0]
            self._curve.append((self._steps, figure.lpips, figure.psnr))
        self._end("done")

    def _see(self, glance: Glance) -> None:
        if self._halt.is_set():
            raise _Halted
        now = time.monotonic()
        if glance.step and now - self._looked < _EVERY:
            return
        if not glance.step:
            self._began = now
        images = glance.images.float()
        photo = to_float(self._photo.square.to(images.device))
        (figure,) = figures(photo, images, alex(images.device))
        with self._lock:
            self._stage, self._step = glance.stage, glance.step
            self._now, self._ws = to_uint8(images)[0].cpu(), glance.ws[0].cpu()
            if not glance.step:
                self._first = self._now
            else:
                self._left = (now - self._began) / glance.step * (glance.of - glance.step)
            self._curve.append((glance.step, figure.lpips, figure.psnr))
        self._looked = time.monotonic()

    def _end(self, state: State) -> None:
        place = None
        if self._ws is not None:
            place = self._desk.put_place(
                Place(Point(self._photo.name, self._ws), LATENTS), self._turn
            )
            if place is None:
                self._fail(_GONE, "begin again")
                return
        with self._lock:
            self._state, self._place, self._left = state, place, None

    def _fail(self, what: str, do: str) -> None:
        with self._lock:
            self._state, self._left = "failed", None
            self._error = {"error": what, "do": do}


class Jobs:
    """The inversions that were asked for: a new one ends the one before it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._held: Shelf[Job] = Shelf(_HELD)
        self._last: Job | None = None

    def begin(self, photo: Photo, steps: int) -> str:
        """Its id.

        Raises:
            UsageError: too many wait for the one under way to end.
        """
        with self._lock:
            if sum(not job.ended for job in self._held.values()) >= _HELD:
                raise UsageError("too many inversions wait", "begin again in a moment")
            if self._last is not None:
                self._last.halt()
            job = Job(self._desk, photo, steps, self._last)
            self._last = job
            job.start()
            return self._held.put(job)

    def find(self, name: str) -> Job:
        """The job of an id.

        Raises:
            Unknown: there is none, or it was forgotten.
        """
        with self._lock:
            if name not in self._held:
                raise Unknown("this inversion is not held any more", "begin again")
            return self._held[name]
