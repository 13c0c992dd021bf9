"""Reading forward in bytes that nobody vouches for."""

import re
import struct

from limbeck.unpickling.refusals import Refused
from limbeck.unpickling.tokens import Raw

_LINE, _PIECE, _LONG = 1 << 20, 256, 16
_INTEGER = re.compile(rb"-?[0-9]{1,19}")
_FLOAT = re.compile(rb"-?(?:[0-9.]{1,24}(?:e[-+]?[0-9]{1,3})?|inf|nan)")


class Cursor:
    """A place in bytes that moves forward and never beyond the end.

    Args:
        data: the file, or bytes of their own.
        start, end: the part of it that may be read.
    """

    def __init__(self, data: memoryview, start: int, end: int) -> None:
        self.data, self.at, self._end = data, start, end

    @property
    def left(self) -> int:
        """Bytes up to the end."""
        return self._end - self.at

    def take(self, count: int) -> memoryview:
        """The next bytes.

        Raises:
            Refused: here and in the others: fewer are left.
        """
        start = self.at
        if count > self._end - start:
            raise Refused(f"{count} bytes are asked for, {self._end - start} are left")
        self.at = start + count
        return self.data[start : self.at]

    def raw(self, length: int) -> Raw:
        """The next bytes, which stay where they are."""
        start = self.at
        self.take(length)
        return Raw(self.data, start, length)

    def number(self, count: int) -> int:
        """A whole number of so many bytes, little-endian."""
        return int.from_bytes(self.take(count), "little")

    def signed(self, count: int) -> int:
        """The same with a sign."""
        return int.from_bytes(self.take(count), "little", signed=True)

    def long(self) -> int:
        """A whole number that tells its own length, at most 16 bytes."""
        length = self.number(1)
        if length > _LONG:
            raise Refused(f"a number of {length} bytes")
        return self.signed(length)

    def real(self) -> float:
        """A float64, big-endian."""
        value: float = struct.unpack(">d", self.take(8))[0]
        return value

    def line(self) -> bytes:
        """Up to the next line feed, which is passed over; at most 1 MiB."""
        most = min(self.at + _LINE, self._end)
        for start in range(self.at, most, _PIECE):
            found = bytes(self.data[start : min(start + _PIECE, most)]).find(b"\n")
            if found >= 0:
                line = bytes(self.data[self.at : start + found])
                self.at = start + found + 1
                return line
        raise Refused("a line does not end")


def integer(line: bytes) -> int:
    """A number in decimal digits.

    Raises:
        Refused: none, or of more than 19 digits.
    """
    if not _INTEGER.fullmatch(line):
        raise Refused("a number is none, or has more than 19 digits")
    return int(line)


def real(line: bytes) -> float:
    """A number in decimal notation.

    Raises:
        Refused: none.
    """
    try:
        if _FLOAT.fullmatch(line):
            return float(line)
    except ValueError:
        pass
    raise Refused("a number is none")
