"""overrides.csv: a person's word about single photos. Read here, never written."""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from limbeck import fsio
from limbeck.errors import DataError

FILE = "overrides.csv"
BYTES = 32 * 2**20  # half a million lines
_YES = frozenset({"1", "true", "yes", "keep"})
_NO = frozenset({"0", "false", "no", "drop"})


@dataclass(frozen=True)
class Override:
    """Keep or drop one photo, whatever its score."""

    keep: bool
    reason: str


def read_overrides(path: Path, known: Collection[str]) -> dict[str, Override]:
    """Read a CSV with the header `id,keep,reason`; an absent file holds no override.

    Args:
        path: the file.
        known: ids that exist; an override of any other id is a mistake.

    Raises:
        DataError: no ordinary file, larger than `BYTES`, not UTF-8 or not CSV; or names the line: a
            wrong header, not three fields, an unknown id, one given twice, or `keep` that is none
            of 1, true, yes, keep, 0, false, no, drop.
    """
    path = Path(path)
    if not path.exists():
        return {}
    ids = set(known)
    lines = fsio.read_text(path, BYTES).splitlines()
    result: dict[str, Override] = {}
    try:
        for line, row in enumerate(csv.reader(lines, strict=True), 1):
            fields = [field.strip() for field in row]
            if line == 1:
                if fields != ["id", "keep", "reason"]:
                    what = f"{path}:1: header is {_shown(','.join(row))}"
                    raise DataError(what, "write `id,keep,reason`")
            elif any(fields):
                photo, override = _checked(f"{path}:{line}", fields, ids)
                if photo in result:
                    what = f"{path}:{line}: photo {_shown(photo)} was given before"
                    raise DataError(what, "leave one line for it")
                result[photo] = override
    except csv.Error as error:
        raise DataError(f"{path} is not UTF-8 CSV: {error}", "save it as UTF-8 CSV") from error
    return result


def _checked(where: str, fields: list[str], ids: set[str]) -> tuple[str, Override]:
    if len(fields) != 3:
        raise DataError(f"{where}: {len(fields)} fields", "write id,keep,reason")
    photo, word, reason = fields
    if photo not in ids:
        raise DataError(
            f"{where}: no photo {_shown(photo)} was scored", "take the id from keep.csv"
        )
    if word.lower() not in _YES | _NO:
        what = f"{where}: keep is {_shown(word)}"
        raise DataError(what, "write 1 or 0, yes or no, keep or drop")
    return photo, Override(word.lower() in _YES, reason)


def _shown(text: str) -> str:
    return repr(fsio.plain(text))
