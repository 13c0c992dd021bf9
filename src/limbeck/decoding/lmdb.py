"""An LMDB of photos, as LSUN came, read by a child process."""

import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeGuard

from limbeck.decoding.lmdb_child import AT_ONCE, MOST_ANSWER, MOST_KEYS
from limbeck.errors import DataError, UsageError
from limbeck.sandbox import Child, Garbled

_KEY = 511  # bytes, at most
_CURE = "give the folder that holds data.mdb, as LSUN was published"


class Lmdb:
    """Keys and values of an LMDB; safe from several threads.

    Args:
        path: data.mdb.

    Raises:
        UsageError: the package lmdb is not installed.
        DataError: no LMDB, or a damaged one.
    """

    def __init__(self, path: Path) -> None:
        if find_spec("lmdb") is None:
            raise UsageError(f"{path} is an LMDB", "run: pip install 'limbeck[lmdb]'")
        self._path = path
        self._lock = threading.Lock()
        self._child = self._opened()

    def _opened(self) -> Child:
        child = Child("limbeck.decoding.lmdb_child")
        try:
            with child.in_time():
                words, _ = child.exchange({"open": str(self._path), "folder": False}, b"", 0)
        except (Garbled, OSError, ValueError):
            words = {"error": "damaged"}
        if "opened" not in words:
            child.kill()
            child.code()
            raise DataError(f"{self._path} is no LMDB: {words.get('error', '')}", _CURE)
        return child

    def close(self) -> None:
        """End the child."""
        self._child.kill()
        self._child.code()

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Every key in their order, and the bytes of its value.

        Raises:
            DataError: the file is damaged, or has more than ten million keys.
        """
        last, count = b"", 0
        while True:
            words, load = self._ask({"do": "list"}, last, AT_ONCE * _KEY)
            lengths, sizes = words.get("keys"), words.get("sizes")
            if not (_numbers(lengths) and _numbers(sizes)):
                raise self._damaged()
            if len(lengths) != len(sizes) or sum(lengths) != len(load):
                raise self._damaged()
            start = 0
            for length, size in zip(lengths, sizes, strict=True):
                key = load[start : start + length]
                start += length
                count += 1
                if key <= last or count > MOST_KEYS:  # also what would never end
                    raise self._damaged()
                last = key
                yield key, size
            if len(lengths) < AT_ONCE:
                return

    def get(self, key: bytes, most: int) -> bytes | None:
        """The value of a key, of at most `most` bytes; None where there is none.

        Raises:
            DataError: the file is damaged.
        """
        words, load = self._ask({"do": "get"}, key, most)
        if "error" in words:
            raise self._damaged()
        return None if "none" in words else load

    def _ask(
        self, words: dict[str, Any], load: bytes = b"", most: int = MOST_ANSWER
    ) -> tuple[dict[str, Any], bytes]:
        with self._lock, self._child.in_time():  # the others are still to be had
            try:
                return self._child.exchange(words, load, most)
            except (Garbled, OSError) as error:  # of this value, or of where it should be
                self._child.kill()
                self._child.code()
                self._child = self._opened()
                raise self._damaged() from error

    def _damaged(self) -> DataError:
        return DataError(f"{self._path} is damaged", _CURE)


def _numbers(values: Any) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(isinstance(v, int) and v >= 0 for v in values)
