"""Progress: one mechanism for all that takes long.

Work announces itself with `working` (or `track`, for items) and tells how far it is. On a terminal
a live display shows it; elsewhere a plain line is written about every ten seconds, whether or not
the work has anything new to tell, so nobody wonders whether the program hangs.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from limbeck.logs.console import console, is_live, say, silence
from limbeck.logs.text import line, styled
from limbeck.logs.walk import Walk, duration
from limbeck.processes import rank

T = TypeVar("T")

EVERY = 10.0  # seconds between plain lines
_BEAT = 0.5
_WINDOW = 60.0  # seconds over which a rate is taken
_YOUNG = 2.0  # seconds: a piece of work inside another is shown once it is older


class Task:
    """A piece of work under way, made by `working`.

    Args:
        what: what is being done, for people: "scoring photos", "grouping 10,000 latents".
        total: how much there is to do; None where nobody can tell.
        things: what is counted, for the rate: "photos" -> "12 photos/s".
        kimg: the count is of images and is shown in thousands of them.
        started: how much was done before.
    """

    def __init__(
        self, what: str, total: int | None, things: str, kimg: bool = False, started: int = 0
    ) -> None:
        self.what, self.total, self.things, self.kimg = what, total, things, kimg
        self.note = ""
        self.spinner = Spinner("dots", styled(what, ""))
        self._done = self._started = started
        self._began = time.monotonic()
        self._marks: deque[tuple[float, int]] = deque()

    def at(self, done: int, note: str | None = None) -> None:
        """So much is done; `note` stays until another one is given."""
        now = time.monotonic()
        with _LOCK:
            self._done = done
            self.note = self.note if note is None else note
            if done != self._started and (not self._marks or now - self._marks[-1][0] >= 1):
                self._marks.append((now, done))
            while len(self._marks) > 2 and now - self._marks[1][0] > _WINDOW:
                self._marks.popleft()

    def step(self, count: int = 1) -> None:
        """So much more is done."""
        self.at(self._done + count)

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    @property
    def done(self) -> int:
        """How much is done; never more than there is to do."""
        return self._done if self.total is None else min(self._done, self.total)

    @property
    def rate(self) -> float | None:
        """Items a second over the last minute, without the first one (it waits for much else)."""
        with _LOCK:
            if not self._marks:
                return None
            (then, before), (now, _) = self._marks[0], self._marks[-1]
            return (self._marks[-1][1] - before) / (now - then) if now > then else None

    @property
    def left(self) -> float | None:
        """Seconds until it is done, never below 0; None while nobody can tell."""
        rate = self.rate
        if self.total is None or not rate:
            return None
        with _LOCK:
            then, done = self._marks[-1]
        return max((self.total - done) / rate - (time.monotonic() - then), 0.0)

    def facts(self) -> str:
        """`128 of 301, 13 photos/s, 14s left` or how long it has been going on."""
        if self.total is None:
            return ", ".join(filter(None, [f"{duration(int(self.elapsed))} so far", self.note]))
        if self._done == self._started and not self._marks:
            return f"{self.note or 'getting ready'}, {duration(int(self.elapsed))} so far"
        each = 1000 if self.kimg else 1
        shown = f"{self.done / each:,.6g} of {self.total / each:,.6g}{' kimg' * self.kimg}"
        rate, left = self.rate, self.left
        parts = [shown]
        if rate and self.things:
            parts.append(f"{rate:,.0f} {self.things}/s" if rate >= 10 else _slow(rate, self.things))
        parts += [f"{duration(round(left))} left"] if left is not None else []
        parts += [self.note] if self.note else []
        return ", ".join(parts)


def _slow(rate: float, things: str) -> str:
    return f"{rate:.1f} {things}/s" if rate >= 1 else f"{1 / rate:.1f} s each"


class _Screen:
    """What is under way in this process, and where it is shown."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.walk: Walk | None = None
        self.base: Task | None = None
        self.asking = False
        self._live: Live | None = None
        self._stop: threading.Event | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Start showing, if that is not done yet."""
        if self._live or self._thread or self.asking or rank() or console().quiet:
            return
        if is_live():
            self._live = Live(
                console=console(), get_renderable=self.render, transient=True,
                refresh_per_second=4, redirect_stdout=False,
            )  # fmt: skip
            self._live.start()
            return
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beats, args=(self._stop,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop showing when nothing is left to show."""
        if (self.tasks or self.walk or self.base) and not self.asking:
            return
        live, self._live = self._live, None
        thread, self._thread = self._thread, None
        if live is not None:
            live.stop()
        if thread is not None and self._stop is not None:
            self._stop.set()
            thread.join()

    def _beats(self, stop: threading.Event) -> None:
        while not stop.wait(_BEAT):
            try:
                self.beat()
            except (OSError, ValueError):  # nobody listens any more
                return

    def beat(self) -> None:
        """A plain line, if the last one is old enough."""
        if silence() >= EVERY and (words := self.words()):
            say("  ", words)

    def words(self) -> str:
        """What is going on, as one line; empty when nothing is."""
        with _LOCK:
            tasks, walk = list(self.tasks), self.walk
        task = _shown(tasks)
        head = walk.now if walk is not None else ""
        whole = _whole(walk, tasks)
        if task is None:
            if walk is None or not head:
                return "" if self.base is None else f"{self.base.what}: {self.base.facts()}"
            return f"{head}: {duration(int(walk.elapsed))} so far{whole}"
        return f"{head + ': ' if head else ''}{task.what}: {task.facts()}{whole}"

    def render(self) -> RenderableType:
        """The live display."""
        with _LOCK:
            tasks, walk = list(self.tasks or ([self.base] if self.base else [])), self.walk
        lines: list[RenderableType] = []
        if walk is not None and walk.now:
            whole = _whole(walk, tasks)
            lines.append(
                line(styled(walk.title, "bold"), f", {duration(int(walk.elapsed))}{whole}")
            )
        if tasks:
            table = Table.grid(padding=(0, 1))
            for task in tasks:
                table.add_row(task.spinner, _bar(task), Text(task.facts(), no_wrap=True))
            lines.append(table)
        return Group(*lines)


def _shown(tasks: list[Task]) -> Task | None:
    """The innermost piece of work that has been going on for a moment."""
    return next((t for t in reversed(tasks) if t.elapsed >= _YOUNG), tasks[0] if tasks else None)


def _whole(walk: Walk | None, tasks: list[Task]) -> str:
    of_stage = tasks[0].left if tasks and tasks[0].kimg else None  # others are parts of theirs
    left = walk.left(of_stage) if walk is not None else None
    if walk is None or left is None or (walk.is_last and of_stage is not None):
        return ""
    return f" (the whole: about {duration(round(left))} left)"


def _bar(task: Task) -> RenderableType:
    if task.total is None:
        return Text("")
    return ProgressBar(total=max(task.total, 1), completed=task.done, width=20)


_LOCK = threading.RLock()
_SCREEN = _Screen()


@contextmanager
def working(
    what: str, total: int | None = None, things: str = "", *, kimg: bool = False, done: int = 0
) -> Iterator[Task]:
    """Say what is being done while inside; see `Task` for the arguments.

    `with logs.working("fitting densities"):` for what cannot be counted;
    `with logs.working("training", 50_000, "images", kimg=True) as task: ... task.at(images)`.
    """
    task = Task(what, total, things, kimg, done)
    with _LOCK:
        _SCREEN.tasks.append(task)
    try:
        _SCREEN.open()
        yield task
    finally:
        with _LOCK:
            _SCREEN.tasks.remove(task)
        _SCREEN.close()


@contextmanager
def awake(what: str) -> Iterator[None]:
    """Show that `what` goes on, wherever nothing inside says what it does (loading libraries)."""
    before, _SCREEN.base = _SCREEN.base, Task(what, None, "")
    try:
        _SCREEN.open()
        yield
    finally:
        _SCREEN.base = before
        _SCREEN.close()


@contextmanager
def paused() -> Iterator[None]:
    """Nothing is shown while inside: somebody is asked a question."""
    _SCREEN.asking = True
    try:
        _SCREEN.close()
        yield
    finally:
        _SCREEN.asking = False
        if _SCREEN.tasks or _SCREEN.walk or _SCREEN.base:
            _SCREEN.open()


def track(items: Iterable[T], what: str, total: int, things: str = "") -> Iterator[T]:
    """Pass items through while showing progress; `total` counts items, `things` names them."""
    with working(what, total, things) as task:
        for done, item in enumerate(items, 1):
            yield item
            task.at(done)


@contextmanager
def stages(
    names: Sequence[str] | Mapping[str, str], seconds: Mapping[str, float] | None = None
) -> Iterator[Walk]:
    """Walk over the stages of a long command.

    `with logs.stages({"data": "reading photos", "raw": "first training"}) as walk:` and for each
    stage either `walk.skip(name)` or `walk.begin(name) ... walk.end()`. `seconds` (and
    `walk.expect(name, seconds)` later) make it say when the whole will be done, as soon as every
    stage that is still to come has a length. Work inside a stage is shown with the stage's name.
    """
    walk = Walk(names, seconds)
    _SCREEN.walk = walk
    try:
        _SCREEN.open()
        yield walk
    finally:
        _SCREEN.walk = None
        _SCREEN.close()
