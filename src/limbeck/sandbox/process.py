"""One child process, as its parent sees it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from limbeck.errors import LimbeckError
from limbeck.sandbox.wire import Garbled, receive, send

WALL_SECONDS = 60.0
"""Time after which a child that does not answer is ended, whatever it waits for."""
_TALKATIVE = ("PYTHONVERBOSE", "PYTHONPROFILEIMPORTTIME", "PYTHONINSPECT", "PYTHONDUMPREFS")
"""What would fill a pipe that nobody reads before the child is ready."""
_CODE = "import sys; sys.path[:] = sys.argv[1:]; from {} import main; main()"


class NotStarted(LimbeckError):
    """A child did not come to be ready."""


class Child:
    """One process, the first of its own group.

    Args:
        module: whose `main` it runs.
        handles: file descriptors that it shares, under the same numbers.

    Raises:
        NotStarted: it cannot be started.
    """

    def __init__(self, module: str, handles: Collection[int] = ()) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CODE.format(module), *sys.path],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={k: v for k, v in os.environ.items() if k not in _TALKATIVE},
                start_new_session=True, pass_fds=tuple(handles),
            )  # fmt: skip
        except (OSError, TypeError) as error:  # TypeError: no sys.executable
            raise _not_started(str(error)) from error
        self.deadline = time.monotonic() + WALL_SECONDS
        self.dead = self.late = self._ready = False

    def exchange(
        self, words: dict[str, Any], data: bytes, most: int
    ) -> tuple[dict[str, Any], bytes]:
        """Ask and wait for the answer.

        Raises:
            Garbled, OSError: it died, or answers nonsense.
            NotStarted: it did not come to be ready, which is no file's fault.
        """
        self._await_start()
        self.deadline = time.monotonic() + WALL_SECONDS
        send(_pipe(self._process.stdin), words, data, self._alive)
        answer = receive(_pipe(self._process.stdout), most, self._alive)
        self.deadline = float("inf")
        return answer

    def _await_start(self) -> None:
        if self._ready:
            return
        try:
            receive(_pipe(self._process.stdout), 0, self._alive)
        except Garbled:
            self.kill()
            said = _pipe(self._process.stderr).read().decode(errors="replace").strip().splitlines()
            raise _not_started(said[-1] if said else f"code {self.code()}") from None
        self._ready = True

    def _alive(self) -> bool:
        return not self.dead

    def kill(self, *, late: bool = False) -> None:
        """End it."""
        self.late, self.dead = self.late or late, True
        if (
            hasattr(os, "killpg") and self._process.returncode is None
        ):  # its number is still its own
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)  # what it started, too
        self._process.kill()

    @contextmanager
    def in_time(self) -> Iterator[None]:
        """End it if what is done meanwhile takes longer than `WALL_SECONDS`."""
        timer = threading.Timer(WALL_SECONDS, self.kill, kwargs={"late": True})
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def overdue(self, seconds: float) -> str:
        """The time that it took too much of; empty if it ended for another reason.

        Args:
            seconds: of the processor that it had.
        """
        if self.late:
            return f"{WALL_SECONDS:g} s"
        return f"{round(seconds, 1):g} s of processor time" if self.spent() else ""

    def spent(self) -> bool:
        """Whether it is dead for having used up its processor time, which no second attempt gives
        back; a minute may have passed while the machine slept."""
        return self._process.poll() == -getattr(signal, "SIGPROF", 0)

    def code(self) -> int:
        """How it ended."""
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                _pipe(pipe).close()
        return code


def _not_started(why: str) -> NotStarted:
    return NotStarted(
        f"a process that reads strangers' files could not be started: {why}",
        "see whether `python -c 'import limbeck.decoding'` works, and whether memory and processes "
        "are limited (ulimit -a)",
    )


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
