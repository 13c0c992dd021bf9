"""A run as its folder tells it while another process may be writing there."""

import threading
from pathlib import Path
from typing import Any, Literal

from limbeck import chain, fsio
from limbeck.artefacts.lock import Heartbeat, noted
from limbeck.artefacts.run import OVERRIDES, RUN, STAGES, RunDir
from limbeck.artefacts.stage import BEGUN, DONE, read_done
from limbeck.errors import LimbeckError
from limbeck.logs import command
from limbeck.studio.live_training import LiveTraining, Size, sizes_of

TrainingName = Literal["raw", "kept"]


class LiveRun:
    """What a run's folder says now: each look reads what is new.

    Args:
        root: the run.
        name: what it is called on the page.

    Attributes:
        lock: held while it is looked at or asked.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.dir, self.name = RunDir(root), name
        self.lock = threading.Lock()
        self.trainings = {"raw": LiveTraining(self.dir.raw), "kept": LiveTraining(self.dir.kept)}
        self._heart = Heartbeat(root)
        self._stamps: dict[str, int] = {}
        self._states: dict[str, tuple[str, float | None]] = {}
        self._sizes: dict[str, tuple[Size, ...]] = {}
        self._troubles: dict[str, str] = {}
        self._exact = threading.Lock()
        self._found: tuple[str, list[chain.StageState]] | None = None

    def look(self) -> None:
        """Read what is new: of statistics the new lines, of stages the marks that changed."""
        if self._changed(RUN):
            self._read_settings()
        for name in STAGES:
            if self._changed(f"{name}/{DONE}") | self._changed(f"{name}/{BEGUN}"):
                self._read_stage(name)
        self._changed(f"keep/{OVERRIDES}")
        for training in self.trainings.values():
            training.look()

    def _changed(self, file: str) -> bool:
        try:
            found = (self.dir.root / file).stat().st_mtime_ns
        except OSError:
            found = 0
        before = self._stamps.get(file)
        self._stamps[file] = found
        return before != found

    def _read_settings(self) -> None:
        self._sizes, self._troubles[RUN] = {}, ""
        try:
            config = self.dir.config()
            self._sizes = {"raw": sizes_of(config), "kept": sizes_of(config.second())}
        except LimbeckError as error:
            gone = "the folder is gone" if not self.dir.root.is_dir() else error.what
            self._troubles[RUN] = gone

    def _read_stage(self, name: str) -> None:
        folder, self._troubles[name] = self.dir.root / name, ""
        try:
            done = read_done(folder) if (folder / BEGUN).exists() else None
        except LimbeckError as error:
            done, self._troubles[name] = None, error.what
        if done is not None:
            self._states[name] = ("done", done.seconds)
        else:
            self._states[name] = ("partial" if folder.exists() else "missing", None)

    def stamp(self) -> str:
        """Changes when a stage was begun or ended, or settings or overrides changed."""
        return fsio.digest_json(self._stamps)

    def standing(self) -> dict[str, Any]:
        """The run as plain values, after `look`; nothing of it takes long."""
        writer = noted(self.dir.root)
        busy = writer is not None and writer.ended is None and self._heart.lives()
        broken = writer is not None and writer.ended is None and not busy
        states = {name: state for name, (state, _) in self._states.items()}
        unfinished = next((name for name in STAGES if states[name] != "done"), None)
        return {
            "name": self.name, "root": str(self.dir.root), "stamp": self.stamp(),
            "writer": None if writer is None or not busy else {
                "who": str(writer), "command": writer.command,
            },
            "broken": None if not broken else str(writer),
            "now": unfinished if busy else None,
            "stages": [
                {"name": name, "about": chain.ABOUT[name], "state": state, "seconds": seconds}
                for name, (state, seconds) in self._states.items()
            ],
            "trainings": [
                training.standing(self._sizes.get(name, ()))
                for name, training in self.trainings.items()
                if training.level is not None or training.pictures or training.troubles()
            ],
            "resume": command("limbeck", "resume", self.dir.root),
            "troubles": [text for text in self._troubles.values() if text],
        }  # fmt: skip

    def exact_stages(self) -> list[chain.StageState]:
        """The stages with what is stale; takes seconds where photos are many, once per `stamp`.

        Raises:
            DataError: the run cannot be read.
        """
        with self.lock:
            self.look()
            stamp = self.stamp()
        with self._exact:
            if self._found is None or self._found[0] != stamp:
                self._found = (stamp, chain.status(self.dir.root))
            return self._found[1]


def named_runs(roots: list[Path]) -> list[LiveRun]:
    """Runs with names that tell them apart: the folder's, with as many above it as that takes."""
    parts = [root.resolve().parts for root in roots]
    depth = 1
    while depth < max((len(p) for p in parts), default=1):
        names = ["/".join(p[-depth:]) for p in parts]
        if len(set(names)) == len(set(parts)):
            break
        depth += 1
    names = [fsio.plain("/".join(p[-depth:])) for p in parts]
    return [LiveRun(root, name) for root, name in zip(roots, names, strict=True)]
