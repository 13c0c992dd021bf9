"""Constructor arguments of somebody else's network, read one by one; none is passed over."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from limbeck.errors import DataError
from limbeck.fsio import plain

_ELSEWHERE = "such networks are not supported; another tool may read the file"
_DAMAGED = "the file is damaged; fetch it again"
_MISSING = object()


class Arguments:
    """Arguments by name; what nobody asked for is refused at the end (`finish`).

    Args:
        where: names the network in errors, e.g. "G_ema".
        values: by name; nested mappings are arguments of parts.
    """

    def __init__(self, where: str, values: Mapping[str, Any]) -> None:
        self.where = where
        self._left = dict(values)

    def take(self, name: str, default: Any = _MISSING) -> Any:
        """The value, numpy's scalars as Python's; `default` where it is not given.

        Raises:
            DataError: it is not given, and there is no default.
        """
        value = self._left.pop(name, default)
        if value is _MISSING:
            raise DataError(
                f"{self.where}: the argument {name} is missing",
                _DAMAGED,
            )
        return value.item() if isinstance(value, np.generic) else value

    def number(self, name: str, default: float) -> int | float:
        """The value where it is a number.

        Raises:
            DataError: it is none.
        """
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            shown = plain(repr(value)[:80])
            raise DataError(f"{self.where}: {name} is {shown}, no number", _DAMAGED)
        return value

    def give(self, into: dict[str, Any], **names: str) -> None:
        """What is given under the first name of each pair goes under the second into `into`."""
        for theirs, ours in names.items():
            if theirs in self._left:
                into[ours] = self.take(theirs)

    def part(self, name: str) -> "Arguments":
        """The arguments of a part; none where it is not given.

        Raises:
            DataError: it is no mapping of names.
        """
        values = self._left.pop(name, {})
        if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
            raise DataError(f"{self.where}: {name} holds no arguments", _DAMAGED)
        return Arguments(f"{self.where}.{name}", values)

    def only(self, name: str, allowed: Collection[Any], default: Any) -> Any:
        """The value where it is one of those that limbeck's networks know.

        Raises:
            DataError: it is another one.
        """
        value = self.take(name, default)
        value = tuple(value) if isinstance(value, list) else value
        known = any(type(value) is type(one) and value == one for one in allowed)
        if not known:
            shown = plain(repr(value)[:80])
            raise DataError(
                f"{self.where}: {name} is {shown}, limbeck knows {', '.join(map(repr, allowed))}",
                _ELSEWHERE,
            )
        return value

    def skip(self, *names: str) -> None:
        """These change no result."""
        for name in names:
            self._left.pop(name, None)

    def finish(self) -> None:
        """Raises DataError where an argument is left that nobody asked for."""
        if self._left:
            names = plain(", ".join(sorted(self._left)[:6]))
            raise DataError(f"{self.where}: unknown arguments {names}", _ELSEWHERE)
