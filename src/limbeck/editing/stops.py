"""What a person names as a place in latent space: seeds, modes, files of latents, photos."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from limbeck.config import Truncation
from limbeck.editing.points import Point, read_points
from limbeck.errors import DataError, UsageError
from limbeck.kit.images import to_float
from limbeck.latents import (
    HoldsGenerator,
    Labels,
    ModeCentres,
    Psi,
    Seeds,
    check_latents,
    check_seeds,
    classes_of,
    latents_of_seeds,
    needs_pictures,
    parse_seeds,
    seeds_to_z,
)
from limbeck.nets import Encoder
from limbeck.percept import LPIPS

KINDS = (
    "name seeds (5, 0-7,42 or seed:5), centres of modes (mode:3, mode:0-4,9, mode:all), latents "
    "that `limbeck invert` wrote (dog.safetensors, or dog.safetensors:2 for one of them), or a "
    "photo's file (./dog.jpg)"
)
"""All that `parse_stop` understands, in words."""
_LATENTS = ".safetensors"
_ROWS = re.compile(r"(?P<path>.+\.safetensors):(?P<rows>[0-9,\- ]+)", re.IGNORECASE)
_NUMBERS = re.compile(r"[0-9][0-9,\- ]*")


class HoldsEncoder(HoldsGenerator, Protocol):
    """A generator, and an encoder where there is one."""

    @property
    def E_ema(self) -> Encoder | None: ...  # noqa: D102


@dataclass(frozen=True)
class Stop:
    """One name, understood; nothing is opened yet.

    Attributes:
        text: as it was written.
        kind: what it names.
        numbers: the seeds, modes or rows; None = all modes, or all rows.
        path: of latents or a photo.
    """

    text: str
    kind: Literal["seeds", "modes", "latents", "photo"]
    numbers: tuple[int, ...] | None = None
    path: Path | None = None


@dataclass(frozen=True, eq=False)
class Seeding:
    """How seeds become latents, as `latents.latents_of_seeds` does it.

    Attributes:
        psi: strength of truncation, one, or one for each layer.
        truncation: see `latents.target_for`.
        modes: centres; also what `mode:3` means.
        mode_index: the centre for truncation `index`.
        label: where the generator has classes: `natural`, `uniform`, or one class for all seeds.
        cutoff: how many layers are truncated, from the first on; None = all.
    """

    psi: Psi = 0.7
    truncation: Truncation = "global"
    modes: ModeCentres | None = None
    mode_index: int | None = None
    label: str | int = "natural"
    cutoff: int | None = None

    def labels(self, count: int) -> Labels:
        """Of so many seeds."""
        if self.label == "natural":
            return "natural"
        return "uniform" if self.label == "uniform" else [self.label] * count


def parse_stop(text: str) -> Stop:
    """Understand one name.

    A text that could also be the name of a file that lies here is refused: `./5` is a file and
    `seed:5` a seed.

    Raises:
        UsageError: it can be understood in no way, or in two; the kinds are listed.
    """
    text = text.strip()
    if match := _ROWS.fullmatch(text):
        rows = tuple(_numbers(match["rows"], text))
        return Stop(text, "latents", rows, Path(match["path"]))
    if text.lower().endswith(_LATENTS):
        return Stop(text, "latents", None, Path(text))
    if _NUMBERS.fullmatch(text):
        if Path(text).exists():
            raise UsageError(
                f"{text!r} names seeds, and a file or folder here is called so too",
                f"write seed:{text} for the seeds, or ./{text} for the file",
            )
        return Stop(text, "seeds", tuple(_numbers(text, text)))
    head, colon, rest = text.partition(":")
    if colon and head in ("seed", "seeds"):
        return Stop(text, "seeds", tuple(_numbers(rest, text)))
    if colon and head in ("mode", "modes"):
        numbers = None if rest.strip() == "all" else tuple(_numbers(rest, text))
        return Stop(text, "modes", numbers)
    path = Path(text)
    if text and (path.suffix or "/" in text or path.exists()):
        return Stop(text, "photo", path=path)
    raise UsageError(f"{text!r} is no place in latent space", KINDS)


def _numbers(text: str, whole: str) -> list[int]:
    try:
        return parse_seeds(text)
    except UsageError as error:
        raise UsageError(f"{whole!r} is no place in latent space: {error.what}", KINDS) from None


def photos_of(stops: Sequence[Stop]) -> list[Path]:
    """The photos among the stops, each once: `points_of` wants their squares."""
    found = [stop.path for stop in stops if stop.kind == "photo" and stop.path is not None]
    return list(dict.fromkeys(found))


def points_of(
    networks: HoldsEncoder,
    stops: Sequence[Stop],
    how: Seeding,
    squares: Mapping[Path, Tensor] | None = None,
) -> list[Point]:
    """The places that the stops name, in their order.

    Seeds are truncated as asked; centres, files and photos are taken as they are.

    Args:
        networks: `Networks`, or a `Pipeline`.
        stops: what `parse_stop` understood.
        how: what becomes of seeds, and the modes.
        squares: of each photo, uint8 [1, 3, S, S] of the generator's size.

    Returns:
        Points with ws float32 [num_ws, w_dim] on the generator's device.

    Raises:
        UsageError: no such mode or row; a photo without an encoder.
        DataError: a file cannot be read, or holds latents of another generator.
    """
    points: list[Point] = []
    for stop in stops:
        if stop.kind == "seeds":
            points += seed_points(networks, list(stop.numbers or ()), how)
        elif stop.kind == "modes":
            points += mode_points(networks, how.modes, stop.numbers)
        elif stop.path is not None and stop.kind == "latents":
            points += _file_points(networks, stop.path, stop.numbers)
        elif stop.path is not None:
            square = (squares or {}).get(stop.path)
            if square is None:
                raise DataError(f"{stop.path}: its square is missing", "give it in `squares`")
            points.append(photo_point(networks, square, stop.path.name))
    return points


def seed_points(networks: HoldsGenerator, seeds: Seeds, how: Seeding) -> list[Point]:
    """Seeds as `limbeck sample` draws them, with their z.

    Raises:
        UsageError: as `latents.latents_of_seeds`.
    """
    chosen = check_seeds(seeds)
    device, net = networks.G_ema.mapping.w_avg.device, networks.config
    embedder = None
    if needs_pictures(how.truncation) and how.modes is not None:
        embedder = LPIPS.load("alex").to(device)
    labels = how.labels(len(chosen))
    classes = classes_of(chosen, net, labels)
    ws = latents_of_seeds(
        networks, chosen, psi=how.psi, truncation=how.truncation, modes=how.modes,
        embedder=embedder, mode_index=how.mode_index, labels=labels, cutoff=how.cutoff,
    ).float()  # fmt: skip
    z = seeds_to_z(chosen, net.z_dim).to(device)
    return [
        Point(f"seed {seed}", ws[n], z[n], None if classes is None else int(classes[n]))
        for n, seed in enumerate(chosen)
    ]


def mode_points(
    networks: HoldsGenerator, modes: ModeCentres | None, numbers: Sequence[int] | None = None
) -> list[Point]:
    """Centres of modes.

    Args:
        networks: whose modes they are.
        modes: the centres.
        numbers: which, counted from 0, the largest first; a merged one is the mode that it counts
            as. None = all that are drawn.

    Raises:
        UsageError: there are no modes, or not these; one that is marked `never`.
    """
    if modes is None:
        raise UsageError("this model has no modes", "make them with `limbeck modes`, give --modes")
    chosen = modes.drawn if numbers is None else [modes.counted(number) for number in numbers]
    ws = networks.G_ema.broadcast(check_latents(networks, modes.targets))
    return [Point(f"mode {number}", ws[number].contiguous()) for number in chosen]


@torch.no_grad()
def photo_point(networks: HoldsEncoder, square: Tensor, name: str) -> Point:
    """Where the encoder puts a photo.

    Args:
        networks: with an encoder.
        square: uint8 [1, 3, S, S], of the generator's size.
        name: of the photo.

    Raises:
        UsageError: the model has no encoder.
    """
    encoder = networks.E_ema
    if encoder is None:
        raise UsageError(
            f"this model has no encoder that could place the photo {name}",
            "find its latents with `limbeck invert`, and give the .safetensors that it writes",
        )
    w = encoder(to_float(square.to(networks.G_ema.mapping.w_avg.device))).float()
    return Point(name, networks.G_ema.broadcast(w)[0].contiguous())


def _file_points(networks: HoldsGenerator, path: Path, rows: Sequence[int] | None) -> list[Point]:
    found = read_points(path)
    wrong = [row for row in rows or () if row >= len(found)]
    if wrong:
        raise UsageError(f"{path} has no latents {wrong[0]}", f"give 0 to {len(found) - 1}")
    chosen = found if rows is None else [found[row] for row in rows]
    if not chosen:
        raise DataError(f"{path} holds no latents", "give another file")
    G = networks.G_ema
    wanted = (G.num_ws, len(G.mapping.w_avg))
    if tuple(chosen[0].ws.shape) != wanted:
        raise DataError(
            f"{path} holds latents {list(chosen[0].ws.shape)}, this generator takes {list(wanted)}",
            "give latents that were found for this generator",
        )
    device = G.mapping.w_avg.device
    return [Point(point.name, point.ws.to(device)) for point in chosen]
