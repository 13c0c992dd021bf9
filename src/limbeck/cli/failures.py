"""Any exception as three things for a person: what went wrong and where, what to do, exit code."""

import errno
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from limbeck import logs
from limbeck.errors import LimbeckError

UNEXPECTED, USAGE, BAD_DATA, INTERRUPTED = 1, 2, 3, 4
_AGAIN = "then run the same command again"
_ADVICE = {
    errno.EROFS: "that disk is mounted read-only: give a folder on another one",
    errno.EACCES: "change the permissions, or give a folder that you may write to",
    errno.EPERM: "change the permissions, or give a folder that you may write to",
    errno.ENOSPC: f"free some space, {_AGAIN}",
    errno.EDQUOT: f"free some of your quota, {_AGAIN}",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ENOTDIR: "a part of that path is a file, not a folder: check it, or give another one",
    errno.EISDIR: "a folder lies where a file is wanted: check the name",
    errno.EEXIST: "something of that name is in the way: give another name, or move it",
    errno.ENOENT: "check the name; paths are relative to the folder you are in",
    errno.ELOOP: "a link there leads back to itself: check it",
    errno.EMFILE: f"raise the limit of open files (ulimit -n 4096), {_AGAIN}",
    errno.EIO: "the disk or the network drive fails: check it, or give another folder",
    errno.ESTALE: f"the network drive went away: connect it again, {_AGAIN}",
}
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
        _ADVICE.get(error.errno or 0, _DEBUG),
        BAD_DATA,
    )


def _where(error: BaseException) -> str:
    """` (in training/loop.py, line 12)`: the innermost line of limbeck's own."""
    home = Path(__file__).parents[1]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(home):
            return f" (in {Path(frame.filename).relative_to(home)}, line {frame.lineno})"
    return ""
