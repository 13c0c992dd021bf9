"""names.csv: what a person calls directions. It outlives the directions that are found anew."""

from pathlib import Path

from limbeck.artefacts.person_csv import check_name, form, read_rows, write_rows
from limbeck.artefacts.run import NAMES
from limbeck.errors import DataError, UsageError

_HEADER = ("digest", "id", "name")


def _rows(folder: Path) -> list[tuple[str, str, str]]:
    found = []
    for line, (digest, id_, name) in read_rows(folder / NAMES, _HEADER):
        try:
            found.append((digest, id_, check_name(name, "direction")))
        except UsageError as error:
            raise DataError(f"{line}: {error.what}", form(_HEADER)) from None
    return found


def read_names(folder: Path, digest: str) -> dict[str, str]:
    """id -> name of the directions of the generator with this digest; of several the last line.

    Raises:
        DataError: names the line of the file at fault.
    """
    return {id_: name for mark, id_, name in _rows(folder) if mark == digest}


def write_name(folder: Path, digest: str, id_: str, name: str | None) -> None:
    """Give a direction a name, or take it away; all other lines stay.

    Raises:
        UsageError: as `check_name`.
        DataError: the file is damaged or cannot be written.
    """
    rows = [row for row in _rows(folder) if row[:2] != (digest, id_)]
    if name is not None:
        rows.append((digest, id_, check_name(name, "direction")))
    write_rows(folder / NAMES, _HEADER, rows)
