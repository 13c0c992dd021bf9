"""The verb walk: a film of the way through latent space."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from limbeck import logs
from limbeck.artefacts.folders import fresh
from limbeck.artefacts.stage import Provenance
from limbeck.cli.drawing import (
    ClassOf,
    Cutoff,
    ModeIndex,
    Source,
    StillNoise,
    Strength,
    StrengthByLayer,
    TruncatedTo,
    Tuned,
    Wishes,
    drawing,
)
from limbeck.cli.inputs import existing, fetched_model
from limbeck.cli.options import ModesFolder, Shared
from limbeck.cli.outcome import Outcome, verb, would
from limbeck.cli.points import PLACES, named_points, named_stops
from limbeck.errors import UsageError

if TYPE_CHECKING:
    from limbeck.editing import FilmForm, Walk

_LEG, _SHORTEST = 2.0, 4.0  # seconds
_MOST_FRAMES = 1_000_000


@verb("device", "dry_run")
def walk(
    shared: Shared,
    source: Source,
    stops: Annotated[list[str], typer.Argument(metavar="STOP...", help=f"{PLACES}.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="NAME.webp, NAME.mp4 (extra `video`), or a folder for PNG frames."
        ),
    ],
    through: Annotated[
        Literal["straight", "modes", "z"],
        typer.Option(
            "--through",
            help="straight (in W), modes (over centres that lie near one another) or z (on a "
            "sphere; between seeds).",
        ),
    ] = "straight",
    loop: Annotated[
        bool, typer.Option("--loop", help="Go back to the first stop, so that the film closes.")
    ] = False,
    fps: Annotated[float, typer.Option("--fps", help="Frames a second.")] = 24.0,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", help="Length; default: 2 seconds from stop to stop, 4 at least."),
    ] = None,
    frames: Annotated[
        int | None, typer.Option("--frames", min=2, help="Length in frames, for --seconds.")
    ] = None,
    even: Annotated[
        bool,
        typer.Option(
            "--even/--no-even",
            help="Whether neighbouring frames differ equally to the eye (LPIPS); costs drawing "
            "twice as many images first.",
        ),
    ] = True,
    easing: Annotated[
        Literal["linear", "smooth"],
        typer.Option("--easing", help="linear, or smooth: slower near the stops."),
    ] = "linear",
    directions: Annotated[
        Path | None,
        typer.Option("--directions", help="Folder written by `limbeck directions`, for --along."),
    ] = None,
    along: Annotated[
        str | None,
        typer.Option(
            "--along",
            metavar="DIRECTION:LOW:HIGH",
            help="From one stop along a direction, from strength LOW to HIGH and back, e.g. "
            "pca-all-00:-2:2.",
        ),
    ] = None,
    tuned: Tuned = None,
    scale: Annotated[
        int | None,
        typer.Option(
            "--scale",
            min=1,
            help="Whole factor by which frames are enlarged; default: to 256 px or more, PNGs not.",
        ),
    ] = None,
    resample: Annotated[
        Literal["lanczos", "nearest"],
        typer.Option("--resample", help="How frames are enlarged: lanczos or nearest."),
    ] = "lanczos",
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
    noise: StillNoise = "const",
) -> Outcome:
    """Make a film of a walk: from seed to seed, mode to mode, photo to photo, along a direction."""
    from limbeck.editing import FilmForm, check_film

    form = FilmForm(fps, scale, resample)
    count = _length(seconds, frames, fps)
    places = named_stops(stops)
    turn = _turn(along, directions)
    kind = check_film(out, overwrite=overwrite)
    wanted = fetched_model(source, shared.dry_run)
    asked = {"out": out, "kind": kind, "stops": stops, "through": through, "loop": loop, "fps": fps}
    if isinstance(wanted, str):
        told = f"would fetch {wanted} from the hub and write the walk {out}"
        return would("walk", {**asked, "model": wanted}, told)
    wishes = Wishes(psi, psi_layers, cutoff, truncation, mode, classes, noise, tuned)
    drawn = drawing(wanted, modes, wishes)
    if shared.dry_run:
        told = f"would write the walk {out} ({drawn.words}, through {through})"
        return would("walk", {**asked, **drawn.values()}, told)
    opened = drawn.opened(shared.device)
    points = named_points(places, drawn, opened)
    legs = 2 if turn else len(points) if loop else len(points) - 1
    count = count or round(fps * max(_SHORTEST, _LEG * legs))
    side = form.factor(kind, opened.networks.config.size) * opened.networks.config.size

    from limbeck.editing import read_directions, swing
    from limbeck.editing import walk as walked

    if turn is None:
        made = walked(
            opened.networks, points, frames=count, loop=loop, through=through, even=even,
            easing=easing, modes=opened.modes,
            psi=1.0 if drawn.truncation == "none" else opened.psi, noise=noise, progress=True,
        )  # fmt: skip
    else:
        if len(points) != 1:
            raise UsageError(f"--along and {len(points)} stops", "name one stop for --along")
        which = read_directions(turn.directions, opened.untuned).find(turn.which).direction
        made = swing(
            opened.networks, points[0], which, low=turn.low, high=turn.high, frames=count,
            even=even, easing=easing, noise=noise, progress=True,
        )  # fmt: skip
    _write(made, out, form, overwrite)
    names = [{"frame": frame, "name": name} for frame, name in made.landmarks]
    values = {
        **asked, **drawn.values(), "frames": count, "seconds": round(count / fps, 3), "side": side,
        "landmarks": names,
    }  # fmt: skip
    way = " - ".join(name for _, name in made.landmarks)
    how = f"through {through}" if turn is None else f"along {along}"
    told = f": {count} frames, {count / fps:.1f} s, {side} px ({drawn.words}, {how})"
    return Outcome(values, [logs.line("wrote ", logs.bold(out), told), f"way: {way}"])


@dataclass(frozen=True)
class _Turn:
    """A direction of a folder, and strengths from where to where."""

    directions: Path
    which: str
    low: float
    high: float


def _turn(along: str | None, directions: Path | None) -> _Turn | None:
    if along is None and directions is None:
        return None
    if along is None or directions is None:
        raise UsageError("--along needs --directions, and the other way round", "give both")
    from limbeck.editing import parse_move

    rest, high = parse_move(along)
    which, low = parse_move(rest)
    existing(directions, "folder of directions")
    return _Turn(directions, which, low, high)


def _length(seconds: float | None, frames: int | None, fps: float) -> int | None:
    """How many frames are asked for; None where it is left to the number of stops."""
    if seconds is not None and frames is not None:
        raise UsageError("--seconds and --frames cannot go together", "give one of them")
    asked = f"--frames {frames}"
    if seconds is not None:
        asked = f"--seconds {seconds:g} at {fps:g} frames a second"
        frames = round(seconds * fps) if math.isfinite(seconds) else 0
    if frames is not None and not 2 <= frames <= _MOST_FRAMES:
        raise UsageError(asked, f"give a length of 2 to {_MOST_FRAMES:,} frames")
    return frames


def _write(made: Walk, out: Path, form: FilmForm, overwrite: bool) -> None:
    from limbeck.editing import WALKED, film_kind, write_film, write_frames
    from limbeck.latents import tensors_digest

    frames = logs.track(made, "drawing the walk", len(made), "frames")
    if film_kind(out) != "png":
        write_film(frames, len(made), out, form, overwrite=overwrite)
        return
    started = time.perf_counter()
    inputs = {"generator": tensors_digest(made.networks.G_ema.state_dict())}
    with fresh(out, WALKED) as folder:
        write_frames(frames, folder, form)
        settings = {"landmarks": made.landmarks, "scale": form.scale, "fps": form.fps}
        summary = {"frames": len(made), "landmarks": made.landmarks}
        Provenance.of(inputs, settings).finish(folder, WALKED, started=started, summary=summary)
