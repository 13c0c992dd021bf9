"""Probes that come in numbers, or slowly: the studio answers a friend all the while."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bench.probes.requests import Probe
from bench.probes.wire import PROMPT, Studio, closes

SERVED = "a friend is served"


def many(send: Sequence[Callable[[], Any]]) -> list[Any]:
    """Call all at once, each in a thread of its own; what they gave."""
    found: list[Any] = [None] * len(send)

    def one(number: int) -> None:
        try:
            found[number] = send[number]()
        except OSError as error:
            found[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(send))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _while_open(
    s: Studio, count: int, first: bytes, *, drip: bytes = b"", seconds: float = 0, ends: float = 0
) -> str:
    """Hold connections open, each with `first` sent and then `drip` every second.

    Args:
        s: the studio.
        count: connections.
        first: sent at once, OWN and PORT filled in.
        drip: sent every second.
        seconds: how long.
        ends: seconds in which the studio must have ended all of them.
    """
    first = first.replace(b"OWN", s.own.encode())
    wires: list[socket.socket] = []
    worst = 0.0
    try:
        for _ in range(count):
            wires.append(s.connect(5))
            _push(wires[-1], first)
        until = time.monotonic() + max(seconds, 0.5)
        while time.monotonic() < until:
            worst = max(worst, s.lives())
            for wire in wires:
                _push(wire, drip)
            time.sleep(1 if drip else 0.2)
        if worst > PROMPT:
            return f"a friend waited {worst:.1f} s"
        if ends:
            limit = time.monotonic() + ends
            left = sum(not closes(wire, max(limit - time.monotonic(), 0.01)) for wire in wires)
            if left:
                return f"{left} of {count} still open"
        return SERVED
    finally:
        for wire in wires:
            wire.close()


def _push(wire: socket.socket, data: bytes) -> None:
    if data:
        try:
            wire.send(data)
        except OSError:
            return


def slowness() -> Iterator[Probe]:
    """Connections that are held, and requests that do not end."""
    get = b"GET /api/state HTTP/1.1\r\nhost: OWN\r\n"
    post = b"POST /api/curate/decide HTTP/1.1\r\nhost: OWN\r\nx-limbeck-studio: 1\r\n"
    yield Probe(
        "100 slow heads, a line a second",
        lambda s: _while_open(s, 100, get, drip=b"x: y\r\n", seconds=12, ends=5),
        SERVED,
    )
    yield Probe("500 slow heads", lambda s: _while_open(s, 500, get, drip=b"x", seconds=3), SERVED)
    yield Probe(
        "200 connections without a word", lambda s: _while_open(s, 200, b"", ends=15), SERVED
    )
    yield Probe("600 connections without a word", lambda s: _while_open(s, 600, b""), SERVED)
    yield Probe("200 held after an answer", lambda s: _while_open(s, 200, get + b"\r\n"), SERVED)
    yield Probe(
        "100 slow bodies",
        lambda s: _while_open(
            s, 100, post + b"content-length: 1000\r\n\r\n", drip=b"x", seconds=3, ends=25
        ),
        SERVED,
    )
    yield Probe(
        "300 slow bodies",
        lambda s: _while_open(s, 300, post + b"content-length: 1000\r\n\r\n", drip=b"x", seconds=3),
        SERVED,
    )
    yield Probe(
        "100 bodies that wait for 100-continue",
        lambda s: _while_open(
            s, 100, post + b"content-length: 9\r\nexpect: 100-continue\r\n\r\n", ends=25
        ),
        SERVED,
    )
    page = b"GET /page/curate.js HTTP/1.1\r\nhost: OWN\r\n\r\n"
    yield Probe(
        "150 that never read, 400 answers asked of each",
        lambda s: _while_open(s, 150, page * 400, seconds=2),
        SERVED,
    )


def floods(of: str) -> Iterator[Probe]:
    """Much at once."""
    yield Probe(
        "500 WebSocket upgrades",
        lambda s: _flood(s, 500, "/", {"connection": "upgrade", "upgrade": "websocket"}),
        SERVED,
    )
    yield Probe(
        "1,000 requests in 50 threads", lambda s: _flood(s, 1000, "/api/curate/table"), SERVED
    )
    yield Probe(
        "500 small pictures in 50 threads",
        lambda s: _flood(s, 500, "/api/edit/modes/1/image"),
        SERVED,
    )
    yield Probe("300 images of large psi in 100 threads", lambda s: _draw(s, of), SERVED)
    yield Probe("30 films at once", lambda s: _films(s, of), SERVED)
    yield Probe("60 streams of 1,000 images, not read", lambda s: _unread(s, of), SERVED)


def _flood(
    s: Studio, count: int, path: str, headers: dict[str, str] | None = None, body: Any = None
) -> str:
    codes: Counter[int] = Counter()
    took: list[float] = []
    over = threading.Event()

    def some() -> None:
        for _ in range(count // 50):
            codes[s.ask(path, body, headers=headers).status] += 1

    def friend() -> None:
        while not over.is_set():
            took.append(s.lives())
            time.sleep(0.1)

    watch = threading.Thread(target=friend)
    watch.start()
    failed = [one for one in many([some] * 50) if one is not None]
    over.set()
    watch.join()
    if failed or max(took, default=0) > PROMPT or 500 in codes:
        return f"a friend waited {max(took, default=0):.1f} s; {dict(codes)}; {failed[:2]}"
    return SERVED


def _draw(s: Studio, of: str) -> str:
    seeds = iter(range(10_000))

    def one() -> int:
        look = {"psi": 1.7, "truncation": "multimodal-lpips"}
        body = {"of": of, "look": look, "seeds": [str(next(seeds)) for _ in range(20)]}
        return s.ask("/api/generate/images", body).status

    return befriended(s, [one] * 100)


def befriended(s: Studio, work: Sequence[Callable[[], Any]]) -> str:
    took: list[float] = []
    over = threading.Event()

    def friend() -> None:
        while not over.is_set():
            took.append(s.lives())
            time.sleep(0.1)

    watch = threading.Thread(target=friend)
    watch.start()
    found = many(work)
    over.set()
    watch.join()
    if max(took, default=0) > PROMPT or 500 in found:
        return f"a friend waited {max(took, default=0):.1f} s; {Counter(map(str, found))}"
    return SERVED


def _films(s: Studio, of: str) -> str:
    stops = [{"seed": "1"}, {"seed": "2"}]
    walk = s.ask("/api/generate/walk", {"of": of, "look": {}, "stops": stops, "frames": 60})
    name = walk.json()["walk"]
    return befriended(s, [lambda: s.ask("/api/generate/film", {"walk": name}).status] * 30)


def _unread(s: Studio, of: str) -> str:
    """Then somebody who reads must still be drawn for, in the end."""
    wires = []
    asked = {"of": of, "look": {"psi": 1.1}, "seeds": [str(n) for n in range(1000)]}
    body = json.dumps(asked).encode()
    head = (
        f"POST /api/generate/images HTTP/1.1\r\nhost: {s.own}\r\nx-limbeck-studio: 1\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    for _ in range(60):
        wire = socket.socket()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.connect(("127.0.0.1", s.port))
        wire.sendall(head + body)
        wires.append(wire)
    worst = max(s.lives() for _ in range(10))
    for wire in wires:
        wire.close()
    return SERVED if worst <= PROMPT else f"a friend waited {worst:.1f} s"
