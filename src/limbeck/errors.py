"""Errors a person can act on. Every one says what went wrong, where, and what to do about it."""


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


class TrainingError(LimbeckError):
    """Training cannot go on: repeated NaN, or networks that do not fit the configuration."""


class Interrupted(LimbeckError):
    """Stopped on request with everything saved; the same command continues (exit code 4)."""

    exit_code = 4
