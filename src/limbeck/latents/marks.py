"""What a person says of modes: names, and marks of what becomes of them where images are drawn."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from limbeck import fsio
from limbeck.errors import UsageError

HIDE, NEVER = "hide", "never"
_MERGE = re.compile(r"merge:([0-9]{1,9})")
MARK_WORDS = "a mark is empty, hide, never or merge:N"
"""All marks, in words."""


@dataclass(frozen=True)
class ModeMarks:
    """A person's names and marks of modes, by the modes' numbers.

    Attributes:
        names: mode -> what the person calls it.
        hidden: modes that are not shown in atlases and lists; images are drawn of them.
        never: modes that are never a target of truncation.
        merged: mode -> the mode that it counts as.
        where: the file that says so, for messages.
        others: lines of that file that are about other modes and do not apply.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()
    never: frozenset[int] = frozenset()
    merged: Mapping[int, int] = field(default_factory=dict)
    where: str = field(default="", compare=False)
    others: int = field(default=0, compare=False)

    def __bool__(self) -> bool:
        return bool(self.names or self.hidden or self.never or self.merged)

    @property
    def modes(self) -> list[int]:
        """The modes that have a name or a mark, in order."""
        return sorted({*self.names, *self.hidden, *self.never, *self.merged})

    def mark(self, mode: int) -> str:
        """The mark as marks.csv has it: empty, `hide`, `never` or `merge:N`."""
        if mode in self.merged:
            return f"merge:{self.merged[mode]}"
        return NEVER if mode in self.never else HIDE if mode in self.hidden else ""

    def changed(
        self, mode: int, *, name: str | None = None, mark: str | None = None
    ) -> "ModeMarks":
        """The same with another name or mark of one mode; None leaves it, empty takes it away.

        Raises:
            UsageError: no such mark.
        """
        made = self
        if name is not None:
            names = {k: v for k, v in self.names.items() if k != mode}
            made = replace(made, names={**names, mode: name} if name else names)
        if mark is None:
            return made
        match = _MERGE.fullmatch(mark)
        if mark not in ("", HIDE, NEVER) and match is None:
            raise UsageError(f"no mark {fsio.plain(repr(mark))}", MARK_WORDS)
        merged = {k: v for k, v in self.merged.items() if k != mode}
        return replace(
            made,
            hidden=self.hidden - {mode} | ({mode} if mark == HIDE else set()),
            never=self.never - {mode} | ({mode} if mark == NEVER else set()),
            merged=merged if match is None else {**merged, mode: int(match[1])},
        )

    def fault(self, count: int) -> tuple[int, str] | None:
        """What is wrong with these marks of `count` modes: a mode, and words; None = nothing."""
        for mode in self.modes:
            if not 0 <= mode < count:
                return mode, f"there is no mode {mode} among {count}"
        for mode, goal in self.merged.items():
            if not 0 <= goal < count:
                return mode, f"mode {mode} counts as mode {goal}, which is not among {count}"
            if goal == mode:
                return mode, f"mode {mode} counts as itself"
            if goal in self.never:
                return mode, f"mode {mode} counts as mode {goal}, which is marked never"
            if goal in self.merged:
                return mode, (
                    f"mode {mode} counts as mode {goal}, which counts as mode {self.merged[goal]}"
                )
        if len(self.never) == count:
            return max(self.never), "all modes are marked never: no image could be drawn"
        return None

    @property
    def drawing(self) -> "ModeMarks":
        """Only what changes the images that are drawn."""
        return ModeMarks(never=self.never, merged=self.merged)

    def digest(self) -> str:
        """16 hex that name these marks; empty where there are none."""
        if not self:
            return ""
        rows = [[mode, self.names.get(mode, ""), self.mark(mode)] for mode in self.modes]
        return fsio.digest_json(rows)
