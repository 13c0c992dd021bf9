"""What the trainings began with, where they began with networks that were there."""

from dataclasses import dataclass
from pathlib import Path

from limbeck.artefacts.transfers import Origin, Transfer, read_transfer
from limbeck.reporting.facts import words

_NAMES = {"raw": "First generator", "kept": "Second generator"}


@dataclass(frozen=True)
class Begun:
    """One training: what it began with, what that says of itself, what of it was taken over."""

    training: str
    what: str
    own: bool
    facts: tuple[tuple[str, str], ...]
    lines: tuple[str, ...]


def show_begun(run: Path) -> tuple[Begun, ...]:
    """Of both trainings of a run, those that did not begin from nothing.

    Raises:
        DataError: a training's record is damaged.
    """
    found = ((name, read_transfer(run / name)) for name in _NAMES)
    return tuple(_begun(name, told) for name, told in found if told is not None)


def _begun(name: str, told: Transfer) -> Begun:
    source = told.source
    lines = list(told.lines())
    if told.d_alone_kimg:
        lines.append(f"D learned alone for {told.d_alone_kimg:g} kimg first")
    if source is None:
        # Of an earlier limbeck; mostly its own networks of half the size, or the first generator's.
        return Begun(_NAMES[name], "networks that its record does not name", True, (), (*lines,))
    what = f"the networks of this run in {source.path}" if source.own else source.words()
    return Begun(_NAMES[name], what, source.own, _facts(source), tuple(lines))


def _facts(source: Origin) -> tuple[tuple[str, str], ...]:
    if source.own:
        return ()
    licence = {} if source.licence is None else {"licence of its weights": source.licence}
    told = {"folder": source.path, **licence, **source.facts}
    return tuple((name, words(value)) for name, value in told.items())
