"""A take-down: photos are removed from a run or a dataset, wherever they lie in it.

The record (takedowns.json) is written first: from then on the photos are kept out, and a second
call finishes what a killed one began. What is found by the names in a dataset goes before the
dataset, which loses them; the report is written anew at the end.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from limbeck import __version__, fsio, logs
from limbeck.artefacts.lock import hold
from limbeck.artefacts.run import RUN
from limbeck.artefacts.stage import DONE
from limbeck.artefacts.takedowns import (
    TakeDown,
    TrainedWith,
    read_takedowns,
    stained,
    unfinished_takedown,
    write_takedowns,
)
from limbeck.chain.leftovers import Left, what_is_left
from limbeck.chain.named_photos import Found, find_photos
from limbeck.chain.places import Place, look_into, roots_of
from limbeck.chain.removing import (
    Step,
    steps_before,
    steps_in_datasets,
    steps_in_models,
    steps_in_reports,
)
from limbeck.chain.seen import Seen, who_saw
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.ingestion import Wish, read_opt_out, tell_unmatched
from limbeck.records import Status
from limbeck.reporting import report


@dataclass(frozen=True)
class Part:
    """A take-down in one run or dataset.

    Attributes:
        place: what lies there.
        seen: its trainings.
        begun: a take-down there that did not end.
        entry: for the record.
        first: steps that need the names in the datasets.
        datasets: the steps that remove them there; in no folder before all first ones are done.
        cards: steps that state it on model cards.
        left: what of the person's own names or may show the photos.
    """

    place: Place
    seen: list[Seen]
    begun: TakeDown | None
    entry: TakeDown
    first: list[Step]
    datasets: list[Step]
    cards: list[Step]
    left: list[Left]

    @property
    def steps(self) -> list[Step]:
        """What is removed or rewritten, in order."""
        return [*self.first, *self.datasets, *self.cards]

    @property
    def weights(self) -> list[TrainedWith]:
        """The trainings that cannot forget."""
        return [one for one in self.entry.trainings if one.saw]

    def earlier(self) -> list[TakeDown]:
        """What was taken down here before."""
        return [one for one in read_takedowns(self.place.root) if one.finished is not None]


@dataclass(frozen=True)
class TakingDown:
    """What a take-down does, or did.

    Attributes:
        found: the photos, and what each line of the list names.
        parts: one a run or dataset.
    """

    found: Found
    parts: list[Part]

    @cached_property
    def nothing(self) -> bool:
        """Whether there is nothing to do: no photo is named, and no take-down was begun."""
        return not self.found.photos and not any(part.begun for part in self.parts)


def plan_takedown(
    where: Sequence[Path], listing: Path | None = None, *, strict: bool = False
) -> TakingDown:
    """What `take_down` would do, without doing it.

    Args:
        where, listing, strict: as of `take_down`.

    Raises:
        UsageError, DataError: as `take_down`, before it writes anything.
    """
    return _foresee(roots_of(where), read_opt_out(listing), listing, strict)


def take_down(
    where: Sequence[Path], listing: Path | None = None, *, strict: bool = False
) -> TakingDown:
    """Remove photos from runs and datasets: pixels, names, facts, scores, thumbnails, features.

    Copies of a photo that is named, byte for byte or to the eye, go as well. Weights that saw them
    cannot forget: the trainings are named, in the answer and in takedowns.json, and stay. A later
    ingestion into the same place leaves the photos out, wherever they lie. The person's own photos
    and other files are never touched.

    Args:
        where: runs, datasets, or folders with other results of limbeck's.
        listing: one photo a line, by the rules of `ingest`'s opt-out list; None = finish only what
            was begun.
        strict: a line that names no photo is an error, and nothing is done.

    Returns:
        What was done.

    Raises:
        UsageError: a part of a run is named, or nothing is asked for.
        DataError: a folder is missing or holds nothing of limbeck's, its files are damaged, another
            process writes there, the list cannot be read, or (`strict`) names something unknown.
            After an error on the way, the same call goes on.
    """
    wishes = read_opt_out(listing)
    with ExitStack() as stack:
        roots = roots_of(where)
        for root in roots:
            stack.enter_context(hold(root))
            fsio.sweep(root)
        asked = _foresee(roots, wishes, listing, strict)
        if not asked.nothing:
            for part in asked.parts:
                write_takedowns(part.place.root, [*part.earlier(), part.entry])
            for step in _in_order(asked.parts):
                step.act()
            for part in asked.parts:
                _finish(part)
    return asked


def _foresee(
    roots: list[Path], wishes: tuple[Wish, ...], listing: Path | None, strict: bool
) -> TakingDown:
    places = [look_into(root) for root in roots]
    begun = {place.root: unfinished_takedown(place.root) for place in places}
    open_ones = [one for one in begun.values() if one is not None]
    if listing is None and not open_ones:
        raise UsageError(
            "no list: which photos shall be taken down?",
            "give --list FILE: one id, sha256, URL or name a line",
        )
    if not any(place.datasets for place in places) and not open_ones:
        reasons = [why for place in places for why in place.closed.values()]
        raise DataError(
            f"there is no dataset to look for the photos in{': ' if reasons else ''}"
            f"{'; '.join(reasons)}",
            "name the dataset as well; without one, lists go to `limbeck run --opt-out LIST`",
        )
    found = find_photos(places, wishes, open_ones)
    if found.unmatched and strict:
        tell_unmatched(found.unmatched, strict)
    seen = who_saw(places, found)
    parts = [_part(place, found, seen[place.root], begun[place.root]) for place in places]
    return TakingDown(found, parts)


def _part(place: Place, found: Found, seen: list[Seen], begun: TakeDown | None) -> Part:
    rows = [photo for data in place.datasets for photo in found.rows[data.root].values()]
    listed = len(rows if place.datasets else found.photos)
    trainings = tuple(_trainings(seen, begun, bool(found.lines)))
    reports = [place.root / "report" / "index.html"] if (place.root / RUN).exists() else []
    entry = TakeDown(
        begun=begun.begun if begun else _now(),
        limbeck=__version__,
        ids=tuple(sorted(found.ids)),
        sha256=tuple(sorted(found.sha256)),
        photos=max(listed, begun.photos if begun else 0),
        images=max(
            sum(photo.info.status is Status.ACCEPTED for photo in rows),
            begun.images if begun else 0,
        ),
        report=bool(begun and begun.report) or any(file.exists() for file in reports),
        trainings=trainings,
        made=tuple(_made(place)) if any(one.saw for one in trainings) else (),
    )
    first = [*steps_before(place, found, seen), *steps_in_reports(place, found)]
    datasets = list(steps_in_datasets(place, found, begun is not None))
    earlier = [one for one in read_takedowns(place.root) if one.finished is not None]
    cards = list(steps_in_models(place, _stains(place, [*earlier, entry])))
    steps = [*first, *datasets, *cards]
    told = dict.fromkeys([*(begun.removed if begun else ()), *(step.words for step in steps)])
    entry = entry.model_copy(update={"removed": tuple(told)})
    touched = {file for step in steps for file in step.files}
    left = what_is_left(place, found, touched)
    return Part(place, seen, begun, entry, first, datasets, cards, left)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _trainings(seen: list[Seen], begun: TakeDown | None, more: bool) -> Iterator[TrainedWith]:
    """What each training saw; what a take-down that did not end knew of it is not forgotten."""
    before = {one.folder: one for one in begun.trainings} if begun else {}
    for one in (each.told for each in seen):
        known = before.pop(one.folder, None)
        if known is None or (one.exact and one.saw >= known.saw) or (more and not one.exact):
            yield one
        else:
            yield known
    yield from before.values()


def _stains(place: Place, takedowns: Sequence[TakeDown]) -> dict[Path, int]:
    """Folder of a model -> photos of its training that were taken down; at most, where it is not
    the run's own model."""
    found = {one.folder: one.saw for one in stained(place.root, takedowns)}
    most = max(found.values(), default=0)
    own = found.get("kept", 0) if (place.root / "kept").is_dir() else most
    stains = {folder: own if folder == place.root / "model" else most for folder in place.models}
    return {folder: count for folder, count in stains.items() if count}


def _made(place: Place) -> Iterator[str]:
    """What trainings made: images and weights, in which something of a photo may be."""
    for folder in place.trainings:
        kinds = [(f"{kind}-*", f"{kind}-IMAGES") for kind in ("nets", "state", "bad-state")]
        for pattern, name in (*kinds, ("grid-*.png", "grid-IMAGES.png")):
            if count := len(list(folder.glob(pattern))):
                label = place.root.name if folder == place.root else place.shown(folder)
                yield f"{label}: {count} of {name}"
    for folders, what in (
        (place.models, "a model: weights and its pictures"),
        (place.samples, "generated images"),
        (place.modes, "modes of a generator, and images of them"),
    ):
        yield from (f"{place.shown(folder)}: {what}" for folder in folders)


def _in_order(parts: Sequence[Part]) -> Iterator[Step]:
    """What is found through a dataset goes before it, in whatever folder each of them lies."""
    for part in parts:
        yield from part.first
    for part in parts:
        yield from part.datasets
    for part in parts:
        yield from part.cards


def _finish(part: Part) -> None:
    """The report anew, then the end in the record."""
    root = part.place.root
    page = root / "report" / "index.html"
    if part.entry.report and not page.exists():
        try:
            report(root)
        except LimbeckError as error:
            fsio.erase(page.parent.resolve(), [DONE])
            again = logs.command("limbeck", "report", root)
            logs.warn(f"the report is removed and could not be written anew: {error.what}; {again}")
    ended = part.entry.model_copy(update={"finished": _now()})
    write_takedowns(root, [*part.earlier(), ended])
