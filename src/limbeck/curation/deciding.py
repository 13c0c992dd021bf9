"""A person's decisions as they are made: into overrides.csv at once, and back again.

overrides.csv is a person's file. Its lines stay as they are; behind the last line that names photos
by name or pattern stand lines by id alone, one a photo, and these a decision adds to, replaces or
takes away. So the last decision wins. Each is also a line of decisions.jsonl, with what was there
before: it can be undone later, and by another process. overrides.csv is written first: what was
acknowledged is in it, whenever the process dies.
"""

import csv
import io
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from limbeck import fsio
from limbeck.artefacts.run import DECISIONS, OVERRIDES, OVERRIDES_BEFORE
from limbeck.curation.overrides import HEADER, Line, Names, Override, override_lines, resolve
from limbeck.errors import DataError, UsageError

LONGEST = 200
"""Characters of a reason."""
_JOURNAL = 256 * 2**20

Word = tuple[bool, str] | None
"""Keep (or drop) and the reason, or None: nothing said by id."""


class Step(BaseModel):
    """One decision, as a line of decisions.jsonl.

    Attributes:
        at: when, UTC.
        what: in words.
        before, after: id -> what the line of that id said and says.
        undoes: number of the step that this one takes back; None for a decision.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: str
    what: str
    before: dict[str, Word]
    after: dict[str, Word]
    undoes: int | None = None


class Decisions:
    """What a person has decided about the photos of a keep list.

    For one thread of one process at a time; see `artefacts.lock.hold`.

    Attributes:
        words: id -> what a person said, by id, by name or by pattern.
        steps: every decision and every undo, in order.

    Args:
        folder: the stage's, `keep/` of a run; made when first decided.
        ids: of the scored photos.
        sources: their names, or None.

    Raises:
        DataError: overrides.csv or decisions.jsonl is damaged; names the line.
    """

    def __init__(
        self, folder: Path, ids: Sequence[str], sources: Sequence[str] | None = None
    ) -> None:
        self.folder = folder
        self.words: dict[str, Override] = {}
        self.steps: list[Step] = _steps(folder / DECISIONS)
        self._names = Names(ids, sources)
        self._head: list[Line] = []
        self._by_head: Mapping[str, Override] = {}
        self._tail: dict[str, Override] = {}
        self._stamp: tuple[int, int] | None = None
        self.refresh()

    def refresh(self) -> bool:
        """Read overrides.csv again where somebody has changed it; whether that was so."""
        file = self.folder / OVERRIDES
        stamp = _stamp(file)
        if stamp == self._stamp:
            return False
        lines = override_lines(file)
        known = self._names.ids
        by_name = [n for n, line in enumerate(lines) if line.photo not in known]
        after = by_name[-1] + 1 if by_name else 0
        self._head = lines[:after]
        self._by_head = resolve(file, self._head, self._names).photos
        self._tail = {line.photo: line.override for line in lines[after:]}
        self.words = {**self._by_head, **self._tail}
        self._stamp = stamp
        return True

    def decide(self, photos: Sequence[str], keep: bool | None, reason: str = "") -> Step:
        """Keep or drop photos, or (None) leave them to the rule; on disk when it returns.

        Args:
            photos: ids.
            keep: None takes a word by id back; what a line by name or pattern says stays.
            reason: one line of at most 200 characters.

        Raises:
            UsageError: an id that no scored photo has, none at all, or a reason that is too long.
            DataError: the files cannot be read or written.
        """
        self.refresh()
        unknown = [photo for photo in photos if photo not in self._names.ids]
        if unknown or not photos:
            what = f"no scored photo {fsio.plain(repr(unknown[0][:40]))}" if unknown else "no photo"
            raise UsageError(what, "give ids of scored photos")
        if len(reason) > LONGEST or not (reason.isprintable() or not reason):
            raise UsageError(
                f"a reason of {len(reason)} characters", f"one line of at most {LONGEST}"
            )
        after: dict[str, Word] = dict.fromkeys(photos, None if keep is None else (keep, reason))
        word = "left to the rule" if keep is None else "kept" if keep else "dropped"
        return self._take(f"{len(after):,} photo{'s' * (len(after) > 1)} {word}", after)

    @property
    def standing(self) -> int | None:
        """Number of the last decision that was not taken back, or None."""
        undone = {step.undoes for step in self.steps}
        numbers = reversed(range(len(self.steps)))
        return next((n for n in numbers if self.steps[n].undoes is None and n not in undone), None)

    def undo(self) -> Step | None:
        """Take back the last decision that stands; None where there is none.

        Where somebody has changed a photo's line since, that line stays.

        Raises:
            DataError: as `decide`.
        """
        self.refresh()
        number = self.standing
        if number is None:
            return None
        step = self.steps[number]
        after = {
            photo: step.before[photo]
            for photo, word in step.after.items()
            if self._said(photo) == word
        }
        return self._take(f"taken back: {step.what}", after, undoes=number)

    def _said(self, photo: str) -> Word:
        line = self._tail.get(photo)
        return None if line is None else (line.keep, line.reason)

    def _take(self, what: str, after: dict[str, Word], undoes: int | None = None) -> Step:
        before = {photo: self._said(photo) for photo in after}
        at = datetime.now(UTC).isoformat(timespec="seconds")
        step = Step(at=at, what=what, before=before, after=after, undoes=undoes)
        tail = {photo: line for photo, line in self._tail.items() if photo not in after}
        tail |= {photo: Override(*word) for photo, word in after.items() if word is not None}
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / OVERRIDES
        self._set_aside(file)
        fsio.write_text(file, _csv(self._head, tail))
        self._tail, self._stamp = tail, _stamp(file)
        for photo in after:
            said = tail.get(photo) or self._by_head.get(photo)
            if said is None:
                self.words.pop(photo, None)
            else:
                self.words[photo] = said
        fsio.append_jsonl(self.folder / DECISIONS, step.model_dump(mode="json"), apart=True)
        self.steps.append(step)
        return step

    def _set_aside(self, file: Path) -> None:
        """A copy of what a person wrote by hand, before it is first written here."""
        copy = self.folder / OVERRIDES_BEFORE
        if not self.steps and file.exists() and not copy.exists():
            with fsio.atomic_file(copy) as temporary:
                shutil.copyfile(file, temporary)


def _stamp(file: Path) -> tuple[int, int]:
    try:
        facts = file.stat()
    except FileNotFoundError:
        return (0, 0)
    return facts.st_mtime_ns, facts.st_size


def _csv(head: Sequence[Line], tail: Mapping[str, Override]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER.split(","))
    said = [*((line.photo, line.override) for line in head), *tail.items()]
    writer.writerows((photo, "keep" if o.keep else "drop", o.reason) for photo, o in said)
    return text.getvalue()


def _steps(file: Path) -> list[Step]:
    """Every line; a last one that a kill has cut short was not acknowledged and counts for nothing.

    Raises:
        DataError: another line is damaged.
    """
    if not file.exists():
        return []
    found: list[Step] = []
    for number, line in enumerate(fsio.read_bytes(file, _JOURNAL).splitlines(), 1):
        try:
            found.append(Step.model_validate_json(line))
        except ValidationError:
            if line.endswith(b"}"):
                raise DataError(
                    f"{file}:{number} is damaged",
                    f"move {file.name} away: decisions stay in {OVERRIDES}, undo forgets them",
                ) from None
    return found
