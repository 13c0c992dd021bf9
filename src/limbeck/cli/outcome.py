"""How a verb ends: a short summary on stderr, one JSON line on stdout, an exit code."""

import functools
import json
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec

import typer

from limbeck import logs
from limbeck.errors import LimbeckError

P = ParamSpec("P")
INTERRUPTED = 4


@dataclass(frozen=True)
class Outcome:
    """What a verb did.

    `values` is what `--json` prints; `lines` are for people (rich markup allowed); `then` is the
    command to try next, `code` the exit code.
    """

    values: dict[str, object]
    lines: list[str] = field(default_factory=list)
    then: str = ""
    code: int = 0


def verb(function: Callable[P, Outcome]) -> Callable[P, None]:
    """Make a function that returns an `Outcome` into a command: show it, turn errors into codes.

    Exit codes: 0 ok, 1 unexpected, 2 usage, 3 bad data, 4 interrupted and resumable.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        as_json = kwargs.get("as_json") is True
        try:
            outcome = function(*args, **kwargs)
        except KeyboardInterrupt:
            _fail("stopped", f"the same command continues: {_command()}", INTERRUPTED, as_json)
        except LimbeckError as error:
            do = error.do
            if error.exit_code == INTERRUPTED:
                do = f"the same command continues: {_command()}"
            _fail(error.what, do, error.exit_code, as_json)
        else:
            _show(outcome)
            if as_json and logs.rank() == 0:
                print(json.dumps(outcome.values, allow_nan=False, default=str), flush=True)
            _leave(outcome.code)
            if outcome.code:
                raise typer.Exit(outcome.code)

    return guarded


def _command() -> str:
    return shlex.join(["limbeck", *sys.argv[1:]])


def _show(outcome: Outcome) -> None:
    for line in outcome.lines:
        logs.say(line)
    if outcome.then:
        logs.say(f"next: [bold]{outcome.then}[/bold]")


def _fail(what: str, do: str, code: int, as_json: bool) -> None:
    console = logs.console()
    who = f"limbeck, process {logs.rank()}" if logs.rank() else "limbeck"
    console.print(f"{who}: {what}", style="red", markup=False, soft_wrap=True)
    if do:
        console.print(f"  -> {do}", markup=False, soft_wrap=True)
    if as_json and logs.rank() == 0:
        print(json.dumps({"error": what, "do": do, "exit_code": code}), flush=True)
    _leave(code)
    raise typer.Exit(code)


def _leave(code: int) -> None:
    """End one of several processes at once: taking leave of the others in order may not end, and
    gloo's threads sometimes abort a process that is being torn down."""
    if logs.ranks() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
