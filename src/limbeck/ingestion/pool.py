"""Threads that read photos, each with a child process that decodes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self, TypeVar

from limbeck.decoding import Decoders
from limbeck.kit.cores import cores

T = TypeVar("T")
R = TypeVar("R")


def workers() -> int:
    """Threads that read and decode."""
    return min(cores(), 16)


class Pool:
    """Use as a context manager; however it is left, what its threads wait for is ended first.

    Args:
        threads: how many; None = `workers()`.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.decoders = Decoders()
        self._count = threads or workers()
        self._threads = ThreadPoolExecutor(self._count)

    def __enter__(self) -> Self:
        self.decoders.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.decoders.close()
        self._threads.shutdown(cancel_futures=True)

    def in_order(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """`map` on threads, results in order, with a bounded number in flight."""
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(self._threads.submit(work, item))
                if len(waiting) > 8 * self._count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
