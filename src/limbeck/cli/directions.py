"""The verb directions: find ways in which a generator's images can be changed, or name one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limbeck import fsio, logs
from limbeck.cli.inputs import (
    centres_file,
    existing,
    load_centres,
    networks_folder,
    open_networks,
    usual_psi,
)
from limbeck.cli.options import ModesFolder, Shared
from limbeck.cli.outcome import Outcome, planned, verb, would
from limbeck.errors import UsageError

if TYPE_CHECKING:
    from limbeck.editing import Directions, DirectionSettings, Entry

_SHOWN = 10


@verb("seed", "device", "dry_run")
def directions(
    shared: Shared,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A model folder, a snapshot, a run, or hf://OWNER/NAME of the Hugging Face hub; "
            "with --name a folder of directions.",
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to.")] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            help="pca (what varies most), sefa (what the weights react to most), stylespace "
            "(single channels, local) or labels (learned from --labels).",
        ),
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            help="Layers to change: all, coarse, middle, fine, or numbers such as 0-3,5; "
            "repeatable; default: each of the four names.",
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Directions wanted.")] = 10,
    mode: Annotated[
        int | None, typer.Option("--mode", min=0, help="Within this mode: what varies there.")
    ] = None,
    per_mode: Annotated[
        int,
        typer.Option("--per-mode", min=0, help="Within each of so many modes, largest first."),
    ] = 0,
    members: Annotated[
        str,
        typer.Option(
            "--members",
            help="How latents are given to modes: l2 (nearest centre) or lpips (nearest image; "
            "draws one of each sample).",
        ),
    ] = "l2",
    samples: Annotated[int, typer.Option("--samples", help="Latents drawn.")] = 10_000,
    bases: Annotated[
        int, typer.Option("--bases", help="Images on which effects are measured.")
    ] = 16,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", help="CSV: a column seed (or row or name, of --latents), and the labels."
        ),
    ] = None,
    latents: Annotated[
        Path | None,
        typer.Option("--latents", help="Latents (.safetensors) that the labels are about."),
    ] = None,
    reach: Annotated[
        float | None,
        typer.Option(
            "--reach",
            help="Strength up to which directions are measured and shown; default: 3, of "
            "stylespace 15.",
        ),
    ] = None,
    psi: Annotated[
        float | None,
        typer.Option("--psi", help="Truncation of those images; default: the model's own, or 0.7."),
    ] = None,
    modes: ModesFolder = None,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="ID=NAME",
            help="Call a direction of the folder MODEL something; ID= takes the name away; "
            "repeatable.",
        ),
    ] = None,
) -> Outcome:
    """Find directions in latent space in which images change, measure them, draw an atlas."""
    if names:
        if out is not None or method is not None:
            raise UsageError("--name names directions that were found before", "leave out --out")
        return _named(source, names, dry_run=shared.dry_run)
    if out is None or method is None:
        raise UsageError("--method and --out are needed", "e.g. --method pca --out directions")
    from limbeck.editing import DirectionSettings, find_directions, images_needed
    from limbeck.model import model_folder, on_hub

    wanted = on_hub(str(source))
    if wanted is not None and shared.dry_run:
        return would("directions", {"out": out, "model": str(wanted)}, f"would fetch {wanted}")
    if wanted is not None:
        source = model_folder(str(source))
    networks = networks_folder(existing(source, "model or networks"))
    settings = DirectionSettings.of(
        method=method, ranges=tuple(ranges) if ranges else None, count=count, mode=mode,
        per_mode=per_mode, members=members, samples=samples, bases=bases, reach=reach,
        psi=usual_psi(source) if psi is None else psi, seed=shared.seed,
    )  # fmt: skip
    centres = centres_file(source, modes)
    if labels is not None:
        existing(labels, "file of labels")
    if shared.dry_run:
        values = {"out": out, "networks": networks, "modes": centres, **settings.model_dump()}
        return planned("directions", {**values, "images": images_needed(settings)})
    opened = open_networks(networks, shared.device)
    found = find_directions(
        opened, out, settings, modes=load_centres(centres, opened), labels=labels, latents=latents
    )
    return _found(found, out, settings)


def _found(found: Directions, out: Path, settings: DirectionSettings) -> Outcome:
    many = len(found) > _SHOWN
    lines = [
        logs.line(logs.bold(len(found)), f" directions by {settings.method}, the strongest first",
                  f"; {found.about.similar} that do the same as others left out"
                  if found.about.similar else "", ":"),
        *(f"  {one.title}: {_words(one.entry)}" for one in found.all[:_SHOWN]),
        *([f"  and {len(found) - _SHOWN} more"] if many else []),
        f"images of each: {out / 'atlas.png'}",
    ]  # fmt: skip
    first = found.all[0].direction.id
    return Outcome(
        {"out": out, **_values(found)},
        lines,
        then=logs.command("limbeck", "directions", out, "--name", f"{first}=NAME"),
    )


def _values(found: Directions) -> dict[str, object]:
    return {
        "method": found.about.settings.method,
        "similar": found.about.similar,
        "directions": [
            {**one.entry.model_dump(mode="json"), "name": one.name} for one in found.all
        ],
    }


def _words(entry: Entry) -> str:
    effects = entry.effects
    words = [
        f"LPIPS {effects.lpips_per_unit:.3f} a unit",
        f"{effects.inside:.0%} of it in {effects.area:.0%} of the picture",
        f"monotonic {effects.monotonic:.2f}",
    ]
    if effects.mode_changes is not None:
        words.append(f"mode changes in {effects.mode_changes:.0%}")
    if entry.label is not None:
        kind = "R2" if entry.label.value is None else "accuracy"
        chance = f" (chance {entry.label.chance:.2f})" if entry.label.value is not None else ""
        words.append(f"{kind} {entry.label.score:.2f}{chance}")
    return ", ".join(words)


def _named(folder: Path, pairs: list[str], *, dry_run: bool) -> Outcome:
    from limbeck.editing import name_direction, read_directions

    given = [pair.partition("=") for pair in pairs]
    if bad := [pair for pair, (_, sign, _) in zip(pairs, given, strict=True) if not sign]:
        raise UsageError(f"--name {fsio.plain(bad[0])!r} has no =", "write ID=NAME")
    found = read_directions(existing(folder, "folder of directions"))
    ids = [found.find(which).direction.id for which, _, _ in given]
    told = [
        f"{id_} is called {name.strip()!r}" if name.strip() else f"{id_} has no name"
        for id_, (_, _, name) in zip(ids, given, strict=True)
    ]
    if dry_run:
        return would("directions", {"out": folder}, *(f"would say: {line}" for line in told))
    for id_, (_, _, name) in zip(ids, given, strict=True):
        found = name_direction(folder, id_, name.strip() or None)
    values = {one.direction.id: one.name for one in found.all if one.name}
    return Outcome({"out": folder, "names": values}, [*told, f"names: {folder / 'names.csv'}"])
