"""Where a long command stands: which stage of how many, and how long the whole will take."""

import time
from collections.abc import Mapping, Sequence

from limbeck.logs.console import say
from limbeck.logs.text import bold, styled


def duration(seconds: float) -> str:
    """`93.2` -> `1m33s`; what is below 0 is shown as 0."""
    seconds = max(seconds, 0)
    if isinstance(seconds, int) and seconds < 60:
        return f"{seconds}s"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


class Walk:
    """A walk over stages, made by `stages`; each method says one line.

    Args:
        names: the stages in order, or name -> what it does in a few words.
        seconds: name -> how long it is expected to take, where that is known.
    """

    def __init__(
        self, names: Sequence[str] | Mapping[str, str], seconds: Mapping[str, float] | None = None
    ) -> None:
        self._about = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, "")
        self._expected = dict(seconds or {})
        self._over: set[str] = set()
        self._began = time.monotonic()
        self.now = ""

    @property
    def title(self) -> str:
        """`stage 3 of 9: scores`"""
        return f"{self._place(self.now)}: {self.now}"

    def _place(self, name: str) -> str:
        return f"stage {list(self._about).index(name) + 1} of {len(self._about)}"

    @property
    def is_last(self) -> bool:
        """Whether no other stage comes after the present one."""
        return self.now == list(self._about)[-1]

    @property
    def elapsed(self) -> float:
        """Seconds since the stage began."""
        return time.monotonic() - self._began

    def expect(self, name: str, seconds: float) -> None:
        """A stage will take about so long; say it as soon as it is known, and again when better."""
        self._expected[name] = seconds

    def begin(self, name: str) -> None:
        """The stage `name` begins."""
        self.now, self._began = name, time.monotonic()
        left = self.left(None)
        about = [self._about[name]] if self._about[name] else []
        if name in self._expected:
            about.append(f"about {_rough(self._expected[name])}")
        if left is not None:
            about.append(f"{_rough(left)} left of the whole")
        more = f" ({'; '.join(about)})" if about else ""
        say(f"{self._place(name)}: ", bold(name), more)

    def end(self) -> None:
        """The stage that began last is done."""
        name, self.now = self.now, ""
        self._over.add(name)
        say(f"{self._place(name)}: ", styled(name, "green"), f", done in {duration(self.elapsed)}")

    def skip(self, name: str, why: str = "up to date") -> None:
        """The stage `name` needs no work."""
        self._over.add(name)
        say(f"{self._place(name)}: ", styled(name, "green"), f", {why}")

    def left(self, of_stage: float | None) -> float | None:
        """Seconds until the end of the last stage; None where nobody can tell.

        That is while some stage's length is not known, or where one has outlasted it.

        Args:
            of_stage: what is left of the present stage, where its work tells.
        """
        total = 0.0
        for name in self._about:
            if name in self._over:
                continue
            if name == self.now and of_stage is not None:
                total += of_stage
            elif name not in self._expected:
                return None
            elif name == self.now:
                more = self._expected[name] - self.elapsed
                if more <= 0:
                    return None
                total += more
            else:
                total += max(self._expected[name], 0.0)
        return total


def _rough(seconds: float) -> str:
    return duration(round(seconds))
