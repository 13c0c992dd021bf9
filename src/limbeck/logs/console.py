"""The one console on stderr, and who may speak there."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from rich.console import Console, RenderableType

from limbeck.errors import LimbeckError
from limbeck.logs.text import line, styled
from limbeck.processes import rank


@cache
def console() -> Console:
    """The one console; writes to stderr. LIMBECK_QUIET=1 silences it."""
    return Console(stderr=True, quiet=os.environ.get("LIMBECK_QUIET") == "1", highlight=False)


def is_live() -> bool:
    """Whether stderr is a terminal on which lines can be written over."""
    shown = console()
    return shown.file.isatty() and shown.is_terminal and not shown.is_dumb_terminal


_hushed: ContextVar[bool] = ContextVar("hushed", default=False)


@contextmanager
def hushed() -> Iterator[None]:
    """What this thread says inside is not shown: somebody else tells the person who watches."""
    before = _hushed.set(True)
    try:
        yield
    finally:
        _hushed.reset(before)


_last = [time.monotonic()]  # when the last line was written, at first the start


def silence() -> float:
    """Seconds since the last line."""
    return time.monotonic() - _last[0]


def _print(what: RenderableType, *, soft: bool) -> None:
    if rank() == 0 and not _hushed.get():
        _last[0] = time.monotonic()
        console().print(what, soft_wrap=soft)


def show(what: RenderableType) -> None:
    """A table; its cells are `styled` or `line`, for rich takes bare words for markup."""
    _print(what, soft=False)


def say(*pieces: object) -> None:
    """One line for the person who watches; rank 0 alone speaks.

    The pieces are plain text, set beside one another: whatever a name holds is shown and never
    acted on. What should stand out is `logs.bold(...)`: `say("kept ", logs.bold(12), " photos")`.
    """
    _print(line(*pieces), soft=True)


def warn(*pieces: object) -> None:
    """A line that asks for attention; a `LimbeckError` adds what to do on a second one."""
    said = [piece.what if isinstance(piece, LimbeckError) else piece for piece in pieces]
    say(styled("warning:", "yellow"), " ", *said)
    for piece in pieces:
        if isinstance(piece, LimbeckError) and piece.do:
            say("  -> ", piece.do)
