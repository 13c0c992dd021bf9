"""Files of a finished stage that must change after all: all at once, and still the stage's own."""

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from limbeck import fsio
from limbeck.artefacts.run import TAKEDOWNS
from limbeck.artefacts.stage import BEGUN, DONE, read_done
from limbeck.errors import LimbeckError

_WITH = (BEGUN, TAKEDOWNS)  # what the folder must never be without


def is_own(folder: Path, name: str) -> bool:
    """Whether limbeck wrote a file of a stage and nobody changed it since.

    True as well where done.json lists no files: trainings, and stages of earlier versions.
    """
    try:
        done = read_done(folder)
        facts = (folder / name).lstat()
    except (LimbeckError, OSError):
        return True
    if done is None or not done.files:
        return True
    return done.files.get(name) == (facts.st_size, facts.st_mtime_ns)


@contextmanager
def amended(folder: Path, summary: Mapping[str, Any], own: Sequence[str] = ()) -> Iterator[Path]:
    """A temporary for new versions of a stage's files; they replace the old ones by one rename.

    What else lies in the folder stays: it is moved over. A process that dies between the two
    renames leaves the old folder under a temporary's name, and `fsio.recover` brings it back.

    Args:
        folder: the stage's folder; where it is a link, what it leads to is changed.
        summary: what done.json's record, where there is one, says otherwise than before; read when
            the block ends.
        own: patterns of the stage's files in the folder that go even if there is no new version.

    Raises:
        DataError: the folder cannot be written; it is as it was then.
    """
    folder = Path(folder).resolve()
    with fsio.atomic_dir(folder, own) as building:
        for inner in folder.rglob("*"):
            if inner.is_dir() and not inner.is_symlink():
                (building / inner.relative_to(folder)).mkdir(parents=True, exist_ok=True)
        for name in _WITH:
            if (folder / name).is_file():
                shutil.copy2(folder / name, building / name)
        yield building
        if (folder / DONE).exists():
            gone = {file.name for pattern in own for file in folder.glob(pattern)}
            fsio.write_json(building / DONE, _done(folder, building, summary, gone))


def _done(
    folder: Path, building: Path, summary: Mapping[str, Any], gone: Collection[str]
) -> dict[str, Any]:
    """done.json with the marks of the new files, and without those that went."""
    values = fsio.read_object(folder / DONE)
    made = [file for file in fsio.files_under(building) if file.name not in _WITH]
    marks = {file.relative_to(building).as_posix(): _mark(file) for file in made}
    before = values.get("files", {})
    stay = {n: m for n, m in before.items() if n not in gone and (folder / n).exists()}
    files = {**stay, **marks} if before else {}
    return values | {"summary": {**values.get("summary", {}), **summary}, "files": files}


def _mark(file: Path) -> tuple[int, int]:
    facts = file.lstat()
    return facts.st_size, facts.st_mtime_ns
