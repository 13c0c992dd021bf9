"""Decoders in child processes: what a stranger's photo does to one costs that photo alone."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, Self

import numpy as np
from PIL import Image

from limbeck.decoding.child import BYTES, SECONDS
from limbeck.decoding.decode import Box, Rejected, Square
from limbeck.decoding.embedded_facts import Facts
from limbeck.kit.memory import available_memory
from limbeck.sandbox import Child, Garbled, NotStarted
from limbeck.verdicts import Reason

DEATH = "its decoder"
"""How the verdict on a photo begins whose decoder died."""
HEAVY_PIXELS = 16_000_000
"""Photos of more pixels are decoded one at a time."""


class Decoders:
    """Children that decode, one for each thread that asks at a time; use as a context manager.

    A child has 2 GiB, 8 s of processor time and a minute for a photo, where the system can limit
    them, may write to no file, and answers in JSON and raw bytes. One that dies is replaced, and
    its photo tried once more in a new one: an earlier photo may have spoilt it.
    """

    def __init__(self) -> None:
        self._idle: list[Child] = []
        self._all: set[Child] = set()
        self._lock = threading.Lock()
        self._heavy = threading.Lock()
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._end_the_late, daemon=True)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End all children at once; threads that wait for one get `Stopped`."""
        self._closed.set()
        with self._lock:
            children, idle = list(self._all), self._idle
            self._idle = []
        for child in children:
            child.kill()
        for child in idle:
            child.code()  # of a busy one its thread asks
        if self._watch.is_alive():
            self._watch.join()

    @contextmanager
    def opened(self, data: bytes, *, pixels: int = 0) -> Iterator["Photo"]:
        """A photo's bytes, to be asked about by one thread.

        Args:
            data: of the file.
            pixels: width times height, where they are known.

        Raises:
            Stopped: these decoders are closed.
        """
        photo = Photo(self, data, pixels)
        try:
            yield photo
        finally:
            photo.done()

    def take(self, *, new: bool = False) -> "Child":
        """An idle child, or a new one."""
        with self._lock:
            if self._idle and not new:
                return self._idle.pop()
        child = Child("limbeck.decoding.child")
        with self._lock:
            self._all.add(child)
        if self._closed.is_set():
            child.kill()
        return child

    def give(self, child: "Child") -> None:
        """Back, if it lives."""
        with self._lock:
            if not child.dead:
                self._idle.append(child)
                return
            self._all.discard(child)
        child.code()

    @property
    def closed(self) -> bool:
        """Whether they were closed."""
        return self._closed.is_set()

    @contextmanager
    def turn(self, pixels: int) -> Iterator[None]:
        """Wait for one's turn, if the photo is heavy."""
        if pixels <= HEAVY_PIXELS:
            yield
            return
        with self._heavy:
            yield

    def _end_the_late(self) -> None:
        while not self._closed.wait(0.5):
            with self._lock:  # so that none is given to another photo meanwhile
                for child in self._all:
                    if child.deadline < time.monotonic():
                        child.kill(late=True)


class Stopped(Exception):
    """The decoders were closed while a photo was asked about."""


class Photo:
    """A photo in a child: sent there when it is first asked about.

    Every method raises:
        Rejected: the file is at fault: see `decode`; or its decoder died, or needed more time or
            memory than a photo does.
        MemoryError: the machine has too little memory for a photo.
        Stopped: the decoders were closed.
    """

    def __init__(self, decoders: Decoders, data: bytes, pixels: int) -> None:
        self._decoders, self._data, self._pixels = decoders, data, pixels
        self._child: Child | None = None

    @property
    def size(self) -> int:
        """Bytes of its file."""
        return len(self._data)

    def upright_size(self) -> tuple[int, int]:
        """(width, height) after EXIF rotation, from the header alone."""
        words, _ = self._ask({"do": "size"})
        width, height = _whole(words, "size", 2)
        self._pixels = width * height
        return width, height

    def facts(self) -> Facts:
        """What the file tells of its rights, camera and day: see `embedded_facts`."""
        words, _ = self._ask({"do": "facts"})
        found = words.get("facts")
        if not isinstance(found, dict) or found.keys() != asdict(Facts()).keys():
            raise self._died("answered nonsense")
        if not all(fact is None or isinstance(fact, str) for fact in found.values()):
            raise self._died("answered nonsense")
        return Facts(**found)

    def upright_box(self, box: Box) -> Box:
        """See `decode.upright_box`."""
        return self._box("upright box", box)

    def stored_box(self, box: Box) -> Box:
        """See `decode.stored_box`."""
        return self._box("stored box", box)

    def _box(self, do: str, box: Box) -> Box:
        words, _ = self._ask({"do": do, "box": box})
        left, top, right, bottom = _whole(words, "box", 4)
        return left, top, right, bottom

    def glance(self, longest: int) -> Image.Image:
        """See `decode.glance`."""
        with self._decoders.turn(self._pixels):
            words, load = self._ask({"do": "glance", "longest": longest}, 3 * longest * longest)
        width, height = _whole(words, "size", 2)
        if len(load) != 3 * width * height:
            raise self._died("answered nonsense")
        return Image.frombytes("RGB", (width, height), load)

    def square(self, box: Box, side: int) -> Square:
        """See `decode.square`."""
        return self.scored(box, side, box[2] - box[0], box[3] - box[1])[0]

    def scored(self, box: Box, side: int, width: int, height: int) -> tuple[Square, dict[str, Any]]:
        """A square and its scores: see `decode.square` and `measures.scores_of`.

        Args:
            box, side: as of `decode.square`.
            width, height: of the upright photo, pixels.
        """
        with self._decoders.turn(self._pixels):
            asked = {"do": "square", "box": box, "side": side, "of": [width, height]}
            words, load = self._ask(asked, 3 * side * side)
        note, kind = words.get("note"), words.get("format")
        if len(load) != 3 * side * side or not (isinstance(note, str) and isinstance(kind, str)):
            raise self._died("answered nonsense")
        pixels = np.frombuffer(load, dtype=np.uint8).reshape(3, side, side).copy()
        scores = words.get("scores")
        return Square(pixels, note, kind), scores if isinstance(scores, dict) else {}

    def done(self) -> None:
        """Give the child back."""
        if self._child is not None:
            self._decoders.give(self._child)
            self._child = None

    def _ask(self, words: dict[str, Any], most: int = 0) -> tuple[dict[str, Any], bytes]:
        for attempt in (1, 2):
            if self._decoders.closed:
                raise Stopped
            try:
                said, load = self._exchange(words, most, new=attempt == 2)
                break
            except (Garbled, OSError, NotStarted) as error:
                if self._decoders.closed:
                    raise Stopped from None
                if self._child is None:
                    raise
                spent = self._child.spent()
                why = self._end_child()
                if attempt == 2 or spent:
                    raise (error if isinstance(error, NotStarted) else why) from None
        if "memory" in said:
            self._end_child()
            if said["memory"] != "ours":
                raise MemoryError("decoding")
            raise Rejected(Reason.TOO_COSTLY, f"decoding it took more than {BYTES >> 30} GiB")
        if "rejected" in said:
            reason = Reason.CORRUPT
            with suppress(ValueError):
                reason = Reason(said["rejected"])
            raise Rejected(reason, str(said.get("detail", ""))[:200])
        return said, load

    def _exchange(
        self, words: dict[str, Any], most: int, *, new: bool
    ) -> tuple[dict[str, Any], bytes]:
        if self._child is None:
            self._child = self._decoders.take(new=new)
            return self._child.exchange({"new": True, **words}, self._data, most)
        return self._child.exchange({"new": False, **words}, b"", most)  # it holds the photo

    def _end_child(self) -> Rejected:
        """End the child, forget it, and say how it died."""
        child = self._child
        assert child is not None
        child.kill()
        code = child.code()
        self.done()
        if limit := child.overdue(SECONDS):
            return Rejected(Reason.TOO_COSTLY, f"decoding it took more than {limit}")
        if code == -getattr(signal, "SIGKILL", 9) and (available_memory() or BYTES) < BYTES:
            raise MemoryError("a decoder was killed")
        return self._died(f"was killed by signal {-code}" if code < 0 else f"exited with {code}")

    def _died(self, how: str) -> Rejected:
        return Rejected(Reason.CORRUPT, f"{DEATH} {how}")


def _whole(words: dict[str, Any], name: str, count: int) -> list[int]:
    """Whole numbers that a child said; what it says may be anything."""
    found = words.get(name)
    if not isinstance(found, list) or len(found) != count:
        raise Rejected(Reason.CORRUPT, f"{DEATH} answered nonsense")
    if not all(isinstance(one, int) and 0 <= one < 1 << 31 for one in found):
        raise Rejected(Reason.CORRUPT, f"{DEATH} answered nonsense")
    return found
