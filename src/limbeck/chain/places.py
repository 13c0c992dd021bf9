"""What lies in a run, or in another folder of limbeck's, found by the files and not by the names:
so what is superseded, half-sized, moved or linked is found as well."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from limbeck import fsio
from limbeck.artefacts.lock import root_of
from limbeck.artefacts.run import RUN, STAGES, RunDir
from limbeck.artefacts.snapshots import MODEL_MARKS
from limbeck.artefacts.stage import read_done
from limbeck.artefacts.transfers import TRANSFER
from limbeck.config import Config
from limbeck.curation import block_files
from limbeck.data import Dataset, open_dataset
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.ingestion import Fetching

_NETWORKS = ("nets-", "state-", "bad-state-")
_PIXELS = re.compile(r"images-[0-9]+\.(npy|tar)")
_TRAINING = ("stats.jsonl", TRANSFER, "snapshots.jsonl")


@dataclass
class Place:
    """A run, or a folder that is no part of one, and what lies in it.

    Attributes:
        root: the folder.
        datasets: readable ones, superseded ones too.
        closed: folders with pixels that no readable index.json speaks for, and what is wrong.
        trainings, scores, parts, keeps, metrics, reports, models, modes, samples: folders (`parts`
            are those of scores, not joined yet).
    """

    root: Path
    datasets: list[Dataset] = field(default_factory=list)
    closed: dict[Path, str] = field(default_factory=dict)
    trainings: list[Path] = field(default_factory=list)
    scores: list[Path] = field(default_factory=list)
    parts: list[Path] = field(default_factory=list)
    keeps: list[Path] = field(default_factory=list)
    metrics: list[Path] = field(default_factory=list)
    reports: list[Path] = field(default_factory=list)
    models: list[Path] = field(default_factory=list)
    modes: list[Path] = field(default_factory=list)
    samples: list[Path] = field(default_factory=list)

    @cached_property
    def config(self) -> Config | None:
        """The run's settings; None where the folder is no run, or they cannot be read."""
        try:
            return RunDir(self.root).config() if (self.root / RUN).exists() else None
        except LimbeckError:
            return None

    @cached_property
    def photos(self) -> Path | None:
        """Where the run's photos lay; None where nothing says it."""
        if not (self.root / RUN).exists():
            return None
        photos = RunDir(self.root).read().get("photos")
        return Path(photos) if isinstance(photos, str) else None

    @cached_property
    def fetched(self) -> Path:
        """Where photos of the run's URL list are kept: as run.json says, else in the cache."""
        said = RunDir(self.root).read().get("fetched") if (self.root / RUN).exists() else None
        return Fetching(Path(said) if isinstance(said, str) else None).home

    def shown(self, path: Path) -> str:
        """A path below the folder, with forward slashes."""
        inner = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if inner else path).as_posix() or "."


def roots_of(where: Sequence[Path]) -> list[Path]:
    """The folders that a person named, and datasets elsewhere that their run.json points at.

    What a killed process was about to replace is brought back first.

    Returns:
        Absolute paths.

    Raises:
        UsageError: one of them is a part of a run.
        DataError: one is missing.
    """
    roots: dict[Path, None] = {}
    for path in (Path(one).absolute() for one in where):
        fsio.recover(path)
        if not path.is_dir():
            raise DataError(f"{path}: no such folder", "give a run or a dataset")
        outer = root_of(path)
        if outer != path:
            raise UsageError(f"{path} is a part of the run {outer}", f"give the run: {outer}")
        roots[path] = None
        if (linked := _linked(path)) is not None:
            roots[linked] = None
    return list(roots)


def look_into(root: Path) -> Place:
    """What lies in a folder of `roots_of`.

    Raises:
        DataError: nothing of limbeck's.
        UsageError: this process stands in a dataset's folder, which is to be replaced.
    """
    place = _look(root)
    known = (place.datasets, place.closed, place.trainings, place.scores, place.keeps)
    others = (place.metrics, place.reports, place.models, place.modes, place.samples)
    if not (any(known) or any(others) or (root / RUN).exists()):
        raise DataError(f"{root} holds nothing that limbeck made", "give a run or a dataset")
    here = Path.cwd().resolve()
    for data in place.datasets:
        if here.is_relative_to(data.root.resolve()):
            raise UsageError(
                f"{data.root} is the folder you are in, and it is to be replaced",
                "go to another folder first",
            )
    return place


def _linked(root: Path) -> Path | None:
    """The dataset elsewhere that run.json names, where the run has none of its own."""
    if not (root / RUN).exists() or (root / "data" / "index.json").exists():
        return None
    link = RunDir(root).read().get("data")
    for place in (Path(link), root / link) if isinstance(link, str) else ():
        if (place / "index.json").exists():
            return root_of(place)
    return None


def folders_of(root: Path) -> Iterator[Path]:
    """All folders of a run: links to stages are followed, others are not; no snapshots."""
    linked = [root / name for name in STAGES if (root / name).is_symlink()]
    for top in (root, *linked):
        for here, inner, _ in os.walk(top):
            inner[:] = sorted(n for n in inner if not n.startswith((".", *_NETWORKS)))
            yield Path(here)


def _look(root: Path) -> Place:
    place = Place(root)
    for folder in folders_of(root):
        names = {entry.name for entry in folder.iterdir()}
        if "images.parquet" in names or any(map(_PIXELS.fullmatch, names)):
            _add_dataset(place, folder)
        stage, model = _stage(folder), not names.isdisjoint(MODEL_MARKS)
        nets = any(name.startswith(_NETWORKS) for name in names)
        if stage == "train" or nets or any(name in names for name in _TRAINING):
            place.trainings.append(folder)
        for there, kind in (
            ("scores.parquet" in names, place.scores),
            (bool(block_files(folder)), place.parts),
            (bool({"keep.parquet", "keep.csv"} & names), place.keeps),
            ("metrics.jsonl" in names, place.metrics),
            ("index.html" in names and _is_report(folder, stage), place.reports),
            (model, place.models),
            ("modes.safetensors" in names and not model, place.modes),
            ("samples.json" in names, place.samples),
        ):
            if there:
                kind.append(folder)
    return place


def _is_report(folder: Path, stage: str) -> bool:
    return stage == "report" or folder.name.startswith("report")


def _stage(folder: Path) -> str:
    try:
        done = read_done(folder)
    except LimbeckError:
        return ""
    return "" if done is None else done.stage


def _add_dataset(place: Place, folder: Path) -> None:
    try:
        place.datasets.append(open_dataset(folder))
    except LimbeckError as error:
        place.closed[folder] = error.what
