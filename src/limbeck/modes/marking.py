"""Names and marks that a person gives modes, where the modes lie."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from limbeck.artefacts.mode_marks import load_modes, marked, write_marks
from limbeck.artefacts.person_csv import check_name
from limbeck.artefacts.run import RUN, RunDir
from limbeck.errors import DataError, UsageError
from limbeck.latents import ModeCentres

_FILE = "modes.safetensors"


class ModeChange(NamedTuple):
    """What is to become of one mode's name and mark; None leaves it, empty takes it away.

    `mark` is empty, `hide`, `never` or `merge:N`.
    """

    mode: int
    name: str | None = None
    mark: str | None = None


def modes_folder(place: Path | str) -> Path:
    """The folder with the modes that are meant: `place`, a folder of modes or a model folder; of a
    run its modes/.

    Raises:
        DataError: there are none.
    """
    place = Path(place)
    for folder in (place, *([RunDir(place).modes] if (place / RUN).exists() else [])):
        if (folder / _FILE).exists():
            return folder
    raise DataError(
        f"{place} holds no modes (no {_FILE})",
        "give a run, a model folder or a folder of modes that has them, or find some with "
        "`limbeck modes NETWORKS --out MODES`",
    )


def with_changes(modes: ModeCentres, changes: Iterable[ModeChange]) -> ModeCentres:
    """The same modes with other marks; nothing is written.

    Raises:
        UsageError: no such mode, name or mark; or marks that do not go together: a merge into a
            mode that is merged itself or marked `never`, or all modes marked `never`.
    """
    marks = modes.marks
    for mode, name, mark in changes:
        marks = marks.changed(mode, name=name and check_name(name, "mode"), mark=mark)
    if fault := marks.fault(len(modes)):
        raise UsageError(fault[1], "nothing was written; give other marks")
    return modes.with_marks(marks)


def mark_modes(place: Path | str, changes: Iterable[ModeChange]) -> ModeCentres:
    """Change names and marks of modes, together, in marks.csv beside the modes.

    Drawing honours them from then on: `limbeck sample`, walks, `Pipeline.from_pretrained`. A model
    that is loaded already takes them by `model.modes = mark_modes(...)`. Of a run, its modes are
    marked; `limbeck resume` then makes samples, model and report anew. No image changes by names
    and `hide`, and none where truncation is `none` or `global`.

    Args:
        place: a folder of modes, a model folder, or a run.
        changes: the modes to change.

    Returns:
        The modes with all their marks, on the CPU.

    Raises:
        UsageError: as `with_changes`; nothing is written.
        DataError: as `modes_folder`; the modes or marks.csv are damaged or cannot be written.
    """
    folder = modes_folder(place)
    return write_changes(folder, load_modes(folder / _FILE), changes)


def write_changes(folder: Path, modes: ModeCentres, changes: Iterable[ModeChange]) -> ModeCentres:
    """`mark_modes` of modes that are loaded already, with the marks that lie in their folder.

    Raises:
        UsageError: as `with_changes`; nothing is written.
        DataError: marks.csv is damaged or cannot be written.
    """
    made = with_changes(modes, changes)
    write_marks(folder, made.digest(), made.marks)
    return marked(made, folder)


def mark_mode(
    place: Path | str, mode: int, *, name: str | None = None, mark: str | None = None
) -> ModeCentres:
    """`mark_modes` of one mode: `mark_mode("runs/dogs", 5, name="text", mark="never")`."""
    return mark_modes(place, [ModeChange(mode, name, mark)])
