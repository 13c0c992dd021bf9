"""Progress for people on stderr; results for programs on stdout are the command line's alone."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")


def ranks() -> int:
    """How many processes torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """This process among those that torchrun started; 0 without it."""
    return int(os.environ.get("RANK", "0")) if ranks() > 1 else 0


@cache
def console() -> Console:
    """The one console; writes to stderr. LIMBECK_QUIET=1 silences it."""
    return Console(stderr=True, quiet=os.environ.get("LIMBECK_QUIET") == "1", highlight=False)


def say(message: str) -> None:
    """One line for the person who watches (rich markup allowed); rank 0 alone speaks."""
    if rank():
        return
    console().print(message, soft_wrap=True)


def warn(message: str) -> None:
    """A line that asks for attention."""
    if rank():
        return
    console().print(f"[yellow]warning:[/yellow] {message}", soft_wrap=True)


def progress() -> Progress:
    """A progress display with rates and ETA; on a pipe it stays silent, lines are `say`'s job."""
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console(),
        transient=True,
        disable=rank() > 0 or not sys.stderr.isatty(),
    )


def track(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Pass items through while showing progress; `total` counts items."""
    started = time.perf_counter()
    with progress() as display:
        task = display.add_task(what, total=total, note="")
        for done, item in enumerate(items, 1):
            yield item
            rate = done / max(time.perf_counter() - started, 1e-9)
            display.update(task, completed=done, note=f"{rate:,.1f}/s")


def duration(seconds: float) -> str:
    """`93.2` -> `1m33s`."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
