"""A folder of directions: writing it, reading it, naming what is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from limbeck import __version__, fsio
from limbeck.artefacts.amending import amended
from limbeck.artefacts.person_csv import check_name
from limbeck.editing.directions.effects import Measured, effect_mask
from limbeck.editing.directions.naming import read_names, write_name
from limbeck.editing.directions.records import (
    FORMAT,
    VERSION,
    About,
    ChannelFacts,
    Entry,
)
from limbeck.editing.directions.settings import DirectionSettings
from limbeck.editing.directions.sheet import ATLAS, relabel
from limbeck.editing.steering import Channel, Direction
from limbeck.errors import DataError, UsageError
from limbeck.kit.tensors import read_header, read_tensors
from limbeck.latents import HoldsGenerator, tensors_digest

JSON, TENSORS = "directions.json", "directions.safetensors"
_AGAIN = "run `limbeck directions` again"


@dataclass(frozen=True, eq=False)
class Found:
    """A direction of a folder.

    Attributes:
        direction: as `steered` takes it.
        name: a person's, or None.
        entry: what is known of it.
        map: float32 [h, w] in 0..1: where in the picture it acts.
    """

    direction: Direction
    name: str | None
    entry: Entry
    map: Tensor

    @property
    def mask(self) -> Tensor:
        """Bool [h, w]: as `effect_mask`."""
        return effect_mask(self.map)

    @property
    def title(self) -> str:
        """The name, or else the id."""
        return self.name or self.direction.id


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions found together, the strongest first.

    Attributes:
        about: settings and digests.
        all: the directions.
    """

    about: About
    all: tuple[Found, ...]

    def __len__(self) -> int:
        return len(self.all)

    def find(self, which: str | int) -> Found:
        """The direction of this id, name or number (from 0, the strongest).

        Raises:
            UsageError: there is none, or several share the name.
        """
        text = str(which).strip()
        found = [one for one in self.all if one.direction.id == text]
        found = found or [one for one in self.all if one.name == text]
        if not found and text.isascii() and text.isdigit() and len(text) < 9:
            found = list(self.all[int(text) : int(text) + 1])
        if len(found) > 1:
            ids = ", ".join(one.direction.id for one in found)
            raise UsageError(f"several directions are called {text!r}: {ids}", "give an id")
        if not found:
            known = ", ".join(one.title for one in self.all[:6])
            more = ", ..." if len(self.all) > 6 else ""
            raise UsageError(
                f"no direction {fsio.plain(repr(text))}",
                f"give an id or name ({known}{more}), or a number from 0 to {len(self.all) - 1}",
            )
        return found[0]


def write_directions(
    folder: Path,
    found: Sequence[Measured],
    names: dict[str, str],
    settings: DirectionSettings,
    *,
    generator: str,
    modes: str,
    num_ws: int,
    w_dim: int,
    similar: int,
) -> About:
    """Write directions.safetensors and directions.json.

    Args:
        folder: a temporary one.
        found: the strongest first.
        names: id -> a person's name.
        settings: what was asked for.
        generator, modes: digests.
        num_ws, w_dim: of the generator.
        similar: how many were left out.
    """
    none = torch.zeros(num_ws, w_dim)
    shifts = [one.candidate.direction.shift for one in found]
    tensors = {
        "shifts": torch.stack([none if shift is None else shift for shift in shifts]),
        "effect_maps": torch.stack([one.map for one in found]),
    }
    about = About(
        format=FORMAT, format_version=VERSION, limbeck=__version__, generator=generator,
        tensors=tensors_digest(tensors), modes=modes, settings=settings,
        strengths=settings.strengths, similar=similar,
        directions=[_entry(one, names) for one in found],
    )  # fmt: skip
    metadata = {"format": FORMAT, "format_version": str(VERSION)}
    with fsio.atomic_file(folder / TENSORS) as temporary:
        temporary.write_bytes(save(tensors, metadata=metadata))
    fsio.write_json(folder / JSON, about.written())
    return about


def _entry(one: Measured, names: dict[str, str]) -> Entry:
    found, channel = one.candidate, one.candidate.direction.channel
    facts = None
    if channel is not None:
        facts = ChannelFacts(layer=channel.layer, index=channel.index, unit=channel.unit)
    return Entry(
        id=found.direction.id, name=names.get(found.direction.id), method=found.method,
        range=found.range, layers=found.layers, mode=found.mode, channel=facts,
        explained=found.explained, label=found.label, effects=one.effects,
    )  # fmt: skip


def read_directions(folder: Path, networks: HoldsGenerator | None = None) -> Directions:
    """Read what `find_directions` wrote; tensors on the CPU, names from names.csv.

    Args:
        folder: of directions.
        networks: whose directions they must be; None = not compared.

    Raises:
        DataError: missing, damaged, the two files are not of one run, or found in another
            generator (any other weights: the same shift may do something else there).
    """
    folder = Path(folder)
    fsio.recover(folder)  # where a naming was killed in between
    if not (folder / JSON).is_file():
        raise DataError(f"{folder} holds no directions", "find some with `limbeck directions`")
    about = fsio.read_record(folder / JSON, About, _AGAIN)
    if networks is not None and tensors_digest(networks.G_ema.state_dict()) != about.generator:
        raise DataError(
            f"the directions in {folder} were found in another generator",
            "find some in this one with `limbeck directions`",
        )
    shifts, maps = _tensors(folder, about)
    names = read_names(folder, about.generator)
    found = [
        Found(_direction(entry, shift), names.get(entry.id), entry, map_)
        for entry, shift, map_ in zip(about.directions, shifts, maps, strict=True)
    ]
    return Directions(about, tuple(found))


def _tensors(folder: Path, about: About) -> tuple[Tensor, Tensor]:
    path = folder / TENSORS
    header, _ = read_header(path, _AGAIN)
    shapes = {name: stored.shape for name, stored in header.items()}
    count = len(about.directions)
    fits = shapes.keys() == {"shifts", "effect_maps"} and all(
        len(shape) == 3 and shape[0] == count for shape in shapes.values()
    )
    if not fits:
        raise DataError(f"{path} does not hold the {count} directions of {JSON}", _AGAIN)
    tensors = read_tensors(path, _AGAIN)
    if tensors_digest(tensors) != about.tensors:
        raise DataError(f"{folder}: {JSON} and {TENSORS} are not of the same run", _AGAIN)
    return tensors["shifts"], tensors["effect_maps"]


def _direction(entry: Entry, shift: Tensor) -> Direction:
    if entry.channel is None:
        return Direction(entry.id, shift)
    facts = entry.channel
    return Direction(entry.id, channel=Channel(facts.layer, facts.index, facts.unit))


def name_direction(folder: Path, which: str | int, name: str | None) -> Directions:
    """Call a direction something, in names.csv, directions.json and the atlas.

    Args:
        folder: of directions.
        which: as `Directions.find`.
        name: as `check_name`; None takes the name away.

    Returns:
        The directions as they are called now.

    Raises:
        UsageError: no such direction, no name, or another direction has it.
        DataError: the folder is damaged or cannot be written.
    """
    found = read_directions(folder)
    one = found.find(which)
    if name is not None:
        name = check_name(name, "direction")
        taken = [o.direction.id for o in found.all if name in (o.name, o.direction.id)]
        if set(taken) - {one.direction.id}:
            raise UsageError(f"{taken[0]} is called {name!r} already", "give another name")
    write_name(Path(folder), found.about.generator, one.direction.id, name)
    named = read_directions(folder)
    entries = [f.entry.model_copy(update={"name": f.name}) for f in named.all]
    about = named.about.model_copy(update={"directions": entries})
    with amended(Path(folder), {}) as building:
        fsio.write_json(building / JSON, about.written())
        if (Path(folder) / ATLAS).exists():
            relabel(Path(folder) / ATLAS, entries, building / ATLAS)
    return read_directions(folder)
