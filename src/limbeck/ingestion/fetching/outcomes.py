"""What becomes of a URL, and why one was not fetched."""

from enum import StrEnum

FINAL = "final-url"
"""Among the headers that are kept: where redirects led."""


class Fate(StrEnum):
    """What became of a URL.

    `gone` is for good (404, a refused address), `later` may go better next time (a time-out, 503).
    """

    FETCHED = "fetched"
    GONE = "gone"
    LATER = "later"
    OPTED_OUT = "opted_out"


class NotFetched(Exception):
    """Why an attempt brought nothing.

    Args:
        fate: what it means for the URL.
        detail: in words.
        again: whether to try again in this call.
        wait: seconds that the host asks to wait.
        silent: the host could not be connected to.
    """

    def __init__(
        self,
        fate: Fate,
        detail: str,
        *,
        again: bool = False,
        wait: float | None = None,
        silent: bool = False,
    ) -> None:
        super().__init__(detail)
        self.fate = fate
        self.detail = detail
        self.again = again
        self.wait = wait
        self.silent = silent


def gone(detail: str) -> NotFetched:
    """It will not go better."""
    return NotFetched(Fate.GONE, detail)


def lost(detail: str) -> NotFetched:
    """The attempt failed on its way; another one may not."""
    return NotFetched(Fate.LATER, detail, again=True)


class Stopped(Exception):
    """The work was stopped meanwhile."""
