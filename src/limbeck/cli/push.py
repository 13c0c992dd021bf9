"""The verb push: a model folder onto the Hugging Face hub, shown and asked for first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limbeck import logs
from limbeck.cli.consent import require_consent
from limbeck.cli.inputs import existing
from limbeck.cli.options import Shared
from limbeck.cli.outcome import Outcome, verb

if TYPE_CHECKING:
    from limbeck.model import Publication, There

_CARD = "README.md"


@verb("dry_run")
def push(
    shared: Shared,
    source: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model folder, or a run that has one.")
    ],
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Its name on the hub.")],
    private: Annotated[
        bool, typer.Option("--private", help="A new one is seen by its owner alone.")
    ] = False,
    message: Annotated[str, typer.Option("--message", help="Message of the commit.")] = "",
    keep_card: Annotated[
        bool, typer.Option("--keep-card", help="Leave the README.md that is on the hub as it is.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Publish without asking.")] = False,
) -> Outcome:
    """Publish a model on the Hugging Face hub; shows what would be published, and asks."""
    from limbeck.model import look, model_folder, publication, publish

    existing(source, "model folder or run")
    what = publication(model_folder(source), name)
    values: dict[str, object] = {
        "model": what.folder, "name": what.model.repo, "private": private,
        "files": what.files, "bytes": what.bytes,
    }  # fmt: skip
    if shared.dry_run:
        for line in _lines(what, None, private, keep_card):
            logs.say(line)
        return Outcome(
            {**values, "dry_run": True},
            ["nothing was published, and the hub not asked (--dry-run)"],
        )
    there = look(what.model)
    for line in _lines(what, there, private, keep_card):
        logs.say(line)
    if not yes:
        told = f"{what.model.repo} would be published on the hub ({_size(what.bytes)})"
        require_consent("Publish it?", told, "nothing was published")
    url = publish(what, there, private=private, message=message, keep_card=keep_card)
    load = f'Pipeline.from_pretrained("{what.model.repo}")'
    return Outcome(
        {**values, "dry_run": False, "url": url},
        [logs.line("published: ", logs.bold(url)), f"load it anywhere: {load}"],
        then=logs.command(
            "limbeck", "sample", f"hf://{what.model.repo}", "--seeds", "0-15", "--out", "pictures"
        ),
    )


def _lines(
    what: Publication, there: There | None, private: bool, keep_card: bool
) -> Iterator[object]:
    """What becomes of each file, and what else becomes public."""
    new = there is None or there.commit is None
    hidden = private if there is None or there.commit is None else there.private
    seen = "private: its owner alone sees it" if hidden else "public: anybody may download it"
    yield logs.line(logs.bold(what.model.repo), " on the hub", f", {seen}")
    for name, size in what.files.items():
        yield f"  {_size(size):>9}  {name}{_fate(name, there, keep_card)}"
    if there is not None:
        yield from (f"             {name}  (goes)" for name in there.stale(what.files))
    yield f"  {_size(what.bytes):>9}  in all"
    if not new:
        yield "what is replaced or goes stays in the history of the hub; other files there stay"
    about = what.about
    yield f"licence of the weights, as the card says: {logs.visible(about.licence)}"
    if about.licence == "not stated":
        yield "  -> limbeck export --licence says one; it depends on the photos' own licences"
    settings = "" if about.settings is None else ", and all settings of the training"
    yield f"config.json makes public: {len(about.data)} facts about model and photos{settings}"
    if (photos := about.data.get("photos")) is not None:
        yield f"weights may repeat some of the {photos} photos that they were trained on"


def _fate(name: str, there: There | None, keep_card: bool) -> str:
    """What a file means to what is on the hub; nothing where that is not known."""
    if there is None:
        return ""
    if name not in there.files:
        return "  (new)"
    return (
        "  (stays as it is there)" if name == _CARD and keep_card else "  (replaces the one there)"
    )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
