"""The networks that the studio draws with: loaded once, when first asked for; one at a time."""

import copy
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from limbeck.artefacts.mode_files import psi_of
from limbeck.artefacts.mode_marks import marked
from limbeck.artefacts.run import MARKS
from limbeck.artefacts.snapshots import find_networks, networks_of
from limbeck.errors import DataError
from limbeck.kit.device import pick_device
from limbeck.latents import ModeCentres
from limbeck.model import Pipeline
from limbeck.nets import load_networks
from limbeck.studio.place import Place, turn

_USERS = 20  # that draw or wait for it

MODES = "modes.safetensors"
_Stamp = tuple[int, int] | None


class Queue:
    """A lock that is given to whoever has waited longest.

    A plain lock mostly goes back to the thread that has just let go of it, so that long work done
    in short turns would keep all others waiting.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def __enter__(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()  # until whoever is before hands the turn over

    def __exit__(self, *_: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


class Painter:
    """The place's generator as a `Pipeline`: its model, else its newest training's networks.

    It is loaded again when the modes or the model on disk are others, and a person's marks of modes
    are read again when marks.csv has changed: the pipeline is another object then.

    Attributes:
        place: what is drawn.
        device: to draw on.
        modes_folder: where the modes that it draws with lie, with marks.csv; None before it is
            loaded, and without modes.
    """

    def __init__(self, place: Place, device: str = "auto") -> None:
        self.place = place
        self.device = device
        self.modes_folder: Path | None = None
        self._users = threading.BoundedSemaphore(_USERS)
        self._turn = Queue()
        self._state = threading.RLock()
        self._pipeline: Pipeline | None = None
        self._made: list[_Stamp] = []
        self._marks: _Stamp = None
        self._raw: Pipeline | None = None

    @property
    def can_draw(self) -> bool:
        """Whether there are networks to draw with."""
        return self.place.model is not None or find_networks(self.place.root) is not None

    @property
    def has_modes(self) -> bool:
        """Whether there are modes to draw with."""
        model, run = self.place.model, self.place.run
        folders = [] if run is None else [run.modes, run.scores / "raw-modes"]
        folders += [] if model is None else [model]
        return self.can_draw and any((folder / MODES).exists() for folder in folders)

    @contextmanager
    def pipeline(self) -> Iterator[Pipeline]:
        """The pipeline, for one user at a time.

        Raises:
            DataError: there are no networks yet, or they are damaged; a bad line in marks.csv.
            Busy: too many wait for them.
        """
        with turn(self._users), self._turn:
            yield self.now()

    def now(self) -> Pipeline:
        """The pipeline to ask, without waiting for those that draw; it is not to be drawn with.

        Raises:
            DataError: as `pipeline`.
        """
        with self._state:
            if self._pipeline is None or self._made != self._files():
                self._made = self._files()
                self._pipeline = None
                self._pipeline = self._load()
            self._pipeline = self._marked(self._pipeline)
            return self._pipeline

    @contextmanager
    def first(self) -> Iterator[Pipeline]:
        """That of the first training, which saw every photo; the model's where there is none.

        Raises:
            DataError, Busy: as `pipeline`.
        """
        run = self.place.run
        raw = None if run is None else networks_of(run.raw)
        if raw is None:
            with self.pipeline() as pipeline:
                yield pipeline
            return
        with turn(self._users), self._turn:
            if self._raw is None:
                networks = load_networks(raw).to(pick_device(self.device)).eval().prepare()
                self._raw = Pipeline(networks, None)
            yield self._raw

    def forget(self) -> None:
        """Load again when next asked: something on disk has changed."""
        with self._turn, self._state:
            self._pipeline = self._raw = None

    def _files(self) -> list[_Stamp]:
        """What says that there are other modes, or another model."""
        run, root = self.place.run, self.place.root
        model = root if run is None else run.model
        folders = [model] if run is None else [model, run.modes, run.scores / "raw-modes"]
        return [_stamp(model / "config.json"), *(_stamp(folder / MODES) for folder in folders)]

    def _load(self) -> Pipeline:
        model, run = self.place.model, self.place.run
        self.modes_folder, self._marks = None, None
        if model is not None:
            pipeline = Pipeline.from_pretrained(model, device=self.device)
            if pipeline.modes is None:
                return pipeline
            if run is None or (found := _load_modes(run.modes)) is None:
                self.modes_folder = model
                return pipeline
            if found.digest() == pipeline.modes.digest():
                self.modes_folder = run.modes
                return pipeline
        assert run is not None, "a place is a run or a model"
        folder = find_networks(run.root)
        if folder is None:
            raise DataError(f"{run.root} has no networks yet", "let its first training save some")
        networks = load_networks(folder).to(pick_device(self.device)).eval().prepare()
        second = folder.parent.name == run.kept.name
        lie = run.modes if second else run.scores / "raw-modes"
        modes = _load_modes(lie)
        self.modes_folder = None if modes is None else lie
        return Pipeline(networks, modes, config=run.config())

    def _marked(self, pipeline: Pipeline) -> Pipeline:
        """With marks.csv as it is now."""
        if self.modes_folder is None or pipeline.modes is None:
            return pipeline
        stamp = _stamp(self.modes_folder / MARKS)
        if stamp == self._marks and self._marks is not None:
            return pipeline
        modes = marked(pipeline.modes, self.modes_folder)
        if modes is not pipeline.modes:
            pipeline = copy.copy(pipeline)
            pipeline.modes = modes
        self._marks = stamp
        return pipeline


def _load_modes(folder: Path) -> ModeCentres | None:
    """The modes in a folder, without their marks; None where there are none."""
    file = folder / MODES
    return ModeCentres.load(file) if file.exists() else None


def _stamp(file: Path) -> _Stamp:
    try:
        facts = file.stat()
    except FileNotFoundError:
        return None
    return facts.st_mtime_ns, facts.st_size


def usual_psi(place: Place, pipeline: Pipeline) -> float:
    """The strength of truncation that this place uses by itself."""
    if place.run is not None:
        return psi_of(place.run.config().sample, place.run.modes)
    return pipeline.psi
