"""The verb studio: the run or the model in the browser."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from limbeck import logs
from limbeck.cli.inputs import existing
from limbeck.cli.options import Shared
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.errors import UsageError


@verb("device", "dry_run")
def studio(
    shared: Shared,
    source: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run, a model folder, or hf://OWNER/NAME of the hub."),
    ],
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 = any that is free.")
    ] = 8765,
    host: Annotated[
        str,
        typer.Option(
            "--host", help="Where to listen; other than loopback asks visitors for a token."
        ),
    ] = "127.0.0.1",
    beside: Annotated[
        list[Path] | None,
        typer.Option("--beside", help="Another run, to compare trainings with; repeatable."),
    ] = None,
    directions: Annotated[
        list[Path] | None,
        typer.Option(
            "--directions",
            help="Folder written by `limbeck directions`, to edit with; repeatable. Those right "
            "inside the run or its model are found by themselves.",
        ),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the page in this machine's browser.")
    ] = False,
) -> Outcome:
    """Look through photos, modes, generated images and trainings in the browser, and decide."""
    missing = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the studio needs {' and '.join(missing)}", "pip install 'limbeck[studio]'"
        )
    folders = tuple(existing(one, "folder of directions") for one in directions or ())
    if shared.dry_run:
        from limbeck.studio import open_place

        place = open_place(str(source), tuple(beside or ()))
        return would("studio", {"root": place.root, "host": host, "port": port})
    from limbeck.studio import serve

    with logs.paused():  # it waits for people: that it goes on is no news
        serve(
            str(source), host=host, port=port, beside=tuple(beside or ()), directions=folders,
            device=shared.device, open_browser=open_browser,
        )  # fmt: skip
    return Outcome({"ended": True}, ["the studio has ended"])
