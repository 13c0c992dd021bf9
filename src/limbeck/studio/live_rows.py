"""Rows of a JSON lines file that another process is writing: each byte is read once."""

import os
import secrets
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

import numpy as np
from numpy.typing import NDArray

from limbeck import fsio
from limbeck.errors import DataError

Numbers = NDArray[np.float64]
POINTS = 600
"""How many points a curve has at most."""
_CHUNK = 4 * 2**20  # bytes that one look reads at most
_REMEMBERED = 64  # bytes before the end, to tell a file that was written anew
_NAN = float("nan")


@dataclass(frozen=True)
class Spot:
    """How far a file was read: which file, bytes, lines, and the last of these bytes."""

    file: tuple[int, int]
    end: int
    lines: int
    last: bytes


class LiveRows:
    """Numbers of a growing file, by column; a last line that is half written waits for its rest.

    A file that was cut, replaced or written anew is read from its start, under another `mark`.

    Args:
        path: the file; it may not be there yet.
        names: the columns wanted; what a row lacks, or is no number there, is NaN.
        label: names the file in `trouble`.

    Attributes:
        mark: changes when rows that were there before may have changed.
        trouble: what is wrong with the file, in words; empty where nothing is.
    """

    def __init__(self, path: Path, names: Iterable[str], label: str) -> None:
        self.path, self.label = path, label
        self._names = ("images", *names)
        self._forget()

    def _forget(self) -> None:
        self.mark = secrets.token_hex(6)
        self.trouble = ""
        self._columns = {name: array("d") for name in self._names}
        self._spot: Spot | None = None
        self._bad, self._first = 0, ""

    def __len__(self) -> int:
        return len(self._columns["images"])

    @property
    def there(self) -> bool:
        """Whether the file was there at the last look."""
        return self._spot is not None

    def column(self, name: str, start: int = 0) -> Numbers:
        """float64 [rows - start] of one of the names, or of `images`."""
        return np.array(self._columns[name][start:])

    def last(self, name: str) -> float | None:
        """A column's newest number, or None."""
        values = self._columns[name]
        return values[-1] if values and values[-1] == values[-1] else None

    def look(self) -> None:
        """Read what is new, 4 MiB at most."""
        try:
            found = self.path.stat()
        except OSError:
            if self._spot is not None or self.trouble:
                self._forget()
            return
        spot = self._spot
        if spot and spot.file == (found.st_dev, found.st_ino) and spot.end == found.st_size:
            return
        try:
            with fsio.open_regular(self.path) as (file, size):
                self._read(file, size)
        except DataError as error:
            self._forget()
            self.trouble = fsio.plain(error.what)

    def _read(self, file: BinaryIO, size: int) -> None:
        facts = os.fstat(file.fileno())
        me = (facts.st_dev, facts.st_ino)
        if self._spot is not None and not self._goes_on(file, me, size):
            self._forget()
        if self._spot is None:
            self.trouble = ""
        spot = self._spot or Spot(me, 0, 0, b"")
        file.seek(spot.end)
        data = file.read(min(size - spot.end, _CHUNK))
        whole = data.rfind(b"\n") + 1
        if not whole and len(data) == _CHUNK:
            self._wrong(spot.lines + 1, "is longer than 4 MiB")
        lines = data[:whole].split(b"\n")[:-1]
        for number, line in enumerate(lines, spot.lines + 1):
            self._take(number, line)
        last = (spot.last + data[:whole])[-_REMEMBERED:]
        self._spot = Spot(me, spot.end + whole, spot.lines + len(lines), last)

    def _goes_on(self, file: BinaryIO, me: tuple[int, int], size: int) -> bool:
        spot = self._spot
        assert spot is not None
        if spot.file != me or size < spot.end:
            return False
        file.seek(spot.end - len(spot.last))
        return file.read(len(spot.last)) == spot.last

    def _take(self, number: int, line: bytes) -> None:
        if not line.strip():
            return
        try:
            row = fsio.parse_json(line, f"line {number}")
        except DataError:
            self._wrong(number, "is not JSON")
            return
        if not isinstance(row, dict) or not _is_number(row.get("images")):
            self._wrong(number, "does not say after how many images it was written")
            return
        for name, values in self._columns.items():
            value = row.get(name)
            values.append(float(value) if _is_number(value) else _NAN)

    def _wrong(self, number: int, what: str) -> None:
        self._bad += 1
        if self._bad == 1:
            self._first = f"{self.label}: line {number} {what}"
        more = f", and {self._bad - 1} more" if self._bad > 1 else ""
        self.trouble = f"{self._first}{more}; it is left out"


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def thinned(x: Numbers, y: Numbers, most: int = POINTS) -> tuple[Numbers, Numbers]:
    """A curve in at most `most` points: of each stretch its lowest and its highest; both ends.

    Args:
        x: float64 [N].
        y: float64 [N]; what is not finite is left out.
        most: points, at least 4.
    """
    finite = np.isfinite(y) & np.isfinite(x)
    x, y = x[finite], y[finite]
    if len(y) <= most:
        return x, y
    stretches = (most - 2) // 2
    width = -(-len(y) // stretches)
    padded = np.concatenate([y, np.full(width * stretches - len(y), y[-1])])
    parts = padded.reshape(stretches, width)
    starts = np.arange(stretches) * width
    found = np.concatenate([[0], starts + parts.argmin(1), starts + parts.argmax(1), [len(y) - 1]])
    pick = np.unique(np.minimum(found, len(y) - 1))
    return x[pick], y[pick]
