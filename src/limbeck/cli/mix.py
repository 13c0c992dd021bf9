"""The verb mix: a grid of images that have some layers of one place and the rest of another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limbeck import logs
from limbeck.cli.drawing import (
    ClassOf,
    Cutoff,
    ModeIndex,
    NoiseOf,
    Source,
    Strength,
    StrengthByLayer,
    TruncatedTo,
    Tuned,
    Wishes,
    drawing,
)
from limbeck.cli.inputs import fetched_model
from limbeck.cli.options import ModesFolder, Shared
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.cli.points import PLACES, named_points, named_stops


@verb("device", "dry_run")
def mix(
    shared: Shared,
    source: Source,
    rows: Annotated[
        list[str], typer.Option("--rows", metavar="STOP", help=f"{PLACES}; repeatable.")
    ],
    columns: Annotated[
        list[str],
        typer.Option("--columns", metavar="STOP", help="The same, what --layers come from."),
    ],
    out: Annotated[Path, typer.Option("--out", help="NAME.png to write.")],
    layers: Annotated[
        str,
        typer.Option(
            "--layers",
            help="What a column gives: coarse (pose, shape), middle, fine (colours), or numbers, "
            "e.g. 0-3,5.",
        ),
    ] = "coarse",
    tuned: Tuned = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file that is there.")
    ] = False,
    psi: Strength = None,
    psi_layers: StrengthByLayer = None,
    truncation: TruncatedTo = None,
    cutoff: Cutoff = None,
    modes: ModesFolder = None,
    mode: ModeIndex = None,
    classes: ClassOf = "natural",
    noise: NoiseOf = "const",
) -> Outcome:
    """Draw a style-mixing grid: each row's image with some layers taken from each column."""
    from limbeck.artefacts.new_file import check_file

    across, down = named_stops(columns), named_stops(rows)
    check_file(out, ".png", overwrite=overwrite)
    wanted = fetched_model(source, shared.dry_run)
    asked = {"out": out, "rows": rows, "columns": columns, "layers": layers}
    if isinstance(wanted, str):
        told = f"would fetch {wanted} from the hub and draw {out}"
        return would("mix", {**asked, "model": wanted}, told)
    wishes = Wishes(psi, psi_layers, cutoff, truncation, mode, classes, noise, tuned)
    drawn = drawing(wanted, modes, wishes)
    if shared.dry_run:
        told = f"would draw the grid {out} ({drawn.words}, layers {layers} of the columns)"
        return would("mix", {**asked, **drawn.values()}, told)

    from limbeck.editing import mix as mixed
    from limbeck.kit.images import save_png

    opened = drawn.opened(shared.device)
    left, top = (named_points(stops, drawn, opened) for stops in (down, across))
    made = mixed(opened.networks, left, top, layers, noise=noise, progress=True)
    save_png(made.sheet(), out)
    names = {"rows": [p.name for p in left], "columns": [p.name for p in top]}
    values = {**asked, **drawn.values(), **names, "layers": list(made.layers)}
    numbers = ", ".join(map(str, made.layers))
    told = f": rows {len(left)}, columns {len(top)}; layers {numbers} are the columns'"
    return Outcome(values, [logs.line("wrote ", logs.bold(out), f"{told} ({drawn.words})")])
