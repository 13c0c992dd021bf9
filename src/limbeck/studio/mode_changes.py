"""Marks of modes as a person gives them in the studio: written at once, and taken back."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from limbeck.artefacts.keep import read_keep
from limbeck.chain import stale_by_marks
from limbeck.errors import DataError
from limbeck.latents import ModeCentres, ModeMarks
from limbeck.logs import command
from limbeck.modes import ModeChange, write_changes
from limbeck.studio.atlas import Atlas
from limbeck.studio.place import Pen, Place, ReadOnly

_STEPS = 1000


@dataclass(frozen=True)
class Change:
    """What was changed, in words, and what the modes' names and marks were before and after."""

    what: str
    of: str
    before: Sequence[ModeChange]
    after: Sequence[ModeChange]


class ModeChanges:
    """The changes of this session, the last of which can be taken back."""

    def __init__(self, place: Place, pen: Pen, atlas: Atlas) -> None:
        self.place = place
        self.pen = pen
        self.atlas = atlas
        self._done: deque[Change] = deque(maxlen=_STEPS)

    @property
    def last(self) -> str | None:
        """The last change that was not taken back, in words."""
        return self._done[-1].what if self._done else None

    def take(self, of: str, wanted: Sequence[ModeChange], what: str) -> None:
        """Change names and marks together; on disk when it returns.

        Args:
            of: digest of the modes that are meant.
            wanted: the changes.
            what: the change in words.

        Raises:
            ReadOnly: nothing can be written now.
            Unknown: the modes are others now.
            UsageError: as `with_changes`; nothing is written.
            DataError: marks.csv is damaged or cannot be written.
        """
        before, after = self._write(of, wanted)
        if before != after:
            self._done.append(Change(what, of, before, after))

    def undo(self, of: str) -> str | None:
        """Take back the last change that stands; None where there is none.

        Where somebody has changed a mode since, that mode stays as it is.

        Raises:
            ReadOnly, Unknown, UsageError, DataError: as `take`.
        """
        while self._done and self._done[-1].of != of:  # of modes that are no more
            self._done.pop()
        if not self._done:
            return None
        last = self._done[-1]
        _, modes = self.atlas.now(of)
        now = _said(modes.marks, [change.mode for change in last.after])
        same = {mine for mine, theirs in zip(last.after, now, strict=True) if mine == theirs}
        back = [was for was, mine in zip(last.before, last.after, strict=True) if mine in same]
        self._write(of, back)
        self._done.pop()
        return last.what

    def _write(
        self, of: str, wanted: Sequence[ModeChange]
    ) -> tuple[list[ModeChange], list[ModeChange]]:
        touched = list(dict.fromkeys(change.mode for change in wanted))
        with self.pen.writing():
            _, modes = self.atlas.now(of)
            folder = self.atlas.painter.modes_folder
            if folder is None or (why := self.why_not()):
                raise ReadOnly(why or "these modes lie in no folder", "they are only shown")
            made = write_changes(folder, modes, wanted)
        return _said(modes.marks, touched), _said(made.marks, touched)

    def why_not(self) -> str:
        """Why these modes are not marked, whoever may write; empty where they are."""
        run, folder = self.place.run, self.atlas.painter.modes_folder
        if run is not None and folder == run.scores / "raw-modes":
            return (
                "these are modes of the first training, by which the photos are judged; the second "
                "training's, which the model draws by, are not found yet"
            )
        return ""

    def kept(self) -> dict[int, float]:
        """Share of the photos of each mode that the rule keeps; empty where the modes are others.

        Photos are counted by the modes of the first training.
        """
        run, folder = self.place.run, self.atlas.painter.modes_folder
        if run is None or folder != run.scores / "raw-modes":
            return {}
        try:
            return read_keep(run.keep).summary.modes_kept
        except DataError:
            return {}

    def then(self, modes: ModeCentres) -> dict[str, object] | None:
        """What a run has made under other marks, and the command that makes it anew."""
        run = self.place.run
        if run is None or self.atlas.painter.modes_folder != run.modes:
            return None
        stages = stale_by_marks(run, modes)
        resume = command("limbeck", "resume", run.root)
        return {"stages": stages, "command": resume} if stages else None


def _said(marks: ModeMarks, modes: Sequence[int]) -> list[ModeChange]:
    return [ModeChange(mode, marks.names.get(mode, ""), marks.mark(mode)) for mode in modes]
