"""The verb take-down: which photos, what goes and what cannot; then the question."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limbeck import logs
from limbeck.artefacts.run import RUN
from limbeck.artefacts.takedowns import TAKEDOWNS, read_takedowns, stained
from limbeck.cli.consent import require_consent
from limbeck.cli.options import Shared
from limbeck.cli.outcome import Outcome, verb

if TYPE_CHECKING:
    from limbeck.chain import Part, TakingDown

_SHOWN = 20  # photos, lines and files of a kind that are listed one by one


@verb("dry_run")
def take_down(
    shared: Shared,
    where: Annotated[
        list[Path],
        typer.Argument(metavar="WHERE", help="Runs or datasets; also trainings and other results."),
    ],
    listing: Annotated[
        Path | None,
        typer.Option(
            "--list",
            help="File with one id, sha256, URL or name of a photo a line, as --opt-out has it. "
            "Without it, what was begun and did not end is finished.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if a line of --list names no photo.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take down without asking.")] = False,
) -> Outcome:
    """Remove photos from a run or dataset wherever they lie, and say what cannot forget them."""
    from limbeck import chain

    asked = chain.plan_takedown(where, listing, strict=strict)
    for line in _lines(asked):
        logs.say(line)
    values = _values(asked)
    if asked.nothing:
        return Outcome({**values, "dry_run": shared.dry_run}, ["nothing to take down"])
    if shared.dry_run:
        return Outcome({**values, "dry_run": True}, ["nothing was done (--dry-run)"])
    if not yes:
        what = f"{_count(len(asked.found.photos), 'photo')} would be taken down for good"
        require_consent("Take them down for good?", what, "nothing was done")
    done = chain.take_down(where, listing, strict=strict)
    trained = [part for part in done.parts if part.weights]
    records = [part.place.root / TAKEDOWNS for part in done.parts]
    following = [_again(part) for part in trained if (part.place.root / RUN).exists()]
    return Outcome(
        {**_values(done), "dry_run": False},
        [
            logs.line("taken down: ", logs.bold(_count(len(done.found.photos), "photo"))),
            *(f"record: {path}" for path in records),
        ],
        then=following[0] if following else "",
    )


def _again(part: Part) -> str:
    return logs.command("limbeck", "resume", part.place.root)


def _lines(asked: TakingDown) -> Iterator[str]:
    from limbeck.chain import never_read

    found = asked.found
    for text, names in found.lines[:_SHOWN]:
        yield f"{text} names {_some([logs.visible(name) for name in names])}"
    if len(found.lines) > _SHOWN:
        yield f"and {len(found.lines) - _SHOWN} lines more"
    yield from (f"{line}: nothing is taken down for it" for line in found.unmatched[:_SHOWN])
    if len(found.unmatched) > _SHOWN:
        yield f"and {len(found.unmatched) - _SHOWN} lines more that name nothing"
    for why in ("copy", "near copy", "begun"):
        others = [logs.visible(p.info.source) for p in found.photos if p.why == why]
        if others:
            words = {"begun": "of a take-down that did not end"}.get(why, f"{why} of one of these")
            yield f"{words}: {_some(others)}"
    if asked.nothing:
        return
    for part in asked.parts:
        yield from _of_part(part)
    files = list(dict.fromkeys(photo.file for photo in found.photos if photo.file))
    yield f"your own photos are not touched; remove them yourself{':' if files else ''}"
    yield from (f"  {logs.visible(file)}" for file in files[:_SHOWN])
    if len(files) > _SHOWN:
        yield f"  and {len(files) - _SHOWN} more"
    if unread := [photo.info.source for photo in never_read(found.photos)]:
        yield f"never read, so nothing knows them again (keep their lines): {_some(unread)}"
    yield "for what is made elsewhere of the same photos, keep the list: limbeck run --opt-out LIST"


def _of_part(part: Part) -> Iterator[str]:
    root = part.place.root
    files, images = _count(part.entry.photos, "file"), _count(part.entry.images, "image")
    yield f"{root}: {files} listed there, {images} stored"
    if part.steps:
        yield "  goes, or is written anew:"
        yield from (f"    {step.words}" for step in part.steps)
    if part.entry.report:
        yield "    report/index.html: written anew at the end"
    if part.weights:
        yield "  cannot be taken back: weights do not forget what they saw"
        for one in part.weights:
            of = f"on {_count(one.photos, 'photo')}, " if one.photos else "with "
            most = "" if one.exact else "up to "
            name = root.name if one.folder == "." else one.folder
            yield f"    {name}: trained {of}{most}{one.saw} of those that go"
        yield from (f"    {line}" for line in part.entry.made)
        run = (root / RUN).exists()
        how = logs.command("limbeck", "resume", root) if run else "limbeck train, on what is left"
        yield f"    what helps: train again without them ({how}); then remove the old weights,"
        yield f"    {'superseded/ in the run, ' * run}and tell whom you gave copies of a model"
    for left in part.left[:_SHOWN]:
        yield f"  yours, and not touched: {left.file}: {left.why}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _values(asked: TakingDown) -> dict[str, Any]:
    found = asked.found
    return {
        "photos": [
            {
                "source": photo.info.source, "id": photo.info.id, "sha256": photo.info.sha256,
                "why": photo.why, "status": photo.info.status.value, "file": photo.file,
            }
            for photo in found.photos
        ],
        "lines": [{"line": text, "names": list(names)} for text, names in found.lines],
        "unmatched": found.unmatched,
        "where": [
            {
                "folder": str(part.place.root),
                "removes": [step.words for step in part.steps],
                "trainings": [one.model_dump(mode="json") for one in part.weights],
                "made": list(part.entry.made),
                "yours": [{"file": str(left.file), "why": left.why} for left in part.left],
            }
            for part in asked.parts
        ],
    }  # fmt: skip


def takedown_lines(path: Path) -> tuple[list[str], int]:
    """What was taken down from a run or dataset, which trainings saw it, and how many photos."""
    found = read_takedowns(path)
    count = sum(one.photos for one in found)
    if not found:
        return [], 0
    lines = [f"photos taken down: {count}, the last on {found[-1].begun[:10]}"]
    if found[-1].finished is None:
        again = logs.command("limbeck", "take-down", path)
        lines.append(f"the take-down of {found[-1].begun} did not end; finish it: {again}")
    trained = stained(path)
    lines += [f"  {one}" for one in trained]
    if any(not one.superseded for one in trained):
        lines.append("  weights cannot forget; what helps is to train again without them")
    elif trained:
        lines.append("  weights cannot forget; remove these folders if you do not need them")
    return lines, count
