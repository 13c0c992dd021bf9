"""How a verb ends: a short summary on stderr, one JSON line on stdout, an exit code."""

import functools
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import typer

from limbeck import logs
from limbeck.cli.failures import explain
from limbeck.cli.options import Shared, SharedName, options
from limbeck.processes import rank, ranks


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


def would(name: str, values: Mapping[str, object], *lines: object) -> Outcome:
    """What `--dry-run` answers."""
    return Outcome({"dry_run": True, "verb": name, **values}, lines)


def planned(stage: str, values: dict[str, object]) -> Outcome:
    """What a stage would do, a line for each of `values`; of `config` nothing is shown."""
    lines = [f"  {name}: {value}" for name, value in values.items() if name != "config"]
    return would(stage, values, f"would {stage}:", *lines)


def verb(*names: SharedName) -> Callable[[Callable[..., Outcome]], Callable[..., None]]:
    """Make a function that returns an `Outcome` into a command: show it, turn errors into codes.

    Exit codes: 0 ok, 1 unexpected, 2 usage, 3 bad data, 4 interrupted and resumable. No traceback
    is shown, unless LIMBECK_DEBUG=1.

    Args:
        names: options that the command has in common with others. With any, the function's first
            parameter is a `Shared` of what they were given. Every command has `--json`.
    """
    return lambda function: _command(function, names)


def _command(function: Callable[..., Outcome], names: Sequence[SharedName]) -> Callable[..., None]:
    @functools.wraps(function)
    def guarded(as_json: bool = False, **own: Any) -> None:
        shared = (Shared(**{name: own.pop(name) for name in names}),) if names else ()
        try:
            with logs.awake(f"limbeck {function.__name__.replace('_', '-')}"):
                outcome = function(*shared, **own)
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

    signature = inspect.signature(function, eval_str=True)
    parameters = [*list(signature.parameters.values())[bool(names) :], *options(*names)]
    guarded.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=None
    )
    guarded.__annotations__ = {one.name: one.annotation for one in parameters}
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
