"""Any exception as three things for a person: what went wrong and where, what to do, exit code."""

import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from limbeck import logs
from limbeck.errors import LimbeckError, advice

UNEXPECTED, USAGE, BAD_DATA, INTERRUPTED = 1, 2, 3, 4
_DEBUG = "LIMBECK_DEBUG=1 in front of the command shows where"
_LESS = "give a smaller --preset, --size or --set train.microbatch=4, or close other programs"


@dataclass(frozen=True)
class Failure:
    """How a command failed: `what` and `do` are each shown on a line; `code` is the exit code."""

    what: str
    do: str
    code: int


def again() -> str:
    """What to do after an interruption."""
    return f"the same command continues: {logs.command('limbeck', *sys.argv[1:])}"


def explain(error: BaseException) -> Failure:
    """The failure that an exception means.

    Exit codes: 1 unexpected, 2 usage, 3 bad data or a disk that refuses, 4 interrupted.
    """
    if isinstance(error, KeyboardInterrupt):
        return Failure("stopped", again(), INTERRUPTED)
    if isinstance(error, LimbeckError):
        do = again() if error.exit_code == INTERRUPTED else error.do
        return Failure(error.what, do, error.exit_code)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return Failure(f"not enough memory{_where(error)}", _LESS, UNEXPECTED)
    if isinstance(error, OSError) and error.errno is not None:
        return _of_the_system(error)
    if isinstance(error, UnicodeEncodeError):
        name = error.object[max(error.start - 40, 0) : error.end + 40]
        return Failure(f"{name!r} is no text in UTF-8", "rename that file or folder", USAGE)
    if isinstance(error, UnicodeDecodeError):
        what = f"a file is not text in UTF-8{_where(error)}: {error.reason}"
        return Failure(what, f"save it as UTF-8; {_DEBUG}", BAD_DATA)
    if isinstance(error, RecursionError):
        what = f"brackets within brackets, too deep to read{_where(error)}"
        return Failure(what, f"check what --set and the JSON files say; {_DEBUG}", BAD_DATA)
    name, said = type(error).__name__, " ".join(str(error).split())[:300]
    return Failure(
        f"unexpected {name}{f': {said}' if said else ''}{_where(error)}",
        f"this is a fault of limbeck: please report it. {_DEBUG}; `limbeck doctor` says on what "
        "machine",
        UNEXPECTED,
    )


def _of_the_system(error: OSError) -> Failure:
    names = [
        os.fsdecode(n) for n in (error.filename, error.filename2) if isinstance(n, str | bytes)
    ]
    why = error.strerror or os.strerror(error.errno or 0)
    return Failure(
        f"{' to '.join(names)}: {why}" if names else f"{why}{_where(error)}",
        advice(error, _DEBUG),
        BAD_DATA,
    )


def _where(error: BaseException) -> str:
    """` (in training/loop.py, line 12)`: the innermost line of limbeck's own."""
    home = Path(__file__).parents[1]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(home):
            return f" (in {Path(frame.filename).relative_to(home)}, line {frame.lineno})"
    return ""
