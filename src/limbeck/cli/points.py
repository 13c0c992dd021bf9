"""Places in latent space named on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from limbeck import logs
from limbeck.cli.inputs import existing

if TYPE_CHECKING:
    from limbeck.cli.drawing import Drawing, Opened
    from limbeck.editing import Point, Stop

PLACES = (
    "Seeds (0-7,42), centres of modes (mode:3, mode:0-4, mode:all), latents of `limbeck invert` "
    "(dog.safetensors, dog.safetensors:2), or photos (./dog.jpg)"
)


def named_stops(texts: Sequence[str]) -> list[Stop]:
    """Understand them, and see that the files are there.

    Raises:
        UsageError: a text that names no place.
        DataError: there is no such file.
    """
    from limbeck.editing import parse_stop

    stops = [parse_stop(text) for text in texts]
    for stop in stops:
        if stop.path is not None:
            existing(stop.path, "file of latents" if stop.kind == "latents" else "photo")
    return stops


def named_points(stops: Sequence[Stop], drawn: Drawing, opened: Opened) -> list[Point]:
    """The places of the stops; photos are cropped to their centre square.

    The model's own generator places them: a seed has one latent, whatever was tuned to draw it.

    Raises:
        UsageError, DataError: as `editing.points_of`; a photo that cannot be decoded.
    """
    from limbeck.editing import Seeding, photos_of, points_of
    from limbeck.model import centre_square

    how = Seeding(
        psi=opened.psi, truncation=drawn.truncation, modes=opened.modes,
        mode_index=drawn.wishes.mode, label=drawn.wishes.classes,
    )  # fmt: skip
    size = opened.networks.config.size
    squares = {path: centre_square(path, size) for path in photos_of(stops)}
    with logs.working("placing the stops"):
        return points_of(opened.untuned, stops, how, squares)
