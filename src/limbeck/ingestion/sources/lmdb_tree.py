"""An LMDB of photos, as LSUN came, read as a file.

The library maps the file into the process and trusts it: one number that lies ends the process, and
with it every other photo. Here pages are read one by one, and what a number says is compared with
the file: a value that lies costs that value. Layout: LMDB 0.9, format version 1 (lmdb.h and mdb.c
of OpenLDAP), little-endian, 64 bits; a tree of pages, a key and a value a node of its leaves.
"""

import struct
import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from limbeck.errors import DataError, advice
from limbeck.ingestion.regular import Unreadable, open_regular, read_exactly

MOST_KEYS = 10_000_000
_CURE = "give the folder that holds data.mdb, as LSUN was published"
_MAGIC, _VERSION, _NO_PAGE = 0xBEEFC0DE, 1, 2**64 - 1
_HEAD = struct.Struct("<QHHHH")  # of a page: number, -, kind, where its places end, where free ends
_NODE = struct.Struct("<HHHH")  # size of the value (two halves), kind, bytes of the key
_META = struct.Struct("<IIQQ 48x IHHQQQQQ QQ")
_BRANCH, _LEAF, _OVERFLOW, _FIXED = 1, 2, 4, 32
_BIG = 1  # a node whose value lies in pages of its own
_PAGES = (2**9, 2**16)  # bytes of one, least and most
_DEEPEST = 32


@dataclass(frozen=True)
class _Node:
    """The size of a value, and where that lies: in the file, or as the number of its first page."""

    size: int
    place: int
    page: int | None


@dataclass(frozen=True)
class _Page:
    """A page of keys; `places` are where its nodes begin in it."""

    number: int
    data: bytes
    leaf: bool
    places: tuple[int, ...]

    def key(self, place: int) -> bytes:
        """Of a node; shorter than it says where it leads out of the page."""
        start = place + _NODE.size
        return self.data[start : start + int.from_bytes(self.data[start - 2 : start], "little")]

    def below(self, place: int) -> int:
        """Of a branch's node: the page with the keys from its own on."""
        return int.from_bytes(self.data[place : place + 6], "little")

    def at(self, key: bytes) -> int:
        """Index of the last node whose key is not above this one, which the first of a branch is
        whatever stands there; -1 where there is none."""
        first = 0 if self.leaf else 1
        return bisect_right(self.places, key, lo=first, key=self.key) - 1

    def node(self, place: int) -> _Node | None:
        """Of a leaf; None where it leads out of the page."""
        data = self.data
        low, high, kind, length = _NODE.unpack_from(data, place)
        end = place + _NODE.size + length
        big = kind & _BIG
        if end + (8 if big else 0) > len(data):
            return None
        page = int.from_bytes(data[end : end + 8], "little") if big else None
        return _Node(low | high << 16, self.number * len(data) + end, page)


class Lmdb:
    """Keys and values of an LMDB; safe from several threads.

    Args:
        path: data.mdb.

    Raises:
        DataError: no LMDB, one of another format, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._file, self._bytes = open_regular(path)
        except Unreadable as error:
            raise DataError(f"{path} is {error}", _CURE) from error
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}", advice(error)) from error
        try:
            self._size, self._root = self._newest()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _newest(self) -> tuple[int, int]:
        """(bytes of a page, root page) by the newer of the first two pages."""
        first = self._meta(0)
        if first is None:
            raise DataError(f"{self._path} is no LMDB of format 1", _CURE)
        second = self._meta(first[1])
        _, size, kind, root = max(one for one in (first, second) if one is not None)
        if kind:
            raise DataError(f"{self._path} is an LMDB whose keys are numbers or repeated", _CURE)
        return size, root

    def _meta(self, at: int) -> tuple[int, int, int, int] | None:
        """(number of the transaction, bytes of a page, kind of keys, root) of a meta page."""
        data = self._read(at + _HEAD.size, _META.size)
        if len(data) < _META.size:
            return None
        magic, version, _, _, _, kind, _, _, _, _, _, root, _, number = _META.unpack(data)
        size = int.from_bytes(data[24:28], "little")
        if (magic, version) != (_MAGIC, _VERSION):
            return None
        if not _PAGES[0] <= size <= _PAGES[1] or size & (size - 1):
            return None
        return number, size, kind & 0x3F, root

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Every key in their order, and the bytes of its value, as the file says.

        Raises:
            DataError: the tree of keys is damaged, or has more than ten million.
        """
        last, count = b"", 0
        for page in self._leaves(self._root, set(), 0) if self._root != _NO_PAGE else ():
            for place in page.places:
                key, node = page.key(place), page.node(place)
                count += 1
                if node is None or key <= last or count > MOST_KEYS:
                    raise self._damaged()
                last = key
                yield key, node.size

    def _leaves(self, number: int, seen: set[int], depth: int) -> Iterator[_Page]:
        if number in seen or depth > _DEEPEST:  # what would never end
            raise self._damaged()
        seen.add(number)
        page = self._page(number)
        if page.leaf:
            yield page
            return
        for place in page.places:
            yield from self._leaves(page.below(place), seen, depth + 1)

    def get(self, key: bytes, most: int) -> bytes | None:
        """The value of a key, of at most `most` bytes; None where there is none.

        Raises:
            Unreadable: the file holds no such value where it says, or a larger one.
            DataError: the way to it is damaged.
        """
        number = self._root
        for _ in range(_DEEPEST if number != _NO_PAGE else 0):
            page = self._page(number)
            at = page.at(key)
            if not page.leaf:
                number = page.below(page.places[at])
                continue
            if at < 0 or page.key(page.places[at]) != key:
                return None
            node = page.node(page.places[at])
            if node is None:
                raise self._damaged()
            return self._value(node, most)
        return None

    def _value(self, node: _Node, most: int) -> bytes:
        place, room = node.place, self._bytes - node.place
        if node.page is not None:
            place = node.page * self._size + _HEAD.size
            head = self._read(node.page * self._size, _HEAD.size)
            number, _, kind, low, high = _HEAD.unpack(head.ljust(_HEAD.size, b"\0"))
            room = (low | high << 16) * self._size - _HEAD.size
            if kind & _OVERFLOW == 0 or number != node.page:
                raise Unreadable("its value is not where it should be")
        if node.size > min(most, room):
            raise Unreadable(
                f"a value of {node.size} bytes, where {max(0, min(most, room))} can be"
            )
        data = self._read(place, node.size)
        if len(data) < node.size:
            raise Unreadable("its value lies beyond the end of the file")
        return data

    def _page(self, number: int) -> _Page:
        """A page of keys.

        Raises:
            DataError: it is another one, or says what cannot be.
        """
        data = self._read(number * self._size, self._size)
        if len(data) < self._size:
            raise self._damaged()
        _, _, kind, low, high = _HEAD.unpack_from(data)
        leaf = bool(kind & _LEAF)
        if kind & (_BRANCH | _LEAF) not in (_BRANCH, _LEAF) or kind & _FIXED:
            raise self._damaged()
        if not _HEAD.size <= low <= high <= self._size or (low < _HEAD.size + 2 and not leaf):
            raise self._damaged()
        places = struct.unpack_from(f"<{(low - _HEAD.size) // 2}H", data, _HEAD.size)
        if places and max(places) + _NODE.size > self._size:
            raise self._damaged()
        return _Page(number, data, leaf, places)

    def _read(self, at: int, size: int) -> bytes:
        if at >= self._bytes:
            return b""
        try:
            with self._lock:
                self._file.seek(at)
                return read_exactly(self._file, size)
        except OSError as error:
            raise DataError(f"cannot read {self._path}: {error.strerror}", advice(error)) from error

    def _damaged(self) -> DataError:
        return DataError(f"{self._path} is damaged", _CURE)
