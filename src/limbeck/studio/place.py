"""What a studio was opened on: a run or a model folder, and who may write into it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from limbeck.artefacts.lock import hold, writer_of
from limbeck.artefacts.run import RUN, RunDir
from limbeck.errors import DataError, LimbeckError
from limbeck.model import model_folder

STUDIO_LOCK = ".limbeck-studio.lock"
_WRITERS = 12  # requests that write or wait for it


@dataclass(frozen=True)
class Place:
    """What the pages show.

    Attributes:
        root: the run, or the model folder.
        run: the run, or None.
        beside: other runs, whose trainings are shown beside this one's.
    """

    root: Path
    run: RunDir | None
    beside: tuple[Path, ...] = ()

    @property
    def title(self) -> str:
        """The folder's name."""
        return self.root.resolve().name

    @property
    def model(self) -> Path | None:
        """The finished model folder, or None."""
        if self.run is None:
            return self.root
        return self.run.model if (self.run.model / "config.json").exists() else None


def open_place(path: Path | str, beside: tuple[Path, ...] = ()) -> Place:
    """The run or model folder that lies at `path`.

    Args:
        path: a run, a model folder, or a model of the hub.
        beside: runs to compare trainings with.

    Raises:
        DataError: neither lies there; one of `beside` is no run.
    """
    for other in beside:
        RunDir(other).read()
    if (Path(path) / RUN).exists():
        run = RunDir(Path(path))
        run.read()
        return Place(run.root, run, beside)
    return Place(model_folder(path), None, beside)


class ReadOnly(LimbeckError):
    """Nothing can be decided now; says who writes."""


class Busy(LimbeckError):
    """Too much is asked for at once; the same may be asked again in a moment."""


@contextmanager
def turn(places: threading.Semaphore) -> Iterator[None]:
    """One of a few places to wait and to work in, so that the others stay for who is served fast.

    Raises:
        Busy: all are taken.
    """
    if not places.acquire(blocking=False):
        raise Busy("too many ask for this at once", "ask again in a moment")
    try:
        yield
    finally:
        places.release()


class Pen:
    """The right to write: one studio at a time, and none while a stage of the run is made."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._mine = FileLock(root / STUDIO_LOCK, timeout=0, thread_local=False)
        self._one = threading.RLock()
        self._waiting = threading.BoundedSemaphore(_WRITERS)
        self.why_never = ""
        try:
            self._mine.acquire()
        except Timeout:
            self.why_never = "another studio is open on this folder"
        except (OSError, NotImplementedError) as error:
            self.why_never = f"the folder cannot be written: {error}"

    def close(self) -> None:
        """Give the right back."""
        self._mine.release()

    def obstacle(self) -> str:
        """Why nothing can be decided now; empty where it can."""
        if self.why_never:
            return self.why_never
        if not self.root.is_dir():
            return "the folder is gone"
        with self._one:
            writer = writer_of(self.root)
        return f"limbeck is at work here ({writer})" if writer else ""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the writer while inside.

        Raises:
            ReadOnly: another studio, or a running stage, has the right.
            Busy: too many wait to write.
        """
        with turn(self._waiting), self._one:
            if why := self.obstacle():
                raise ReadOnly(why, "it is shown as it is; write when that has ended")
            try:
                lock = hold(self.root)
                lock.__enter__()
            except DataError as error:
                raise ReadOnly(error.what, error.do) from None
            try:
                yield
            finally:
                lock.__exit__(None, None, None)
