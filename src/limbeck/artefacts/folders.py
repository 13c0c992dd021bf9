"""Writing into a folder that may hold something: nothing of a person's is lost.

Three rules. A folder that is not empty and that limbeck did not make is refused (`claim`). A stage
is made in a temporary inside its place and moved in when it is whole (`fresh`). What lies there
from before is treated by whose it is: files that the stage's own done.json lists, unchanged since,
of a stage that took less than a minute, are removed; what else would be in the way is moved into
the folder `superseded`, from where `bring_back` takes a stage again at no cost; the rest stays.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from limbeck import fsio, logs
from limbeck.artefacts.run import (
    DECISIONS,
    HALF,
    MARKS,
    NAMES,
    OVERRIDES,
    OVERRIDES_BEFORE,
    RUN,
    STAGES,
    TAKEDOWNS,
)
from limbeck.artefacts.stage import BEGUN, DONE, Provenance, read_done
from limbeck.errors import DataError, LimbeckError, UsageError, advice
from limbeck.records import Done

SUPERSEDED = "superseded"
CHEAP = 60.0  # seconds; what took longer to make is never removed
_MARKS = (BEGUN, DONE)  # one of them is there at every moment; done.json only in a whole folder
_PERSONS = {
    "keep": (OVERRIDES, OVERRIDES_BEFORE, DECISIONS),
    "directions": (NAMES,),
    "modes": (MARKS,),
}
"""stage -> files of a person's"""
_NETWORKS = ("G", "D", "E", "G_ema", "E_ema")  # files of a snapshot
_KINDS = {
    "run": "a run", "data": "a dataset", "train": "a training", "scores": "scores",
    "keep": "a keep list", "modes": "modes", "samples": "samples", "model": "a model",
    "report": "a report", "demo": "a demo", "directions": "directions",
    "inversion": "inverted photos", "edits": "edited images", "walk": "the frames of a walk",
}  # fmt: skip

Listed = Mapping[str, tuple[int, int]]


def keep_apart(photos: Path, out: Path) -> None:
    """Photos are never written to: they and the output must not lie in one another.

    Args:
        photos: a folder or an archive of photos.
        out: where limbeck is to write.

    Raises:
        UsageError: one holds the other, links resolved, or `out` is a file.
    """
    a, b = Path(photos).resolve(), Path(out).resolve()
    if a == b or b.is_relative_to(a) or a.is_relative_to(b):
        raise UsageError(
            f"the photos {photos} and the output {out} lie in one another",
            "choose an output folder beside the photos; photos are never written to",
        )
    _no_file(Path(out))


def _no_file(out: Path) -> None:
    for folder in (out, *out.parents):
        if folder.exists():
            if not folder.is_dir():
                raise UsageError(f"{folder} is a file", "give the name of a folder")
            return


def check_place(out: Path, kind: str) -> None:
    """Check that limbeck may write into a folder: it is new, empty, or of the same kind.

    Args:
        out: the folder. Hidden files do not count; nor does takedowns.json, nor
            overrides.csv in a keep list's folder, names.csv in one of directions or marks.csv in
            one of modes.
        kind: `run`, `demo`, or what `finish` calls the stage.

    Raises:
        DataError: it holds files and limbeck did not make it, or it holds something else of
            limbeck's.
        UsageError: it, or a folder on the way to it, is a file.
    """
    out = Path(out)
    _no_file(out)
    found = kind_of(out)
    if found is None and (names := _contents(out, kind)):
        raise DataError(
            f"{out} is not empty and was not made by limbeck (it holds {_some(names)})",
            "nothing was written; move these files away, or give another folder",
        )
    if found not in (None, kind, "begun"):
        raise DataError(
            f"{out} holds {_KINDS.get(found or '', found)}",
            "nothing was written; give another folder to write to",
        )


def check_new(out: Path) -> None:
    """Check that a folder is new or empty.

    Raises:
        DataError: it holds anything.
        UsageError: it, or a folder on the way to it, is a file.
    """
    out = Path(out)
    _no_file(out)
    if names := sorted(entry.name for entry in out.iterdir()) if out.exists() else []:
        raise DataError(
            f"{out} is not empty (it holds {_some(names)})",
            "nothing was written; give a new folder, or an empty one",
        )


def claim(out: Path, kind: str) -> None:
    """`check_place`, then make the folder.

    Raises:
        DataError, UsageError: as `check_place`; it cannot be made.
    """
    out = Path(out)
    check_place(out, kind)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot make the folder {out}: {error.strerror or error}", advice(error)
        ) from error


def _contents(folder: Path, kind: str) -> list[str]:
    if not folder.exists():
        return []
    allowed = (SUPERSEDED, TAKEDOWNS, *_PERSONS.get(kind, ()))
    names = (entry.name for entry in folder.iterdir())
    return sorted(name for name in names if not name.startswith(".") and name not in allowed)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def kind_of(folder: Path) -> str | None:
    """What limbeck made here: `run`, what `finish` calls a stage, `begun` (some stage), or None."""
    signs: tuple[tuple[str, Callable[[dict[str, Any]], object]], ...] = (
        (RUN, lambda v: "run" if "format_version" in v and "limbeck" in v else None),
        (DONE, lambda v: Done.model_validate(v).stage),
        ("index.json", lambda v: "data" if v.get("format") == "limbeck-dataset" else None),
        ("config.json", lambda v: "model" if v.get("format") == "limbeck-model" else None),
        (BEGUN, lambda v: v.get("stage") or ("begun" if "inputs" in v else None)),
    )
    for name, sign in signs:
        try:
            values = fsio.read_json(folder / name)
            kind = sign(values) if isinstance(values, dict) else None
        except (LimbeckError, OSError, ValueError):
            continue
        if isinstance(kind, str):
            return kind
    return "train" if has_checkpoints(folder) else None


@contextmanager
def fresh(out: Path, kind: str, *, adds: bool = False) -> Iterator[Path]:
    """A temporary folder to make a stage in; it becomes `out` when the block ends without error.

    What was in `out` before: see the module's docstring. Inside another `fresh`, the folder itself.

    Args:
        out: the stage's folder.
        kind: what `finish` calls the stage.
        adds: what the stage wrote before stays too, unless a new file has its name.

    Yields:
        A folder in `out`; the block leaves a done.json in it.

    Raises:
        DataError: as `claim`; the folder cannot be written.
    """
    out = Path(out)
    if fsio.is_temporary(out):
        yield out
        return
    made = not out.exists()
    claim(out, kind)
    fsio.sweep(out)
    building = fsio.beside(out / kind)
    try:
        try:
            building.mkdir()
        except OSError as error:
            raise _cannot_write(out, error) from error
        yield building
        _list_files(building, _listed(out) if adds else {})
        _install(building, out, kind, adds)
    finally:
        fsio.drop(building)
        if made:
            fsio.remove_empty(out)  # nothing came of it


def _cannot_write(folder: Path, error: OSError) -> DataError:
    return DataError(f"cannot write into {folder}: {error.strerror or error}", advice(error))


def _list_files(building: Path, before: Listed) -> None:
    """Note in done.json what the stage wrote, so that nothing else is ever taken for it."""
    marks = {
        file.relative_to(building).as_posix(): _mark(file) for file in fsio.files_under(building)
    }
    own = {name: mark for name, mark in marks.items() if name not in _MARKS}
    values = fsio.read_json(building / DONE)
    fsio.write_json(building / DONE, values | {"files": {**before, **own}})


def _mark(file: Path) -> tuple[int, int]:
    facts = file.lstat()
    return facts.st_size, facts.st_mtime_ns


def _listed(folder: Path) -> Listed:
    """What done.json lists; empty without one, and for stages made before it did."""
    try:
        done = read_done(folder)
    except LimbeckError:
        return {}
    return {} if done is None else done.files


def _unchanged(folder: Path, name: str, listed: Listed) -> bool:
    try:
        return name in listed and _mark(folder / name) == tuple(listed[name])
    except OSError:
        return False


def _names(folder: Path) -> list[str]:
    """Files of a stage, relative; without temporaries and what is superseded already."""
    names = (file.relative_to(folder).as_posix() for file in fsio.files_under(folder))
    return [name for name in names if not name.startswith((".", f"{SUPERSEDED}/"))]


def seconds_of(folder: Path) -> float:
    """How long the finished stage took; 0 where none is."""
    try:
        done = read_done(folder)
    except LimbeckError:
        return 0.0
    return 0.0 if done is None else done.seconds


def _install(source: Path, out: Path, kind: str, adds: bool = False) -> None:
    """Make room in `out` for what `source` holds, and move it in, done.json last.

    From before the first file goes until the last one came, begun.json says whose the folder is: a
    kill in between leaves a folder that the next call makes anew.
    """
    coming = {file.relative_to(source).as_posix() for file in fsio.files_under(source)}
    marks = [name for name in _MARKS if (out / name).exists()]
    if BEGUN not in marks:
        fsio.write_json(out / BEGUN, {"stage": kind})
    _make_room(out, coming, marks, adds)
    fsio.erase(out, [DONE])
    first = [BEGUN] if BEGUN in coming else []
    try:
        for name in [*first, *sorted(coming - set(_MARKS)), DONE]:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            if (out / name).is_dir():
                fsio.remove_empty(out / name)  # what it held has been moved
            os.replace(source / name, out / name)
    except OSError as error:
        raise _cannot_write(out, error) from error
    if not first:
        fsio.erase(out, [BEGUN])


def _make_room(out: Path, coming: set[str], marks: list[str], adds: bool) -> None:
    """Remove or move aside what is in the way of `coming`; see the module's docstring."""
    listed = _listed(out)
    nobody_knows = not listed and bool(marks)
    costly = bool(listed) and seconds_of(out) >= CHEAP
    blocked = coming | {p.as_posix() for name in coming for p in Path(name).parents}
    away, gone = [], []
    for name in _names(out):
        clash = name in blocked or any(p.as_posix() in coming for p in Path(name).parents)
        own = _unchanged(out, name, listed)
        persons = name in (*_PERSONS["keep"], NAMES, TAKEDOWNS) or (
            name == MARKS and not clash and name not in listed  # of a model they may be the stage's
        )
        if persons or name in _MARKS or (own and adds and not clash):
            continue
        if own and not costly:
            gone.append(name)
        elif name in listed or clash or nobody_knows:
            away.append(name)
    whole = nobody_knows or (costly and not adds)
    if away or (whole and marks):
        _move(out, [*away, *(marks if whole else [])], whole)
    fsio.erase(out, gone)


def place_aside(folder: Path) -> Path:
    """A new folder's name for what must go from `folder`: in the run's `superseded`, else in its
    own."""
    parent = folder.parent
    in_run = folder.name in STAGES and (parent / RUN).exists()
    shelf = (parent if in_run else folder) / SUPERSEDED
    number = 1
    while os.path.lexists(shelf / f"{folder.name}-{number}"):
        number += 1
    return shelf / f"{folder.name}-{number}"


def _move(folder: Path, names: list[str], whole: bool) -> None:
    to = place_aside(folder)
    try:
        for name in names:
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            if name == BEGUN:  # it also stays, as the folder's mark
                fsio.write_text(to / name, (folder / name).read_text(encoding="utf-8"))
            else:
                os.replace(folder / name, to / name)
    except OSError as error:
        raise _cannot_write(to, error) from error
    what = "what was made here before" if whole else "files that limbeck did not write like this"
    logs.say(f"{folder}: {what} ({_some(names)}) is now in {to}")


def move_aside(folder: Path) -> Path | None:
    """Move a whole folder into `superseded`, in one rename (a link goes as a link).

    Returns:
        Where it lies now; None where there was none.

    Raises:
        DataError: it cannot be moved.
    """
    folder = Path(folder)
    if not os.path.lexists(folder):
        return None
    to = place_aside(folder)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(to)
    except OSError as error:
        raise _cannot_write(to, error) from error
    logs.say(f"{folder} was made with other photos or settings: now in {to}")
    return to


def find_aside(folder: Path, wanted: Provenance) -> Path | None:
    """Where a superseded stage of a run lies that was begun for exactly what is wanted now.

    Args:
        folder: the stage's folder.
        wanted: what it must have been begun for.

    Returns:
        The newest that is whole, or a training, finished or not; None where there is none.
    """
    folder = Path(folder)
    shelf = folder.parent / SUPERSEDED
    for source in sorted(shelf.glob(f"{folder.name}-*"), key=_age, reverse=True):
        listed = _listed(source)
        whole = all(_unchanged(source, name, listed) for name in listed)
        resumable = not listed and has_checkpoints(source)
        if wanted.begun_in(source) and (resumable or (listed and whole)):
            return source
    return None


def bring_back(folder: Path, source: Path) -> None:
    """Take what `find_aside` found; what lies in the stage's folder goes aside in its turn."""
    if _listed(source):
        _install(source, folder, folder.name)
        fsio.remove_empty(source)
        return
    move_aside(folder)
    source.rename(folder)


def _age(folder: Path) -> float:
    return folder.lstat().st_mtime


def erase_snapshot(folder: Path) -> None:
    """Remove the networks or the checkpoint in a training's folder; what else lies there stays.

    Args:
        folder: `nets-*` or `state-*`; it goes unless somebody put something into it.
    """
    networks = ["config.json", *(f"{name}.safetensors" for name in _NETWORKS)]
    inner = [f"networks/{name}" for name in networks]
    fsio.erase(folder, [*networks, *inner, "optimizers.safetensors", "state.json"])
    if os.path.lexists(folder):
        logs.warn(f"{folder} holds files that limbeck did not write; they stay")


def holds_work(folder: Path) -> bool:
    """Whether a stage's folder holds a finished stage, or a training's checkpoints."""
    return (folder / DONE).exists() or has_checkpoints(folder)


def has_checkpoints(folder: Path) -> bool:
    """Whether a training left any, at its own size or at a half of it that came before."""
    if any(Path(folder).glob("state-*/state.json")):
        return True
    return (folder / HALF).is_dir() and has_checkpoints(folder / HALF)
