"""Small CSV files of a person's (names.csv, marks.csv): their rows, and names in them."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from limbeck import fsio
from limbeck.errors import DataError, UsageError

BYTES = 8 * 2**20
"""At most so large a file."""
_MOST = 60
_BAD = re.compile(r"[\x00-\x1f\x7f:=,]")


def check_name(name: str, what: str) -> str:
    """The name without blanks around it.

    Args:
        name: as a person gives it.
        what: that it is the name of, e.g. `direction`.

    Raises:
        UsageError: empty, longer than 60 characters, a number, or it holds `:`, `=`, `,` or a
            control character, which stand between names where edits are written.
    """
    name = name.strip()
    if not 0 < len(name) <= _MOST or _BAD.search(name) or name.isdecimal():
        raise UsageError(
            f"{fsio.plain(repr(name))} cannot be a {what}'s name",
            f"give 1 to {_MOST} characters without : = , and no bare number, e.g. ears-up",
        )
    return name


def form(header: Sequence[str]) -> str:
    """What to do about a bad line."""
    return f"its header is {','.join(header)}; correct the line, or move the file away"


def read_rows(path: Path, header: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The rows under the header, blanks around cells and empty lines left out.

    Returns:
        `PATH:LINE`, for messages, and as many cells as the header has, of each; empty without a
        file.

    Raises:
        DataError: too large, not UTF-8 or not CSV; a line with another number of cells.
    """
    if not path.exists():
        return []
    reader = csv.reader(io.StringIO(fsio.read_text(path, BYTES).removeprefix("\ufeff")))
    found = []
    try:
        for row in reader:
            cells, line = [cell.strip() for cell in row], f"{path}:{reader.line_num}"
            if not any(cells) or (reader.line_num == 1 and cells == list(header)):
                continue
            if len(cells) != len(header):
                raise DataError(f"{line} has {len(cells)} fields", form(header))
            found.append((line, cells))
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num} is not CSV: {error}", form(header)) from None
    return found


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a file that `read_rows` reads, atomically."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    fsio.write_text(path, text.getvalue())
