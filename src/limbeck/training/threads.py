"""How many threads a step takes on a CPU: what is fastest beside whatever else runs there.

Threads of one step wait for one another, so a neighbour that keeps one core busy slows all of them:
two threads beside it fall to a fifth of their speed, one keeps nine tenths (docs/log.md,
2026-11-22). What is timed are the training's own steps; none is taken for the measurement alone.
Another number of threads sums in another order, so results are the same up to rounding; whoever
needs them to the bit sets OMP_NUM_THREADS, and the number stays.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from limbeck import logs

_BLOCK = 16  # steps: whole cycles of every lazy phase
_WARM_UP = 2  # steps that nobody counts
_FIRST = 20.0  # seconds before the first trial: short trainings are left alone
_AGAIN = 120.0  # seconds between trials of more threads
_WORSE = 1.5  # times the best block: somebody else is there
_LOST = 1.2  # times the block it is compared with: a trial ends early
_MARGIN = 0.9  # of the time with the present number, to change it


class Threads:
    """Times blocks of steps and sets torch's number of threads while inside.

    Args:
        fixed: leave the number alone, and only say so when a neighbour slows training down.
        quiet: do not say it: threads are not what a step waits for.
        clock: seconds.
    """

    def __init__(
        self, fixed: bool, clock: Callable[[], float] = time.perf_counter, quiet: bool = False
    ) -> None:
        self.most = self.now = torch.get_num_threads()
        self._fixed, self._clock = fixed or self.most == 1, clock
        self._began = self._tried_at = clock()
        self._steps, self._spent = 0, 0.0
        self._first = True  # the first block warms up
        self._best: dict[int, float] = {}  # number of threads -> fastest block so far
        self._trial: list[int] = []  # numbers still to be tried
        self._found: dict[int, float] = {}  # this trial's blocks
        self._told = quiet

    @classmethod
    def of(cls, device: torch.device, processes: int) -> "Threads":
        """For a training: free on a CPU where one process trains and the user fixed no number."""
        mine = device.type == "cpu" and processes == 1
        return cls(fixed=not mine or "OMP_NUM_THREADS" in os.environ, quiet=not mine)

    def __enter__(self) -> "Threads":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave torch with the number of threads of before the training."""
        self._set(self.most)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Around each step; afterwards the number of threads may be another."""
        began = self._clock()
        yield
        self._steps += 1
        self._spent += self._clock() - began
        lost = self._trial and self._spent > _LOST * min(self._found.values())
        if self._steps == (_WARM_UP if self._first else _BLOCK) or lost:
            spent, self._spent, self._steps = self._spent * _BLOCK / self._steps, 0.0, 0
            self._ended(spent)

    def _ended(self, spent: float) -> None:
        """A block of steps took `spent` seconds with the present number of threads."""
        if self._first:
            self._first = False
            return
        self._best[self.now] = min(spent, self._best.get(self.now, spent))
        if self._trial:
            self._found[self.now] = spent
            self._trial.pop(0)
            self._go_on()
        elif self._fixed:
            self._warn(spent)
        elif others := self._worth_trying(spent):
            self._found, self._trial, self._tried_at = {self.now: spent}, others, self._clock()
            self._go_on()

    def _worth_trying(self, spent: float) -> list[int]:
        now = self._clock()
        new = len(self._best) == 1 and now - self._began >= _FIRST
        slowed = spent > _WORSE * self._best[self.now] and now - self._tried_at >= _FIRST
        if self.now == self.most and (new or slowed):
            return sorted({self.most - 1, -(-self.most // 2)} - {self.now}, reverse=True)
        if self.now < self.most and (slowed or now - self._tried_at >= _AGAIN):
            return [self.most]
        return []

    def _go_on(self) -> None:
        """The next number to try, or the fastest of those that were tried."""
        if self._trial:
            self._set(self._trial[0])
            return
        before = next(iter(self._found))
        best = min(self._found, key=lambda number: self._found[number])
        if self._found[best] > _MARGIN * self._found[before]:
            best = before
        self._set(best)
        if best < before and not self._told:
            self._told = True
            logs.say(
                f"training with {best} of {self.most} threads: "
                f"{self._found[before] / self._found[best]:.1f} times as fast now, as where "
                "another program keeps a core busy"
            )

    def _set(self, number: int) -> None:
        if number != self.now:
            torch.set_num_threads(number)
            self.now = number

    def _warn(self, spent: float) -> None:
        slow = self.most > 1 and spent > 2.5 * self._best[self.now]
        if slow and not self._told and torch.get_num_threads() > 1:
            self._told = True
            logs.warn(
                f"a step takes {spent / self._best[self.now]:.1f} times as long as before: "
                f"{self.most} threads wait for one another while another program keeps a core "
                f"busy. Stop that one, or stop this and go on without OMP_NUM_THREADS"
            )
