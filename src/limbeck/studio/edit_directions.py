"""Directions for the tab `edit`: folders of them beside the model, or found in the background."""

import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from limbeck import fsio, logs
from limbeck.artefacts.folders import fresh, kind_of
from limbeck.editing import (
    Directions,
    DirectionSettings,
    Found,
    find_directions,
    images_needed,
    read_directions,
)
from limbeck.errors import DataError, LimbeckError
from limbeck.model import Pipeline
from limbeck.percept import at_least
from limbeck.studio.answers import Unknown
from limbeck.studio.edit_desk import Desk, alex
from limbeck.studio.place import Busy, Pen, Place, ReadOnly

NAME, KIND = "directions", "directions"
HERE = "memory"
"""Key of the set that was found here and could not be written."""
_FOLDERS = 32
_TIMED = 8
_LOOKED_AT = 128  # pixels at which directions are measured


@dataclass(frozen=True, eq=False)
class Set:
    """Directions that were found together.

    Attributes:
        key: what the page calls it.
        folder: where they lie; None = in memory alone.
        found: they.
    """

    key: str
    folder: Path | None
    found: Directions

    def at(self, number: int) -> Found:
        """The direction of a number, from 0.

        Raises:
            Unknown: there is none.
        """
        if not 0 <= number < len(self.found):
            raise Unknown(f"there is no direction {number}")
        return self.found.all[number]

    def told(self) -> dict[str, Any]:
        """All about them, for the page."""
        return {
            "key": self.key,
            "title": "found here" if self.folder is None else self.folder.name,
            "folder": None if self.folder is None else str(self.folder),
            "method": self.found.about.settings.method,
            "reach": self.found.about.settings.reach,
            "directions": [_told(one) for one in self.found.all],
        }


def _told(one: Found) -> dict[str, Any]:
    entry, effects = one.entry, one.entry.effects
    return {
        "id": entry.id,
        "name": one.name,
        "range": entry.range,
        "layers": entry.layers,
        "channel": None if entry.channel is None else entry.channel.layer,
        "mode": entry.mode,
        "unit": effects.lpips_per_unit,
        "area": effects.area,
        "inside": effects.inside,
    }


class Compass:
    """The sets of directions of what the studio draws with.

    They are looked for in the folders of kind `directions` right inside the run and inside its
    model folder, and in those that the command line named.

    Args:
        place: the run or model.
        pen: the right to write there.
        desk: what draws.
        named: folders of `--directions`.
    """

    def __init__(self, place: Place, pen: Pen, desk: Desk, named: Sequence[Path]) -> None:
        self._place, self._pen, self._desk, self._named = place, pen, desk, named
        self._lock = threading.Lock()
        self._stamp: tuple[object, ...] = ()
        self._sets: list[Set] = []
        self._others: list[str] = []
        self._own: tuple[int, Set] | None = None
        self._job: Finding | None = None
        self._speed: tuple[int, float] | None = None

    def sets(self) -> tuple[list[Set], list[str]]:
        """The sets of this generator, and the folders that are of no use, with the reason."""
        with self._desk.drawing() as pipeline, self._lock:
            folders = self._folders()
            stamp = (self._desk.turn, *((one, *_times(one)) for one in folders))
            if stamp != self._stamp:
                self._read(folders, pipeline)
                self._stamp = stamp
            own = self._own
            mine = [own[1]] if own is not None and own[0] == self._desk.turn else []
            return [*self._sets, *mine], list(self._others)

    def find(self, key: str) -> Set:
        """The set of a key.

        Raises:
            Unknown: there is none.
        """
        for one in self.sets()[0]:
            if one.key == key:
                return one
        raise Unknown("these directions are not there any more", "reload the page")

    def _folders(self) -> list[Path]:
        parents = dict.fromkeys(
            one.resolve() for one in (self._place.root, self._place.model) if one is not None
        )
        found = list(self._named)
        for parent in parents:
            for child in sorted(parent.iterdir()):
                if child.is_dir() and not fsio.is_temporary(child) and kind_of(child) == KIND:
                    found.append(child)
        return list({one.resolve(): one for one in found}.values())[:_FOLDERS]

    def _read(self, folders: list[Path], pipeline: Pipeline) -> None:
        self._sets, self._others = [], []
        for folder in folders:
            try:
                found = read_directions(folder, pipeline)
            except LimbeckError as error:
                self._others.append(error.what)
                continue
            self._sets.append(Set(fsio.digest_json(str(folder.resolve()))[:12], folder, found))

    def begin(self) -> "Finding":
        """Find directions; those that are being found already count."""
        with self._lock:
            if self._job is None or self._job.ended:
                self._job = Finding(self._desk, self)
                self._job.start()
            return self._job

    @property
    def job(self) -> "Finding | None":
        """The finding that was begun last."""
        return self._job

    def keep(self, folder: Path, turn: int) -> str:
        """Write what was found into the run or model, or hold it in memory; says which.

        Raises:
            DataError: the generator is another one now.
        """
        try:
            with self._pen.writing():
                out = _free(self._place.root)
                with fresh(out, KIND) as building:
                    for file in folder.iterdir():
                        if not file.name.startswith("."):
                            shutil.copyfile(file, building / file.name)
                return f"written into {out.name}"
        except (ReadOnly, Busy, DataError, OSError) as error:
            why = error.what if isinstance(error, LimbeckError) else str(error)
        with self._lock:
            if turn != self._desk.turn:
                raise DataError("the studio draws with other networks now", "find them again")
            self._own = (turn, Set(HERE, None, read_directions(folder)))
        return f"held in memory alone, until the studio ends: {why}"

    def seconds(self, settings: DirectionSettings) -> float:
        """About how long finding takes; the first call draws a few images."""
        with self._desk.drawing() as pipeline:
            if self._speed is None or self._speed[0] != self._desk.turn:
                self._speed = (self._desk.turn, _seconds_an_image(pipeline))
            return self._speed[1] * images_needed(settings)


@torch.no_grad()
def _seconds_an_image(pipeline: Pipeline) -> float:
    G = pipeline.G_ema
    ws = G.broadcast(G.mapping.w_avg.expand(_TIMED, -1))
    embedder = alex(pipeline.device)
    took = []
    for _ in range(2):  # the first one warms up
        began = time.perf_counter()
        embedder.embed(at_least(G.synthesis(ws, noise="const").float(), _LOOKED_AT)).cpu()
        took.append(time.perf_counter() - began)
    return min(took) / _TIMED


def _times(folder: Path) -> tuple[int, ...]:
    files = [folder / name for name in ("done.json", "directions.json", "names.csv")]
    return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)


def _free(root: Path) -> Path:
    """A name that nothing in `root` has."""
    number = 1
    while (root / (name := NAME if number == 1 else f"{NAME}-{number}")).exists():
        number += 1
    return root / name


def usual(psi: float) -> DirectionSettings:
    """How the studio looks for directions: by PCA, fewer and on fewer images than the command line
    does by itself, for somebody waits."""
    return DirectionSettings.of(method="pca", psi=min(psi, 1.0), count=8, bases=8)


class _Halted(Exception):
    """It was ended by whoever asked for it."""


class Finding:
    """A search for directions in the background, on networks of its own."""

    def __init__(self, desk: Desk, compass: Compass) -> None:
        self._desk, self._compass = desk, compass
        self._halt = threading.Event()
        self._state: Literal["running", "done", "stopped", "failed"] = "running"
        self._said = ""
        self._drawn, self._of = 0, 1
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="limbeck-directions", daemon=True)

    @property
    def ended(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._state != "running"

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def halt(self) -> None:
        """End at the next image; nothing is kept."""
        self._halt.set()

    def wait(self, seconds: float | None = None) -> None:
        """Until it has ended."""
        self._thread.join(seconds)

    def told(self) -> dict[str, Any]:
        """All about it, for the page."""
        share = min(self._drawn / self._of, 1.0)
        left = (time.monotonic() - self._began) * (1 / share - 1) if share > 0.02 else None
        return {"state": self._state, "share": share, "left": left, "said": self._said}

    def _run(self) -> None:
        try:
            self._said = self._find()
            self._state = "done"
        except _Halted:
            self._state = "stopped"
        except LimbeckError as error:
            self._said, self._state = f"{error.what} ({error.do})", "failed"
        except Exception as error:  # a background thread has nobody above it who would tell
            logs.warn(f"a search of the studio failed: {type(error).__name__}: {error}")
            self._said, self._state = f"failed: {type(error).__name__}", "failed"

    def _find(self) -> str:
        networks, modes, psi, turn = self._desk.copied()
        settings = usual(psi)
        self._of = images_needed(settings)
        networks.G_ema.synthesis.register_forward_hook(self._count)
        with tempfile.TemporaryDirectory(prefix="limbeck-studio-") as temporary:
            folder = Path(temporary) / NAME
            find_directions(networks, folder, settings, modes=modes)
            return self._compass.keep(folder, turn)

    def _count(self, _: nn.Module, __: object, images: Tensor) -> None:
        self._drawn += len(images)
        if self._halt.is_set():
            raise _Halted
