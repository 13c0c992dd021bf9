"""The way out of ingestion: names to addresses, connections to addresses, and certificates.

Beside `percept/weights_web.py` the only file of limbeck that opens a connection. A name is resolved
here once, every address is checked, and a connection is made to a checked address and to nothing
else: what the HTTP library is given is a socket, so there is no name for it to resolve again.
"""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from limbeck.ingestion.fetching.addresses import refused_address
from limbeck.ingestion.fetching.outcomes import Fate, NotFetched, Stopped

Resolve = Callable[[str, int], Sequence[str]]
Connect = Callable[[str, int, float], socket.socket]
_TRIED = 4  # addresses of a host


def system_resolve(host: str, port: int) -> list[str]:
    """Addresses of a name, as the system gives them.

    Raises:
        OSError: it has none, or nobody knows.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def system_connect(address: str, port: int, seconds: float) -> socket.socket:
    """A connection to an address (never a name).

    Raises:
        OSError: there is none to be had.
    """
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        made.settimeout(seconds)
        made.connect((address, port))
    except BaseException:
        made.close()
        raise
    return made


def verifying_context() -> ssl.SSLContext:
    """Certificates are checked against SSL_CERT_FILE or certifi's authorities, and the host."""
    import certifi

    return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())


@dataclass(frozen=True)
class Network:
    """How names are resolved, addresses connected to, and certificates checked."""

    resolve: Resolve = system_resolve
    connect: Connect = system_connect
    context: Callable[[], ssl.SSLContext] = verifying_context


class Clock:
    """Seconds that an attempt has; what it waits for others does not count.

    Args:
        seconds: that it has.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, above 0.

        Raises:
            NotFetched: none.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self.late()
        return left

    def late(self) -> NotFetched:
        """The attempt took too long."""
        return NotFetched(Fate.LATER, f"not done within {self._seconds:g} s", again=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens inside takes no time."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._ends += time.monotonic() - began


class Shut(Protocol):
    """A connection that can be shut while another thread reads from it."""

    def shut(self) -> None:
        """Let whoever reads or writes go on at once."""


class Halt:
    """Stops all at once: connections are shut, so nobody waits for a stranger any longer."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._lock = threading.Lock()
        self._open: set[Shut] = set()

    def check(self) -> None:
        """Go on, or not.

        Raises:
            Stopped: it was stopped.
        """
        if self.event.is_set():
            raise Stopped

    @contextmanager
    def holding(self, used: Shut) -> Iterator[None]:
        """Shut `used` if the stop comes while the block runs."""
        with self._lock:
            self._open.add(used)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._open.discard(used)

    def stop(self) -> None:
        """Now."""
        self.event.set()
        with self._lock:
            for used in self._open:
                used.shut()


class Names:
    """Checked addresses of hosts; safe from several threads.

    Args:
        resolve: how names are resolved.
        remembered: seconds for which an answer counts.
    """

    def __init__(self, resolve: Resolve, remembered: float) -> None:
        self._resolve = resolve
        self._remembered = remembered
        self._known: dict[str, tuple[float, list[str]]] = {}

    def of(self, host: str, port: int, seconds: float) -> list[str]:
        """Addresses to try, at most four.

        One address that is not global is enough to refuse a host: who mixes them means harm.

        Raises:
            NotFetched: no addresses within `seconds`, or one of them is refused.
        """
        known = self._known.get(host)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        found = [host] if _is_address(host) else self._asked(host, port, seconds)
        for address in found:
            if why := refused_address(address):
                at = "" if address == host else f"{host} is at "
                raise NotFetched(Fate.GONE, f"refused: {at}{why}", silent=True)
        found = found[:_TRIED]
        self._known[host] = (time.monotonic() + self._remembered, found)
        return found

    def _asked(self, host: str, port: int, seconds: float) -> list[str]:
        """In a thread of its own: the system's resolver waits as long as it likes."""
        answer: SimpleQueue[list[str] | OSError | UnicodeError] = SimpleQueue()

        def ask() -> None:
            try:
                answer.put(list(self._resolve(host, port)))
            except (OSError, UnicodeError) as error:
                answer.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            found = answer.get(timeout=seconds)
        except Empty:
            raise _silent(f"its name was not resolved within {seconds:.1f} s", True) from None
        if isinstance(found, Exception):
            known = isinstance(found, socket.gaierror) and found.errno == socket.EAI_NONAME
            why = getattr(found, "strerror", None) or type(found).__name__
            raise _silent(f"its name cannot be resolved: {why}", not known)
        if not found:
            raise _silent("its name has no address", False)
        return found


def connected(
    connect: Connect, addresses: Sequence[str], port: int, seconds: float
) -> socket.socket:
    """A connection to the first of these addresses that takes one.

    Raises:
        NotFetched: none did within `seconds`.
    """
    ends = time.monotonic() + seconds
    why = f"not connected within {seconds:.1f} s"
    for number, address in enumerate(addresses):
        left = ends - time.monotonic()
        if left <= 0:
            break
        try:
            return connect(address, port, left / (len(addresses) - number))
        except TimeoutError:
            continue
        except OSError as error:
            why = f"cannot be connected to: {error.strerror or type(error).__name__}"
    raise _silent(why, True)


def _silent(detail: str, again: bool) -> NotFetched:
    return NotFetched(Fate.LATER, detail, again=again, silent=True)


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
