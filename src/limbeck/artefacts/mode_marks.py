"""marks.csv: what a person says of modes. It outlives the modes that are found anew.

It lies beside modes.safetensors, in a run's modes/ and in a model folder. A line is about the modes
whose digest it bears, so that marks never slip to other modes of the same number.
"""

from dataclasses import replace
from pathlib import Path

from limbeck import fsio
from limbeck.artefacts.person_csv import check_name, form, read_rows, write_rows
from limbeck.artefacts.run import MARKS
from limbeck.errors import DataError, UsageError
from limbeck.latents import MARK_WORDS, ModeCentres, ModeMarks

_HEADER = ("modes", "mode", "name", "mark")
_DO = f"{form(_HEADER)}; {MARK_WORDS}"
_DIGITS = 9


def read_marks(folder: Path, digest: str, count: int) -> ModeMarks:
    """The marks of the modes with this digest; none without a file.

    Args:
        folder: that holds marks.csv, or not.
        digest: `ModeCentres.digest` of the modes.
        count: how many modes there are.

    Raises:
        DataError: names the line of the file at fault: its form, two lines for one mode, a mode
            that is not there, a merge into a mode that is merged itself or marked `never`; or all
            modes are marked `never`.
    """
    path = Path(folder) / MARKS
    found, lines, others = ModeMarks(where=str(path)), dict[int, str](), 0
    for line, (modes, number, name, mark) in read_rows(path, _HEADER):
        mode = _number(line, number)
        changed = _changed(line, found, mode, name, mark)
        if modes != digest:
            others += 1
            continue
        if mode in lines:
            raise DataError(f"{line}: mode {mode} has a line above", "make one line of the two")
        found, lines[mode] = changed, line
    if fault := found.fault(count):
        raise DataError(f"{lines[fault[0]]}: {fault[1]}", _DO)
    return replace(found, others=others)


def _changed(line: str, marks: ModeMarks, mode: int, name: str, mark: str) -> ModeMarks:
    try:
        return marks.changed(mode, name=name and check_name(name, "mode"), mark=mark)
    except UsageError as error:
        raise DataError(f"{line}: {error.what}", _DO) from None


def _number(line: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise DataError(f"{line}: {fsio.plain(repr(text))} is no mode's number", _DO)
    return int(text)


def write_marks(folder: Path, digest: str, marks: ModeMarks) -> None:
    """Write the marks of these modes; lines about other modes stay.

    Raises:
        DataError: the file is damaged or cannot be written.
    """
    path = Path(folder) / MARKS
    rows = [cells for _, cells in read_rows(path, _HEADER) if cells[0] != digest]
    rows += [
        [digest, str(mode), marks.names.get(mode, ""), marks.mark(mode)] for mode in marks.modes
    ]
    write_rows(path, _HEADER, rows)


def marked(centres: ModeCentres, folder: Path) -> ModeCentres:
    """The centres with the marks that lie in a folder, and no others.

    Raises:
        DataError: as `read_marks`.
    """
    if not (Path(folder) / MARKS).exists():
        return centres.with_marks(ModeMarks()) if centres.marks else centres
    return centres.with_marks(read_marks(folder, centres.digest(), len(centres)))


def load_modes(path: Path) -> ModeCentres:
    """modes.safetensors, with the marks beside it.

    Raises:
        DataError: as `ModeCentres.load` and `read_marks`.
    """
    return marked(ModeCentres.load(path), Path(path).parent)
