"""A file that is made for other tools takes the place of no other."""

import os
from pathlib import Path

from limbeck.errors import DataError, UsageError


def check_file(out: Path, ending: str, *, overwrite: bool | None = None) -> None:
    """Check that a file can be made there without taking the place of another.

    Args:
        out: its name.
        ending: of the name, e.g. `.npy`.
        overwrite: a file that is there may be replaced; a folder or a link may not; None
            where nobody can ask for it.

    Raises:
        UsageError: a name without the ending.
        DataError: something lies there.
    """
    out = Path(out)
    if out.suffix.lower() != ending:
        raise UsageError(f"{out} does not end in {ending}", f"give --out NAME{ending}")
    check_free(out, overwrite=overwrite)


def check_free(out: Path, *, overwrite: bool | None = None) -> None:
    """Check that nothing lies there that may not be replaced.

    Args:
        out: the file.
        overwrite: as `check_file`.

    Raises:
        DataError: something lies there.
    """
    if os.path.lexists(out) and not (overwrite and out.is_file() and not out.is_symlink()):
        or_so = ", or --overwrite" if overwrite is False else ""
        raise DataError(f"{out} is there already", f"nothing was written; give a new name{or_so}")
