"""The question before what cannot be taken back, or costs much."""

import sys

import typer

from limbeck import logs
from limbeck.errors import UsageError


def somebody_there() -> bool:
    """Whether a person can be asked: both the keyboard and the screen are a terminal's."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str) -> bool:
    """Ask on stderr, with nothing else shown meanwhile."""
    with logs.paused():
        return typer.confirm(question, err=True)


def require_consent(question: str, what: str, declined: str) -> None:
    """Go on only with a yes.

    Args:
        question: to a person.
        what: what would be done, where nobody is there to be asked.
        declined: what a no means.

    Raises:
        UsageError: no, or nobody is there to be asked.
    """
    if not somebody_there():
        raise UsageError(what, "nothing was done; --yes does it, --dry-run shows it")
    if not agreed(question):
        raise UsageError(declined, "the same command asks again")
