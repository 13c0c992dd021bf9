"""The networks that the studio draws with: loaded once, when first asked for; one at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from limbeck.artefacts.mode_files import psi_of
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.snapshots import find_networks, networks_of
from limbeck.errors import DataError
from limbeck.kit.device import pick_device
from limbeck.latents import ModeCentres
from limbeck.model import Pipeline
from limbeck.nets import load_networks
from limbeck.studio.place import Place, turn

_USERS = 20  # that draw or wait for it


class Painter:
    """The place's generator as a `Pipeline`: its model, else its newest training's networks."""

    def __init__(self, place: Place, device: str = "auto") -> None:
        self.place = place
        self.device = device
        self._lock = threading.Lock()
        self._users = threading.BoundedSemaphore(_USERS)
        self._pipeline: Pipeline | None = None
        self._raw: Pipeline | None = None

    @property
    def can_draw(self) -> bool:
        """Whether there are networks to draw with."""
        return self.place.model is not None or find_networks(self.place.root) is not None

    @contextmanager
    def pipeline(self) -> Iterator[Pipeline]:
        """The pipeline, for one user at a time.

        Raises:
            DataError: there are no networks yet, or they are damaged.
            Busy: too many wait for them.
        """
        with turn(self._users), self._lock:
            if self._pipeline is None:
                self._pipeline = self._load()
            yield self._pipeline

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
        with turn(self._users), self._lock:
            if self._raw is None:
                networks = load_networks(raw).to(pick_device(self.device)).eval().prepare()
                self._raw = Pipeline(networks, None)
            yield self._raw

    def forget(self) -> None:
        """Load again when next asked: something on disk has changed."""
        with self._lock:
            self._pipeline = self._raw = None

    def _load(self) -> Pipeline:
        if (model := self.place.model) is not None:
            return Pipeline.from_pretrained(model, device=self.device)
        run = self.place.run
        assert run is not None, "a place is a run or a model"
        folder = find_networks(run.root)
        if folder is None:
            raise DataError(f"{run.root} has no networks yet", "let its first training save some")
        networks = load_networks(folder).to(pick_device(self.device)).eval().prepare()
        modes = _modes_of(run, folder)
        return Pipeline(networks, modes, config=run.config())


def _modes_of(run: RunDir, networks: Path) -> ModeCentres | None:
    """Modes that belong to these networks: the run's, or those found for the scores."""
    second = networks.parent.name == run.kept.name
    folder = run.modes if second else run.scores / "raw-modes"
    file = folder / "modes.safetensors"
    return ModeCentres.load(file) if file.exists() else None


def usual_psi(place: Place, pipeline: Pipeline) -> float:
    """The strength of truncation that this place uses by itself."""
    if place.run is not None:
        return psi_of(place.run.config().sample, place.run.modes)
    return pipeline.psi
