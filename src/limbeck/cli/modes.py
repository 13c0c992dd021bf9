"""The verb modes: find the modes of a generator, or say something of modes that were found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limbeck import fsio, logs
from limbeck.cli.inputs import enclosing_run, existing, networks_folder, open_networks
from limbeck.cli.options import Shared
from limbeck.cli.outcome import Outcome, planned, verb
from limbeck.errors import UsageError
from limbeck.logs import duration

if TYPE_CHECKING:
    from limbeck.latents import ModeCentres
    from limbeck.modes import ModeChange


@verb("settings", "seed", "device", "dry_run")
def modes(
    shared: Shared,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="NETS",
            help="A snapshot, a training stage or a run; without --out a run, a model folder or a "
            "folder of modes, whose modes are listed and marked.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write to: find modes.")
    ] = None,
    clusters: Annotated[
        str | None,
        typer.Option("--clusters", help="Number of clusters, or auto: as many as add coverage."),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option("--space", help="Space to cluster in: w (latents) or lpips (images)."),
    ] = None,
    typical: Annotated[
        int | None,
        typer.Option(
            "--typical",
            min=0,
            help="Latents looked at for truncation multimodal-typical; 0 = none, default: 4000.",
        ),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="N=NAME",
            help="Call mode N something; N= takes the name away; repeatable.",
        ),
    ] = None,
    never: Annotated[
        list[str] | None,
        typer.Option("--never", metavar="N", help="Never draw these modes, e.g. 5 or 2,7-9."),
    ] = None,
    hide: Annotated[
        list[str] | None,
        typer.Option("--hide", metavar="N", help="Leave these modes out of lists and the report."),
    ] = None,
    merge: Annotated[
        list[str] | None,
        typer.Option(
            "--merge", metavar="N:M", help="Mode N counts as mode M; also 3,5:1; repeatable."
        ),
    ] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option("--clear", metavar="N", help="Take these modes' names and marks away first."),
    ] = None,
) -> Outcome:
    """Find the generator's modes and show images of each; or name, leave out and merge modes."""
    finding = {"--clusters": clusters, "--space": space, "--typical": typical}
    if out is None:
        if given := [option for option, value in finding.items() if value is not None]:
            raise UsageError(f"{given[0]} without --out", "give --out, the folder to write to")
        changes = _changes(names or [], never or [], hide or [], merge or [], clear or [])
        return _marked(existing(source, "run, model or modes"), changes, dry_run=shared.dry_run)
    if any((names, never, hide, merge, clear)):
        raise UsageError(
            "--name, --never, --hide, --merge and --clear are about modes that were found before",
            "leave out --out",
        )
    settings: dict[str, object] = {
        "modes.clusters": clusters, "modes.space": space, "sample.typical": typical,
    }  # fmt: skip
    config = shared.config("small", changes=settings)
    snapshot = networks_folder(source)
    if shared.dry_run:
        return planned("modes", {"networks": snapshot, "out": out, **config.modes.model_dump()})
    from limbeck.modes import find_modes

    found = find_modes(
        open_networks(snapshot, shared.device), out, config.modes, seed=shared.seed,
        typical=config.sample.typical,
    )  # fmt: skip
    summary = found.summary
    return Outcome(
        {"out": out, **summary.model_dump()},
        [
            logs.line(
                logs.bold(summary.found),
                f" of {summary.clusters} clusters are modes: they hold ",
                f"a quarter of the mean share or more ({summary.samples} latents, ",
                f"{summary.space} space, {duration(summary.seconds)})",
            ),
            f"images of each: {out / 'atlas.png'}",
        ],
        then=logs.command("limbeck", "sample", source, "--modes", out, "--out", "samples"),
    )


def _changes(
    names: list[str], never: list[str], hide: list[str], merge: list[str], clear: list[str]
) -> list[ModeChange]:
    """In this order: what is cleared, marks, names."""
    from limbeck.modes import ModeChange

    made = [ModeChange(mode, "", "") for text in clear for mode in _numbers("--clear", text)]
    made += [ModeChange(mode, mark="never") for t in never for mode in _numbers("--never", t)]
    made += [ModeChange(mode, mark="hide") for t in hide for mode in _numbers("--hide", t)]
    for text in merge:
        some, goal = _pair("--merge", text, ":", "N:M")
        made += [ModeChange(mode, mark=f"merge:{goal}") for mode in _numbers("--merge", some)]
    marks = [change.mode for change in made if change.mark]
    if twice := {mode for mode in marks if marks.count(mode) > 1}:
        raise UsageError(f"mode {min(twice)} is given two marks", "a mode has one mark, or none")
    for text in names:
        which, name = _pair("--name", text, "=", "N=NAME")
        made += [ModeChange(mode, name.strip()) for mode in _numbers("--name", which)]
    return made


def _pair(option: str, text: str, sign: str, form: str) -> tuple[str, str]:
    first, found, second = text.partition(sign)
    if not found:
        raise UsageError(f"{option} {fsio.plain(text)!r} has no {sign}", f"write {form}")
    return first, second


def _numbers(option: str, text: str) -> list[int]:
    from limbeck.latents import parse_seeds

    try:
        return parse_seeds(text)
    except UsageError:
        raise UsageError(
            f"{option} {fsio.plain(text)!r} names no modes", "write numbers, e.g. 5 or 2,7-9"
        ) from None


def _marked(source: Path, changes: list[ModeChange], *, dry_run: bool) -> Outcome:
    """Write marks, and say how the modes are called and marked now."""
    from limbeck.artefacts.mode_marks import load_modes
    from limbeck.artefacts.run import MARKS
    from limbeck.modes import mark_modes, modes_folder, with_changes

    folder = modes_folder(source)
    found = with_changes(load_modes(folder / "modes.safetensors"), changes)
    if changes and not dry_run:
        found = mark_modes(folder, changes)
    values: dict[str, object] = {"folder": folder, "modes": _rows(found)}
    lines: list[object] = [*_table(found)]
    if dry_run:
        return Outcome({"dry_run": True, "verb": "modes", **values}, ["would say:", *lines])
    if found.marks.others:
        lines.append(f"{found.marks.others} lines of {folder / MARKS} are about other modes")
    if not changes:
        return Outcome(values, lines)
    run = enclosing_run(folder)
    lines.append(f"marks: {folder / MARKS}")
    if run is not None and folder.resolve() == (run / "model").resolve():
        lines.append(f"when the run makes its model anew, it takes the marks in {run / 'modes'}")
        return Outcome(values, lines)
    return Outcome(values, lines, then=logs.command("limbeck", "resume", run) if run else "")


def _rows(found: ModeCentres) -> list[dict[str, object]]:
    total, marks = max(int(found.sizes.sum()), 1), found.marks
    return [
        {
            "mode": mode, "size": size, "share": size / total,
            "name": marks.names.get(mode, ""), "mark": marks.mark(mode),
        }
        for mode, size in enumerate(found.sizes.tolist())
    ]  # fmt: skip


def _table(found: ModeCentres) -> list[str]:
    rows = _rows(found)
    lines = ["mode   share  mark       name"]
    lines += [
        f"{row['mode']:>4} {row['share']:>6.1%}  {row['mark']:<10} {row['name']}".rstrip()
        for row in rows
        if row["mark"] != "hide"
    ]
    hidden = len(found.marks.hidden)
    return [*lines, *([f"hidden: {sorted(found.marks.hidden)}"] if hidden else [])]
