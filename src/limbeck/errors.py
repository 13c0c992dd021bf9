"""Errors a person can act on. Every one says what went wrong, where, and what to do about it."""

import errno

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


def advice(error: OSError, otherwise: str = "choose another folder") -> str:
    """What to do about an error of the system: by its errno, else `otherwise`."""
    return _ADVICE.get(error.errno or 0, otherwise)


class LimbeckError(Exception):
    """Base of all limbeck errors.

    Args:
        what: what went wrong, naming the file, field or value at fault.
        do: what the reader can do about it; shown on its own line by the command line.
    """

    exit_code = 1

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(f"{what}\n  -> {do}" if do else what)
        self.what = what
        self.do = do


class UsageError(LimbeckError):
    """An argument or a configuration field is wrong (exit code 2)."""

    exit_code = 2


class DataError(LimbeckError):
    """Photos, a dataset or a run on disk cannot be used (exit code 3)."""

    exit_code = 3


class WeightsError(DataError):
    """Pretrained weights are missing or differ from their pinned checksum (exit code 3)."""


class NetworkFileError(DataError):
    """A stranger's file of networks is refused (exit code 3); nothing of it was executed.

    Args:
        what, do: as of every error.
        offset: byte of the file at which it was seen; None where there is none.
        opcode: name of the pickle's opcode there; empty outside a pickle.
        named: the global that the file asked for, `module.name`; empty where none was.
        event: what Python's audit hook saw while the file was read; empty, unless limbeck's reader
            itself is at fault.
    """

    def __init__(
        self,
        what: str,
        do: str = "",
        *,
        offset: int | None = None,
        opcode: str = "",
        named: str = "",
        event: str = "",
    ) -> None:
        super().__init__(what, do)
        self.offset, self.opcode, self.named, self.event = offset, opcode, named, event


class TrainingError(LimbeckError):
    """Training cannot go on: repeated NaN, or networks that do not fit the configuration."""


class Interrupted(LimbeckError):
    """Stopped on request with everything saved; the same command continues (exit code 4)."""

    exit_code = 4
