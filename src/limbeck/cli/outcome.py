"""How a verb ends: a short summary on stderr, one JSON line on stdout, an exit code."""

import functools
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ParamSpec

import typer

from limbeck import logs
from limbeck.cli.failures import explain
from limbeck.processes import rank, ranks

P = ParamSpec("P")


@dataclass(frozen=True)
class Outcome:
    """What a verb did.

    `values` is what `--json` prints. `lines` are for people: plain text, or `logs.line(...)` where
    something should stand out; no markup. `then` is what to try next: a command as
    `logs.command(...)` gives it. `code` is the exit code.
    """

    values: dict[str, object]
    lines: Sequence[object] = ()
    then: str = ""
    code: int = 0


def verb(function: Callable[P, Outcome]) -> Callable[P, None]:
    """Make a function that returns an `Outcome` into a command: show it, turn errors into codes.

    Exit codes: 0 ok, 1 unexpected, 2 usage, 3 bad data, 4 interrupted and resumable. No traceback
    is shown, unless LIMBECK_DEBUG=1.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        as_json = kwargs.get("as_json") is True
        try:
            with logs.awake(f"limbeck {function.__name__}"):
                outcome = function(*args, **kwargs)
            _show(outcome)
            if as_json and rank() == 0:
                print(json.dumps(outcome.values, allow_nan=False, default=str), flush=True)
        except (BrokenPipeError, typer.Exit):
            raise  # nobody reads on: typer ends quietly
        except (Exception, KeyboardInterrupt) as error:
            _fail(error, as_json)
        else:
            _leave(outcome.code)
            if outcome.code:
                raise typer.Exit(outcome.code)

    return guarded


def _show(outcome: Outcome) -> None:
    for line in outcome.lines:
        logs.say(line)
    if outcome.then:
        logs.say("next: ", logs.bold(outcome.then))


def _fail(error: BaseException, as_json: bool) -> None:
    failure = explain(error)
    with suppress(KeyboardInterrupt):  # a second Ctrl-C does not change how the first one ends
        if os.environ.get("LIMBECK_DEBUG") == "1":
            traceback.print_exception(error)
        console = logs.console()
        who = f"limbeck, process {rank()}" if rank() else "limbeck"
        console.print(logs.line(logs.styled(f"{who}: {failure.what}", "red")), soft_wrap=True)
        if failure.do:
            console.print(logs.line("  -> ", failure.do), soft_wrap=True)
        if as_json and rank() == 0:
            answer = {"error": failure.what, "do": failure.do, "exit_code": failure.code}
            print(json.dumps(answer), flush=True)
    _leave(failure.code)
    raise typer.Exit(failure.code) from None


def _leave(code: int) -> None:
    """End one of several processes at once: taking leave of the others in order may not end, and
    gloo's threads sometimes abort a process that is being torn down."""
    if ranks() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
