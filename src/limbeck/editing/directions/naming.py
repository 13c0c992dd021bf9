"""names.csv: what a person calls directions. It outlives the directions that are found anew."""

import csv
import io
import re
from pathlib import Path

from limbeck import fsio
from limbeck.artefacts.run import NAMES
from limbeck.errors import DataError, UsageError

_HEADER = ["digest", "id", "name"]
_BYTES = 8 * 2**20
_MOST = 60
_BAD = re.compile(r"[\x00-\x1f\x7f:=,]")
_FORM = f"its header is {','.join(_HEADER)}; correct the line, or move the file away"


def check_name(name: str) -> str:
    """The name without blanks around it.

    Raises:
        UsageError: empty, longer than 60 characters, a number, or it holds `:`, `=`, `,` or a
            control character, which stand between names where edits are written.
    """
    name = name.strip()
    if not 0 < len(name) <= _MOST or _BAD.search(name) or name.isdecimal():
        raise UsageError(
            f"{fsio.plain(repr(name))} cannot be a direction's name",
            f"give 1 to {_MOST} characters without : = , and no bare number, e.g. ears-up",
        )
    return name


def _rows(folder: Path) -> list[tuple[str, str, str]]:
    path = folder / NAMES
    if not path.exists():
        return []
    reader = csv.reader(io.StringIO(fsio.read_text(path, _BYTES).removeprefix("\ufeff")))
    found = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells) or (reader.line_num == 1 and cells == _HEADER):
                continue
            if len(cells) != 3:
                raise DataError(f"{path}:{reader.line_num} has {len(cells)} fields", _FORM)
            found.append((cells[0], cells[1], check_name(cells[2])))
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num} is not CSV: {error}", _FORM) from None
    except UsageError as error:
        raise DataError(f"{path}:{reader.line_num}: {error.what}", _FORM) from None
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
        rows.append((digest, id_, check_name(name)))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_HEADER, *rows])
    fsio.write_text(folder / NAMES, text.getvalue())
