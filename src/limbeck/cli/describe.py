"""What a folder that limbeck made is, what it holds, and what to do with it next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from limbeck import fsio, logs
from limbeck.artefacts.run import HALF, RunDir
from limbeck.artefacts.snapshots import MODEL_MARKS, snapshots
from limbeck.artefacts.stage import read_done
from limbeck.cli.outcome import Outcome
from limbeck.cli.takedown import takedown_lines
from limbeck.errors import DataError
from limbeck.logs import duration
from limbeck.records import Done

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Training:
    """How far a training is.

    Attributes:
        folder: where it lies.
        images: shown so far, as its newest checkpoint says; the last statistics where none is.
        target: images it was asked for; None where no checkpoint says so.
        snapshots: folders of networks, oldest first.
        best: name of the snapshot with the best figure of quality, or None.
        rate: images per second lately, or None.
        done: whether it is finished.
    """

    folder: Path
    images: int
    target: int | None
    snapshots: tuple[Path, ...]
    best: str | None
    rate: float | None
    done: bool

    @property
    def progress(self) -> str:
        """`12.4 of 50 kimg`"""
        of = "" if self.target is None or self.done else f" of {self.target / 1000:g}"
        return f"{self.images / 1000:g}{of} kimg"

    @property
    def finish(self) -> str:
        """The command that goes on with it."""
        run = _run_of(self.folder)
        if run is not None:
            return logs.command("limbeck", "resume", run)
        begun = logs.command("limbeck", "train", "DATA", "--out", self.folder)
        return f"{begun} (and the options it was begun with)"


def training_in(folder: Path) -> Training | None:
    """The training in a folder, finished or not; None where there is none.

    Raises:
        DataError: one of its files cannot be read.
    """
    done = read_done(folder)
    if done is not None and done.stage != "train":
        return None
    nets = tuple(p for _, p in snapshots(folder, "nets") if (p / "config.json").is_file())
    states = [(n, p) for n, p in snapshots(folder, "state") if (p / "state.json").is_file()]
    rows = fsio.read_jsonl(folder / "stats.jsonl", ("images", "images_per_second"))
    if done is None and not (nets or states or rows):
        return _grown(folder)
    last, quality = (
        rows[-1] if rows else {},
        fsio.read_jsonl(folder / "snapshots.jsonl", ("images", "kid")),
    )
    best = min(quality, key=lambda row: float(row["kid"]), default=None)
    images = states[-1][0] if states else int(last.get("images", 0))
    return Training(
        folder=folder, images=int(done.summary.get("images", images)) if done else images,
        target=_target(folder, states[-1][1] if states else None), snapshots=nets,
        best=None if best is None else f"nets-{int(best['images']):09d}",
        rate=float(last["images_per_second"]) if "images_per_second" in last else None,
        done=done is not None,
    )  # fmt: skip


def _grown(folder: Path) -> Training | None:
    """A training that is still at half its size, told by the images of that one."""
    first = training_in(folder / HALF) if (folder / HALF).is_dir() else None
    return (
        None
        if first is None
        else replace(first, folder=folder, target=_target(folder, None), done=False)
    )


def _target(folder: Path, state: Path | None) -> int | None:
    """Images that were asked for: by the run, or by the checkpoint's configuration."""
    run = _run_of(folder)
    if run is not None and folder.name in ("raw", "kept"):
        config = RunDir(run).config()
        train = (config.second() if folder.name == "kept" else config).train
        return round(train.kimg * 1000)
    if state is None:
        return None
    saved = fsio.read_json(state / "state.json")
    try:
        return round(float(saved["config"]["train"]["kimg"]) * 1000)
    except (KeyError, TypeError, ValueError):
        return None


def unfinished(training: Training) -> DataError:
    """The error of a verb that needs networks and was given a training that is not finished."""
    if not training.snapshots:
        return DataError(
            f"training in {training.folder} is unfinished ({training.progress}) and has no "
            "snapshot yet",
            f"finish it with {training.finish}",
        )
    last = training.snapshots[-1]
    return DataError(
        f"training in {training.folder} is unfinished ({training.progress}, last snapshot "
        f"{last.name})",
        f"finish it with {training.finish}, or give {last} to use that snapshot",
    )


def describe(path: Path) -> Outcome | None:
    """What a folder other than a run is: its facts, and the command to go on with.

    Known are dataset, training, snapshot, scores, keep list, modes, samples and model, alone or
    inside a run; None for a run, and for what is none of them.

    Raises:
        DataError: a file of it cannot be read.
    """
    path = Path(path)
    if not path.is_dir() or (path / "run.json").exists():
        return None
    done = read_done(path)
    for kind, (marks, tell) in _KINDS.items():
        if any((path / mark).is_file() for mark in marks):
            try:
                lines, facts, following = tell(path, done)
            except (KeyError, TypeError, ValueError, ValidationError) as error:
                raise DataError(
                    f"{path} looks like {kind} but is damaged ({error!r})", "make it again"
                ) from error
            return _outcome(path, kind, lines, facts, following, done)
    training = training_in(path)
    if training is None:
        return None
    lines, facts, following = _training(training)
    return _outcome(path, "a training", lines, facts, following, done)


def _outcome(
    path: Path, kind: str, lines: list[str], facts: Facts, following: str, done: Done | None
) -> Outcome:
    run = _run_of(path)
    shown: list[object] = [
        logs.line(logs.bold(path), f": {kind}", f" of the run {run}" * bool(run))
    ]
    if done is not None:
        lines = [*lines, f"finished {done.finished}, took {duration(done.seconds)}"]
    told, taken = takedown_lines(path)
    if run is not None:
        following = logs.command("limbeck", "status", run)
    values = {
        "folder": path, "kind": kind.split(" ", 1)[1], "run": run,
        "complete": bool(facts.get("complete", True)), **facts, "taken_down": taken,
        "next": following,
    }  # fmt: skip
    return Outcome(values, [*shown, *(f"  {line}" for line in [*lines, *told])], then=following)


def _run_of(path: Path) -> Path | None:
    """The run whose stage a folder is (or lies in), or None."""
    parents = list(Path(path).resolve().parents)[:2]
    found = next((folder for folder in parents if (folder / "run.json").is_file()), None)
    if found is None:
        return None
    here = Path(path).parent
    return next((p for p in (here, here.parent) if p.resolve() == found), found)


Told = tuple[list[str], dict[str, Any], str]


def _training(training: Training) -> Told:
    names = [folder.name for folder in training.snapshots]
    lines = [f"{'finished' if training.done else 'unfinished'}: {training.progress}"]
    facts: dict[str, Any] = {
        "complete": training.done, "images": training.images, "target": training.target,
        "snapshots": names, "best": training.best,
    }  # fmt: skip
    if names:
        best = f"; best figure of quality: {training.best}" if training.best else ""
        lines.append(f"snapshots: {', '.join(names)}{best}")
    if training.done:
        scores = f"{training.folder}-scores"
        words = ("limbeck", "score", "DATA", training.folder, "--out", scores)
        return lines, facts, logs.command(*words)
    if training.rate and training.target:
        left = max(training.target - training.images, 0) / training.rate
        lines.append(f"{training.rate:.0f} images/s, so about {duration(round(left))} are missing")
    return lines, facts, training.finish


def _dataset(path: Path, done: Done | None) -> Told:
    index = fsio.read_json(path / "index.json")
    counts = {key: index["counts"][key] for key in ("listed", "accepted", "rejected")}
    rejected = sum(counts["rejected"].values())
    lines = [
        f"{counts['accepted']} photos of {index['size']} px, out of {counts['listed']} files "
        f"({rejected} rejected)"
    ]
    if index.get("class_names"):
        lines.append(f"{len(index['class_names'])} classes")
    words = ("limbeck", "train", path, "--out", f"{path}-nets")
    return lines, {**counts, "size": index["size"]}, logs.command(*words)


def _scores(path: Path, done: Done | None) -> Told:
    if done is None:
        return ["not finished"], {"complete": False}, "the command that began it, once more"
    columns = list(done.summary["columns"])
    lines = [f"{done.summary['images']} photos, {len(columns)} scores: {', '.join(columns)}"]
    facts = {"images": done.summary["images"], "columns": columns}
    return lines, facts, logs.command("limbeck", "keep", path, "--out", f"{path}-keep")


def _keep(path: Path, done: Done | None) -> Told:
    if done is None:
        return ["not finished"], {"complete": False}, "the command that began it, once more"
    found = done.summary
    lines = [
        f"{found['kept']} of {found['listed']} photos are kept (rule {found['rule']}: "
        f"{found['column']} up to {found['threshold']:.4g}; {found['overridden']} by hand)"
    ]
    lines += [f"warning: {warning}" for warning in found.get("warnings", [])]
    words = ("limbeck", "train", "DATA", "--ids", path, "--out", "KEPT")
    return lines, {k: found[k] for k in ("kept", "listed", "rule")}, logs.command(*words)


def _modes(path: Path, done: Done | None) -> Told:
    found = fsio.read_json(path / "modes.json")["summary"]
    lines = [
        f"{found['found']} modes among {found['clusters']} clusters of {found['samples']} latents "
        f"({found['space']} space); images of each in {path / 'atlas.png'}"
    ]
    facts = {**{k: found[k] for k in ("found", "clusters")}, "complete": done is not None}
    words = ("limbeck", "sample", "NETWORKS", "--modes", path, "--out", "samples")
    return lines, facts, logs.command(*words)


def _model(path: Path, done: Done | None) -> Told:
    about = fsio.read_json(path / "config.json")
    size = about["net"]["size"]
    bytes_ = sum(file.stat().st_size for file in path.glob("*.safetensors"))
    parts = [name for name in ("encoder", "modes") if any(path.glob(f"{name}*.safetensors"))]
    lines = [
        f"a generator of {size} x {size} px{''.join(f', {part}' for part in parts)}; "
        f"{bytes_ / 1e6:.1f} MB, {about.get('dtype', '?')}; licence: {about.get('licence', '?')}"
    ]
    words = ("limbeck", "sample", path, "--seeds", "0-63", "--out", "samples")
    return lines, {"size": size, "bytes": bytes_, "parts": parts}, logs.command(*words)


def _snapshot(path: Path, done: Done | None) -> Told:
    about = fsio.read_json(path / "config.json")
    size, names = about["net"]["size"], [str(name) for name in about["names"]]
    words = ("limbeck", "sample", path, "--seeds", "0-63", "--out", "samples")
    lines = [f"{size} x {size} px; holds {', '.join(names)}"]
    return lines, {"size": size, "names": names}, logs.command(*words)


def _samples(path: Path, done: Done | None) -> Told:
    about = fsio.read_json(path / "samples.json")
    count = len(about["samples"])
    lines = [f"{count} images, {about['truncation']} at psi {about['psi']:g}"]
    return lines, {"pictures": count, "complete": done is not None}, f"open {path / 'grid.png'}"


_KINDS: dict[str, tuple[tuple[str, ...], Callable[[Path, Done | None], Told]]] = {
    "a dataset": (("index.json",), _dataset),
    "a model": (MODEL_MARKS, _model),
    "a snapshot": (("config.json",), _snapshot),
    "the scores": (("scores.parquet",), _scores),
    "a keep list": (("keep.parquet",), _keep),
    "the modes": (("modes.json",), _modes),
    "the samples": (("samples.json",), _samples),
}
"""Kind -> the files one of which tells it, and what describes it."""
