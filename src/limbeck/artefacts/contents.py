"""What a run left on disk, read once; what is not there yet is named, never guessed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limbeck import fsio
from limbeck.artefacts.keep import KeepList, read_keep
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.scores import Scores, read_scores
from limbeck.artefacts.snapshots import networks_of, snapshots
from limbeck.artefacts.stage import read_done
from limbeck.config import Config
from limbeck.data import Dataset, open_dataset
from limbeck.errors import DataError, LimbeckError
from limbeck.records import Done, ImageInfo

_STAGES = ("data", "raw", "scores", "keep", "kept", "modes", "samples", "model", "metrics")


@dataclass(frozen=True)
class Training:
    """One training (`raw` or `kept`): its statistics, figures of snapshots, newest networks."""

    name: str
    stats: list[dict[str, Any]]
    snapshots: list[dict[str, Any]]
    networks: Path | None
    images: int
    done: Done | None


@dataclass
class Artefacts:
    """Everything the page shows that comes from files; None or empty where a stage is missing."""

    root: Path
    run_json: dict[str, Any]
    config: Config | None
    dataset: Dataset | None = None
    files: Sequence[ImageInfo] = ()
    scores: Scores | None = None
    keep: KeepList | None = None
    raw: Training | None = None
    kept: Training | None = None
    metrics: list[dict[str, Any]] = field(default_factory=list)
    done: dict[str, Done] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Name a part as missing, with its error's own words, when it cannot be read."""
        try:
            yield
        except LimbeckError as error:
            self.missing[name] = error.what
        except (OSError, KeyError, ValueError) as error:
            self.missing[name] = f"{type(error).__name__}: {error}"


def _data_root(root: Path, run_json: dict[str, Any]) -> Path:
    """run/data, or the dataset that run.json's `data` points at.

    Raises:
        DataError: neither holds a dataset.
    """
    link = run_json.get("data")
    places = [root / "data", *([Path(link), root / link] if isinstance(link, str) else [])]
    for place in places:
        if (place / "index.json").exists():
            return place
    raise DataError(f"no dataset yet: {root / 'data'} holds no index.json")


def _training(folder: Path) -> Training:
    if not (folder / "stats.jsonl").exists():
        raise DataError(f"no training yet: {folder / 'stats.jsonl'} does not exist")
    done = read_done(folder)
    nets = [path for _, path in snapshots(folder, "nets")]
    named = networks_of(folder)
    networks = named if named and named.is_dir() else (nets[-1] if nets else None)
    images = int(networks.name[5:]) if networks and networks.name[5:].isdigit() else 0
    stats, figures = (fsio.read_jsonl(folder / f"{n}.jsonl") for n in ("stats", "snapshots"))
    return Training(folder.name, stats, figures, networks, images, done)


def read_artefacts(run: Path) -> Artefacts:
    """Read what is there.

    Raises:
        DataError: `run` is not a run folder (no run.json).
    """
    folder = RunDir(run)
    found = Artefacts(root=Path(run), run_json=folder.read(), config=None)
    with found.part("settings"):
        found.config = folder.config()
    with found.part("data"):
        found.dataset = open_dataset(_data_root(found.root, found.run_json))
        found.files = found.dataset.listed()
    with found.part("raw"):
        found.raw = _training(found.root / "raw")
    with found.part("scores"):
        found.scores = read_scores(found.root / "scores")
    with found.part("keep"):
        found.keep = read_keep(found.root / "keep")
    with found.part("kept"):
        found.kept = _training(found.root / "kept")
    with found.part("metrics"):
        found.metrics = fsio.read_jsonl(found.root / "metrics" / "metrics.jsonl")
    places = {name: found.root / name for name in _STAGES}
    if found.dataset is not None:
        places["data"] = found.dataset.root
    for name, place in places.items():
        with found.part(f"{name}/done.json"):
            record = read_done(place)
            if record is not None:
                found.done[name] = record
    return found
