"""One attempt at a URL: the rules of its host, redirects, what the answer means."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from limbeck.ingestion.fetching.answers import opts_out, retry_after, unpacked
from limbeck.ingestion.fetching.network import Clock, Halt
from limbeck.ingestion.fetching.outcomes import FINAL, Fate, NotFetched, gone
from limbeck.ingestion.fetching.robots import Rules
from limbeck.ingestion.fetching.settings import Fetching
from limbeck.ingestion.fetching.targets import BadUrl, Target
from limbeck.ingestion.fetching.wire import AGENT, Head, Wire

T = TypeVar("T")
Take = Callable[[Head, Iterator[bytes]], T]
KEPT_HEADERS = ("content-type", "etag", "last-modified", "x-robots-tag")
_LED = (301, 302, 303, 307, 308)
_BUSY = (408, 425, 429)
_NEVER = (501, 505)
_ROBOTS_BYTES = 2**19
_NO_RULES = Rules("", AGENT)


class Slots:
    """At most so many connections to one host at once, whoever leads to it.

    Args:
        most: how many.
        halt: ends waiting.
    """

    def __init__(self, most: int, halt: Halt) -> None:
        self._most = most
        self._halt = halt
        self._lock = threading.Lock()
        self._gates: dict[str, threading.Semaphore] = {}

    @contextmanager
    def at(self, host: str, clock: Clock) -> Iterator[None]:
        """Wait for a connection to be free, which takes no time of `clock`, and hold it.

        Raises:
            Stopped: the work was stopped.
        """
        with self._lock:
            gate = self._gates.setdefault(host, threading.Semaphore(self._most))
        with clock.paused():
            while not gate.acquire(timeout=0.2):
                self._halt.check()
        try:
            yield
        finally:
            gate.release()


class Client:
    """Fetches one URL at a time; safe from several threads.

    Args:
        fetching: ports, limits, network.
        halt: stops it.
        unwanted: whether a URL opted out; asked of every one on the way.
    """

    def __init__(self, fetching: Fetching, halt: Halt, unwanted: Callable[[str], bool]) -> None:
        self._fetching = fetching
        self._unwanted = unwanted
        self._limits = fetching.limits
        self._slots = Slots(self._limits.per_host, halt)
        self._wire = Wire(fetching.network, self._limits, halt)
        self._rulebook = Rulebook(self, self._limits.retries)

    def fetch(self, target: Target) -> tuple[bytes, dict[str, str]]:
        """The body of a 200, and those of its headers that are kept.

        Raises:
            NotFetched: says what came instead.
            Stopped: the work was stopped.
        """

        def photo(head: Head, body: Iterator[bytes]) -> tuple[bytes, dict[str, str]]:
            _check_status(head)
            data = unpacked(body, ",".join(head.all("content-encoding")), self._limits.body)
            if not data:
                raise gone("an empty body")
            return data, {name: head.first(name)[:500] for name in KEPT_HEADERS if head.all(name)}

        way: list[str] = []

        def check(here: Target) -> None:
            way.append(here.url)
            if self._unwanted(here.url):
                raise NotFetched(Fate.OPTED_OUT, "it leads to what the opt-out list names")
            self._rulebook.check(here)

        data, headers = self.walk(target, self._limits.body, photo, check)
        return data, headers | ({FINAL: way[-1]} if len(way) > 1 else {})

    def walk(
        self,
        target: Target,
        most: int,
        take: Take[T],
        check: Callable[[Target], None] | None = None,
    ) -> T:
        """Ask, follow redirects, and take the answer.

        Args:
            target: where to begin.
            most: bytes of the body.
            take: makes something of the head and body of the answer.
            check: objects to a target; with it, opt-outs in headers are heeded. Its time is its
                own.

        Raises:
            NotFetched, Stopped: as `fetch`.
        """
        clock = Clock(self._limits.attempt)
        seen: set[str] = set()
        while len(seen) <= self._limits.redirects:
            seen.add(target.url)
            if why := self._fetching.port_refused(target.port):
                raise NotFetched(Fate.LATER, f"refused: {why}")  # until it is allowed
            if check is not None:
                with clock.paused():
                    check(target)
            with (
                self._slots.at(target.host, clock),
                self._wire.asked(target, clock, most) as (head, body),
            ):
                if check is not None and (refusal := opts_out(head.all("x-robots-tag"))):
                    raise NotFetched(Fate.OPTED_OUT, f"X-Robots-Tag: {refusal}")
                if head.status not in _LED or not head.first("location"):
                    return take(head, body)
            target = _led(target, head.first("location"))
            if target.url in seen:
                raise gone("redirects lead in a circle")
        raise gone(f"more than {self._limits.redirects} redirects")


class Rulebook:
    """The robots.txt of every host that is asked, read once (RFC 9309).

    Where there is none (4xx) all is allowed; where it cannot be had, nothing is asked.

    Args:
        client: fetches them.
        retries: after a first attempt; then it counts as not to be had in this call.
    """

    def __init__(self, client: Client, retries: int) -> None:
        self._client = client
        self._retries = retries
        self._lock = threading.Lock()
        self._asking: dict[str, threading.Lock] = {}
        self._known: dict[str, Rules] = {}
        self._failed: dict[str, list[NotFetched]] = defaultdict(list)

    def check(self, target: Target) -> None:
        """Object to what the rules forbid.

        Raises:
            NotFetched: they do, or they cannot be had.
            Stopped: the work was stopped.
        """
        with self._lock:
            asking = self._asking.setdefault(target.origin, threading.Lock())
        with asking:
            rules = self._known.get(target.origin) or self._ask(target)
        if not rules.allow(target.path):
            raise NotFetched(Fate.OPTED_OUT, f"the robots.txt of {target.origin} forbids it")

    def _ask(self, target: Target) -> Rules:
        failed = self._failed[target.origin]
        if failed and (len(failed) > self._retries or not failed[-1].again):
            raise _without_rules(failed[-1], again=False)
        page = Target(target.scheme, target.host, target.port, "/robots.txt")
        try:
            rules = self._client.walk(page, _ROBOTS_BYTES, _rules)
        except NotFetched as why:
            failed.append(why)
            raise _without_rules(why, again=why.again) from None
        self._known[target.origin] = rules
        return rules


def _without_rules(why: NotFetched, *, again: bool) -> NotFetched:
    """What failing to get robots.txt means for a photo; that of no connection is no news."""
    detail = why.detail if why.silent else f"its robots.txt cannot be had: {why.detail}"
    return NotFetched(why.fate, detail, again=again, wait=why.wait, silent=why.silent)


def _rules(head: Head, body: Iterator[bytes]) -> Rules:
    if head.status in _BUSY or head.status >= 500:
        raise _busy(head)
    if head.status != 200:
        return _NO_RULES
    data = unpacked(body, ",".join(head.all("content-encoding")), _ROBOTS_BYTES)
    return Rules(data.decode("utf-8-sig", "replace"), AGENT)


def _check_status(head: Head) -> None:
    """
    Raises:
        NotFetched: it is not 200.
    """
    if head.status in _BUSY or (head.status >= 500 and head.status not in _NEVER):
        raise _busy(head)
    if head.status != 200:
        raise gone(f"HTTP {head.status}")


def _busy(head: Head) -> NotFetched:
    wait = retry_after(head.first("retry-after")) if head.first("retry-after") else None
    return NotFetched(Fate.LATER, f"HTTP {head.status}", again=True, wait=wait)


def _led(target: Target, location: str) -> Target:
    """Where a redirect leads: never from https to http, where others could read and change it.

    Raises:
        NotFetched: nowhere that is fetched.
    """
    try:
        following = target.joined(location)
    except BadUrl as why:
        raise gone(f"a redirect leads nowhere that is fetched: {why}") from None
    if target.scheme == "https" and following.scheme == "http":
        raise gone("a redirect leads from https to http")
    return following
