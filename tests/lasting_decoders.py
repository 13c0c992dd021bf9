"""Child processes that decode photos for one ingestion after another.

To start one takes longer than the few small photos of a test. What a decoder does to its child, and
that a new one is started then, is tested with real ones (tests/decoding/test_decoding_children.py).
"""

import os
import sys
import threading
from collections.abc import Hashable

from limbeck.sandbox import Child, Garbled

MOST = 4  # that wait


class Shelf:
    """Idle children by what they were started with; one shelf a process, for forks share pipes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[Hashable, Child]] = []

    def take(self, kind: Hashable) -> Child | None:
        """One of a kind that still lives."""
        with self._lock:
            for found in [entry for entry in self._idle if entry[0] == kind]:
                self._idle.remove(found)
                if found[1]._process.poll() is None:
                    return found[1]
                _end(found[1])
        return None

    def put(self, kind: Hashable, child: Child) -> None:
        """It waits for the next; the one that waited longest goes where there are many."""
        with self._lock:
            self._idle.append((kind, child))
            oldest = self._idle.pop(0)[1] if len(self._idle) > MOST else None
        if oldest is not None:
            _end(oldest)

    def clear(self) -> None:
        """End all."""
        with self._lock:
            for _, child in self._idle:
                _end(child)
            self._idle = []


def _end(child: Child) -> None:
    child.kill()
    child.code()


SHELF = Shelf()


class LastingChild:
    """In the place of a `Child`: ended while it works it is ended, else it goes onto the shelf."""

    def __init__(self, module: str) -> None:
        env = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
        self._kind = (os.getpid(), module, tuple(sys.path), sys.executable, tuple(env.items()))
        self._child = SHELF.take(self._kind) or Child(module)
        self._works, self._sound = threading.Lock(), True
        self._shelved = False

    def exchange(self, words: dict, data: bytes, most: int) -> tuple[dict, bytes]:  # type: ignore[type-arg]
        with self._works:
            if self._shelved:
                raise Garbled("it was given back")
            self._sound = False
            answer = self._child.exchange(words, data, most)
            self._sound = "memory" not in answer[0]
        return answer

    def kill(self, *, late: bool = False) -> None:
        if not late and self._works.acquire(blocking=False):
            try:
                if self._shelved:
                    return
                if self._sound and self._child._ready and not self._child.dead:
                    self._shelved = True
                    SHELF.put(self._kind, self._child)
                    return
            finally:
                self._works.release()
        self._child.kill(late=late)

    def code(self) -> int:
        return 0 if self._shelved else self._child.code()

    @property
    def dead(self) -> bool:
        return self._shelved or self._child.dead

    @property
    def deadline(self) -> float:
        return float("inf") if self._shelved else self._child.deadline

    def overdue(self, seconds: float) -> str:
        return "" if self._shelved else self._child.overdue(seconds)

    def spent(self) -> bool:
        return not self._shelved and self._child.spent()
