"""The verb edit: seeds, photos and latents moved along directions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limbeck import logs
from limbeck.artefacts.folders import check_place
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
from limbeck.cli.options import ModesFolder, Out, Shared
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.cli.points import PLACES, named_points, named_stops
from limbeck.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from limbeck.editing import Directions, Move, Told


@verb("device", "dry_run")
def edit(
    shared: Shared,
    source: Source,
    stops: Annotated[list[str], typer.Argument(metavar="STOP...", help=f"{PLACES}.")],
    out: Out,
    directions: Annotated[
        Path, typer.Option("--directions", help="Folder written by `limbeck directions`.")
    ],
    moves: Annotated[
        list[str],
        typer.Option(
            "--move",
            metavar="DIRECTION:STRENGTH",
            help="Id, name or number of a direction, and how far in its units, e.g. "
            "pca-coarse-00:2 or ears-up:-1.5; repeatable, all act at once.",
        ),
    ],
    layers: Annotated[
        str | None,
        typer.Option("--layers", help="Move these layers alone: coarse, middle, fine, or 0-3,5."),
    ] = None,
    blend: Annotated[
        bool,
        typer.Option("--blend", help="Change the image only where these directions usually act."),
    ] = False,
    tuned: Tuned = None,
    psi: Strength = None,
    psi_layers: StrengthByLayer = None,
    truncation: TruncatedTo = None,
    cutoff: Cutoff = None,
    modes: ModesFolder = None,
    mode: ModeIndex = None,
    classes: ClassOf = "natural",
    noise: NoiseOf = "const",
) -> Outcome:
    """Edit images: move seeds, photos or latents along directions; each before and after."""
    from limbeck.editing import parse_move

    asked = [parse_move(text) for text in moves]
    places = named_stops(stops)
    check_place(out, "edits")
    wanted = fetched_model(source, shared.dry_run)
    values: dict[str, object] = {
        "out": out, "directions": directions, "moves": moves, "layers": layers, "blend": blend,
    }  # fmt: skip
    if isinstance(wanted, str):
        told = f"would fetch {wanted} from the hub and write {out}"
        return would("edit", {**values, "model": wanted}, told)
    wishes = Wishes(psi, psi_layers, cutoff, truncation, mode, classes, noise, tuned)
    drawn = drawing(wanted, modes, wishes)
    from limbeck.editing import read_directions

    if shared.dry_run:
        found = read_directions(directions)
        each = ", ".join(f"{found.find(name).title} {by:g}" for name, by in asked)
        told = f"would write edited images into {out} ({each}; {drawn.words})"
        return would("edit", {**values, **drawn.values()}, told)
    from limbeck.editing import BEFORE_AFTER, layers_named, write_edits

    opened = drawn.opened(shared.device)
    found = read_directions(directions, opened.untuned)
    rows = None if layers is None else layers_named(layers, opened.networks.G_ema.num_ws)
    steps, words, mask = _moves(found, asked, rows)
    points = named_points(places, drawn, opened)
    files = write_edits(
        opened.networks, points, steps, words, out, mask=mask if blend else None, noise=noise
    )
    return Outcome(
        {**values, **drawn.values(), "images": files, "points": [point.name for point in points]},
        [
            logs.line(
                "edited ", logs.bold(len(points)), f" image{'' if len(points) == 1 else 's'}"
            ),
            f"before and after: {out / BEFORE_AFTER}",
        ],
    )


def _moves(
    found: Directions, asked: list[tuple[str, float]], layers: tuple[int, ...] | None
) -> tuple[list[Move], list[Told], Tensor]:
    """The moves, what they are called, and where they act together."""
    from limbeck.editing import Told, limited

    moves: list[Move] = []
    told: list[Told] = []
    mask: Tensor | None = None
    for which, strength in asked:
        one = found.find(which)
        direction = one.direction if layers is None else limited(one.direction, layers)
        moves.append((direction, strength))
        told.append(Told(one.direction.id, one.name, strength))
        mask = one.mask if mask is None else mask | one.mask
    if mask is None:
        raise UsageError("no direction to move along", "give --move DIRECTION:STRENGTH")
    return moves, told, mask
