"""One writer at a time: a lock on a run's folder, and who holds it.

The lock is the operating system's (released when its process ends, however it ends); who holds it
stands beside it in a file for people. Readers need no lock: every file is whole or absent.
"""

import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict

from limbeck import fsio, logs
from limbeck.artefacts.run import RUN, STAGES
from limbeck.errors import DataError, LimbeckError

LOCK, WRITER = ".limbeck.lock", ".limbeck-writer.json"
BEAT = 5.0  # seconds between signs of life
GLANCE = 0.5  # seconds that a lock is waited for: whoever asks who writes holds it for a moment


class Writer(BaseModel):
    """Who writes into a folder."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pid: int
    host: str
    started: str
    command: str
    ended: str | None = None  # when it left in order; null while it writes, or when it was killed

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.started}"


def root_of(out: Path) -> Path:
    """The folder whose lock guards `out`: the run that it is a stage of, else itself."""
    out = Path(out).absolute()
    return out.parent if out.name in STAGES and (out.parent / RUN).exists() else out


def writer_of(root: Path) -> Writer | None:
    """Who holds the lock now; None where nobody does (a stale note of a dead process is none)."""
    if not (root / LOCK).exists():
        return None
    probe = FileLock(root / LOCK, timeout=0, thread_local=False)
    try:
        with probe:
            return None
    except Timeout:
        return noted(root) or Writer(pid=0, host="unknown", started="unknown", command="")
    except OSError:
        return None  # a folder that cannot be written has no writer


@contextmanager
def hold(out: Path) -> Iterator[None]:
    """Be the only writer of `out` (of its run) while inside; again inside in the same thread.

    Raises:
        DataError: another process writes there; the folder cannot be written.
    """
    root = root_of(out)
    lock = FileLock(root / LOCK, timeout=0, is_singleton=True)
    first = not lock.is_locked
    try:
        lock.acquire(timeout=GLANCE, poll_interval=0.02)
    except Timeout:
        raise DataError(
            f"{root} is being written by another limbeck ({noted(root) or 'unknown'})",
            "wait for it, stop it, or give another --out; reading (status, sample) is fine",
        ) from None
    except (OSError, NotImplementedError) as error:
        raise DataError(
            f"{root} cannot be locked: {error}", "give a folder on a disk that can be written"
        ) from error
    try:
        with _signed(root) if first else nullcontext():
            yield
    finally:
        lock.release()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def _signed(root: Path) -> Iterator[None]:
    """While inside, the note says who writes, and a thread renews its time: the process lives."""
    before = noted(root)
    if before is not None and before.ended is None:
        logs.say(f"the last writer of {root} ({before}) did not end in order; going on from there")
    me = Writer(
        pid=os.getpid(), host=platform.node(), started=_now(),
        command=" ".join(sys.argv)[:1000],
    )  # fmt: skip
    fsio.write_json(root / WRITER, me.model_dump())
    with _beating(root):
        try:
            yield
        finally:
            with suppress(LimbeckError):  # a full disk must not hide what went wrong inside
                fsio.write_json(root / WRITER, {**me.model_dump(), "ended": _now()})


def noted(root: Path) -> Writer | None:
    """Who the note beside the lock names, at work or not; None where there is no sound note."""
    try:
        return Writer.model_validate(fsio.read_json(root / WRITER))
    except (LimbeckError, OSError, ValueError):
        return None


@contextmanager
def _beating(root: Path) -> Iterator[None]:
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT):
            with suppress(OSError):
                os.utime(root / WRITER)

    thread = threading.Thread(target=beat, daemon=True, name="limbeck-beat")
    thread.start()
    try:
        yield
    finally:
        over.set()


class Heartbeat:
    """How long a run's writer has given no sign of life, as seen from another process."""

    def __init__(self, root: Path) -> None:
        self._file = root / WRITER
        self._seen: int | None = None
        self._since = time.monotonic()
        self._beats = 0

    def silent(self) -> float:
        """Seconds since the last sign that this object has seen."""
        try:
            now: int | None = self._file.stat().st_mtime_ns
        except OSError:
            now = None
        if now != self._seen:
            self._beats += self._seen is not None
            self._seen, self._since = now, time.monotonic()
        return time.monotonic() - self._since

    def lives(self, patience: float = 4 * BEAT) -> bool:
        """Whether there was a sign of life in the last `patience` seconds: one that this object
        saw come, or, until it saw one, by the clocks of both machines."""
        silent = self.silent()
        if self._seen is None:
            return False
        return silent < patience and (
            self._beats > 0 or abs(time.time() - self._seen / 1e9) < patience
        )
