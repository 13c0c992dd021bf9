"""A file that is made for other tools takes the place of no other."""

import os
from pathlib import Path

from limbeck.errors import DataError, UsageError


def check_file(out: Path, ending: str) -> None:
    """Check that a file can be made there without taking the place of another.

    Raises:
        UsageError: a name without the ending.
        DataError: something lies there.
    """
    out = Path(out)
    if out.suffix.lower() != ending:
        raise UsageError(f"{out} does not end in {ending}", f"give --out NAME{ending}")
    if os.path.lexists(out):
        raise DataError(f"{out} is there already", "nothing was written; give a new name")
