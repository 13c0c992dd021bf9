"""Whose turn it is: hosts take turns, none is asked by too many at once or before its time."""

import heapq
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from limbeck.ingestion.fetching.settings import Limits
from limbeck.ingestion.fetching.targets import Target


@dataclass
class Job:
    """A URL to fetch, and how often that was tried."""

    target: Target
    tries: int = 0


class Schedule:
    """Jobs for workers; safe from several threads.

    Args:
        targets: what is to be fetched.
        limits: `per_host`, `rest`, `dead`.
    """

    def __init__(self, targets: Iterable[Target], limits: Limits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._waiting: defaultdict[str, list[tuple[float, int, Job]]] = defaultdict(list)
        self._queue: list[tuple[float, int, str]] = []
        self._queued: set[str] = set()
        self._busy: Counter[str] = Counter()
        self._rests: dict[str, float] = {}
        self._silent: Counter[str] = Counter()
        self._number = 0
        self._left = 0
        self._closed = False
        for target in targets:
            self._push(Job(target), 0.0)
            self._left += 1
        for host in self._waiting:
            self._offer(host)

    def take(self) -> Job | None:
        """The next job, once there is one; None when all are settled or the work is closed."""
        with self._changed:
            while self._left and not self._closed:
                wait = self._pass()
                if isinstance(wait, Job):
                    return wait
                self._changed.wait(wait)
            return None

    def settled(self, job: Job) -> None:
        """A job is done with."""
        with self._changed:
            self._left -= 1
            self._free(job)

    def again(self, job: Job, seconds: float) -> None:
        """A job is to be tried once more, no sooner than in so many seconds."""
        with self._changed:
            job.tries += 1
            self._push(job, time.monotonic() + seconds)
            self._free(job)

    def close(self) -> None:
        """No more jobs are given."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def rest(self, host: str, seconds: float) -> None:
        """A host asks not to be asked for so long."""
        with self._changed:
            self._rests[host] = max(self._rests.get(host, 0.0), time.monotonic() + seconds)

    def heard(self, host: str, *, silent: bool) -> None:
        """A host answered, whatever it said, or could not be connected to."""
        with self._changed:
            self._silent[host] = self._silent[host] + 1 if silent else 0

    def why_not(self, host: str) -> str:
        """Why a host is not asked any more in this call; empty if it is."""
        with self._changed:
            rest = self._rests.get(host, 0.0) - time.monotonic()
            if rest > self._limits.rest:
                return f"its host asks to wait {min(rest, 1e9):.0f} s"
            if self._silent[host] >= self._limits.dead:
                return f"its host could not be connected to {self._limits.dead} times in a row"
            return ""

    def _push(self, job: Job, due: float) -> None:
        self._number += 1
        heapq.heappush(self._waiting[job.target.host], (due, self._number, job))

    def _free(self, job: Job) -> None:
        self._busy[job.target.host] -= 1
        self._offer(job.target.host)
        self._changed.notify_all()

    def _due(self, host: str) -> float:
        rest = self._rests.get(host, 0.0)
        if rest - time.monotonic() > self._limits.rest:
            rest = 0.0  # its jobs are taken at once, to be told why they are not done
        return max(self._waiting[host][0][0], rest)

    def _offer(self, host: str) -> None:
        """Let a host wait for its turn, behind all others that are due."""
        free = self._waiting[host] and self._busy[host] < self._limits.per_host
        if free and host not in self._queued:
            self._number += 1
            heapq.heappush(self._queue, (self._due(host), self._number, host))
            self._queued.add(host)

    def _pass(self) -> Job | float | None:
        """A job that is due, or seconds until one is, or None: some worker must first be done."""
        while self._queue:
            due, _, host = self._queue[0]
            now = time.monotonic()
            if due > now:
                return due - now
            heapq.heappop(self._queue)
            self._queued.discard(host)
            if self._due(host) > now:  # it asked for a rest meanwhile
                self._offer(host)
                continue
            job = heapq.heappop(self._waiting[host])[2]
            self._busy[host] += 1
            self._offer(host)
            return job
        return None
