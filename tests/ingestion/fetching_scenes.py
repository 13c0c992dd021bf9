"""A hostile web on loopback: one server, any number of names, every trick in the book.

The resolver and the connector are fakes: names have the addresses that a test gives them, and
whatever address a connection is asked for is written down and led to the server.
"""

import gzip
import io
import socket
import ssl
import struct
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ingestion_scenes import scene

from limbeck.ingestion.fetching import Fetching, Limits, Network

GLOBAL = "93.184.216.34"
CERTIFICATE = Path(__file__).parents[1] / "fixtures" / "photos-example.pem"
QUICK = Limits(connect=5, attempt=10, body=2**20, backoff=0.01, retries=3, rest=2, names=60)
"""As the usual ones, but for what would make tests wait."""


def photo(seed: int, kind: str = "JPEG") -> bytes:
    """A drawn photo of 96 pixels, encoded."""
    out = io.BytesIO()
    scene(seed).save(out, kind, quality=90)
    return out.getvalue()


PHOTO = photo(0)


def answer(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """An answer of HTTP/1.1 as bytes; `length` lies about the body's."""
    said = [f"Content-Length: {len(body) if length is None else length}", *headers]
    head = f"HTTP/1.1 {status} Whatever\r\n" + "".join(f"{line}\r\n" for line in said)
    return head.encode() + b"\r\n" + body


def ok(body: bytes = PHOTO, *headers: str) -> bytes:
    """200."""
    return answer(200, body, *headers)


def redirect(location: str, status: int = 302, *headers: str) -> bytes:
    """To somewhere else."""
    return answer(status, b"", f"Location: {location}", *headers)


def chunked(*chunks: bytes) -> bytes:
    """200 in chunks, as they are given."""
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(chunks)


def chunk(data: bytes) -> bytes:
    """One chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def drip(data: bytes, seconds: float = 0.05) -> Iterator[bytes]:
    """A byte now and then."""
    for number in range(len(data)):
        yield data[number : number + 1]
        time.sleep(seconds)


def endless(start: bytes, piece: bytes) -> Iterator[bytes]:
    """A beginning, and then the same for ever."""
    yield start
    while True:
        yield piece


def gzipped(size: int, level: int = 9) -> bytes:
    """So many zeros, packed."""
    return gzip.compress(bytes(size), level)


def deflated(data: bytes, *, bare: bool = False) -> bytes:
    """Packed by zlib, with or without its frame."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15 if bare else 15)
    return packer.compress(data) + packer.flush()


RESET = object()
"""In place of bytes: the connection is reset."""
Page = bytes | Callable[[], Iterator[Any]]


@dataclass
class Request:
    """What the server was asked."""

    host: str
    path: str
    head: bytes


class Counting(socket.socket):
    """A socket that counts what is read from it, and tells when it is closed."""

    read = 0
    closing: Callable[[], None] | None = None

    def recv(self, *args: Any) -> bytes:
        data = super().recv(*args)
        self.read += len(data)
        return data

    def close(self) -> None:
        if self.closing is not None:
            self.closing()
            self.closing = None
        super().close()


class Web:
    """The server and its network; use as a context manager.

    Attributes:
        pages: (host, path) -> pages, one after the other, the last one again and again. Whatever
            is not there is 404.
        names: host -> addresses, as `pages`; unknown hosts are at `GLOBAL`.
        connected: (address, port) of every connection that was asked for.
        resolved: hosts, as often as they were asked for.
        asked: all requests.
        sockets: of the client.
        server_names: that TLS clients asked for.
        most: address -> connections at once, at most.
    """

    def __init__(self, *, tls: bool = False) -> None:
        self.pages: dict[tuple[str, str], list[Page]] = {}
        self.names: dict[str, list[Sequence[str]]] = {}
        self.connected: list[tuple[str, int]] = []
        self.resolved: list[str] = []
        self.asked: list[Request] = []
        self.sockets: list[Counting] = []
        self.most: Counter[str] = Counter()
        self.server_names: list[str | None] = []
        self._now: Counter[str] = Counter()
        self._turns: defaultdict[object, int] = defaultdict(int)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._tls = self._server_context() if tls else None

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.close()
        for used in (*self._open, *self.sockets):
            with suppress(OSError):
                used.close()

    def put(self, host: str, path: str, *pages: Page) -> str:
        """Put pages somewhere; returns their URL."""
        self.pages[host, path] = list(pages)
        return f"http://{host}{path}"

    def fetching(self, folder: Path, limits: Limits = QUICK, **others: Any) -> Fetching:
        """How to fetch from this web."""
        return Fetching(folder, limits=limits, network=self.network(), **others)

    def network(self) -> Network:
        """The fakes."""
        context = lambda: ssl.create_default_context(cafile=str(CERTIFICATE))  # noqa: E731
        return Network(self.resolve, self.connect, context)

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """Addresses of a name."""
        with self._lock:
            self.resolved.append(host)
            answers = self.names.get(host, [[GLOBAL]])
            return answers[self._turn(("name", host), len(answers))]

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        """A connection to an address: written down, and led here."""
        made = Counting(socket.AF_INET)
        with self._lock:
            self.connected.append((address, port))
            self.sockets.append(made)
            self._now[address] += 1
            self.most[address] = max(self.most[address], self._now[address])
        made.closing = lambda: self._left(address)
        made.settimeout(seconds)
        made.connect(self._listener.getsockname())
        return made

    def _left(self, address: str) -> None:
        with self._lock:
            self._now[address] -= 1

    def requests(self, host: str, path: str) -> int:
        """How often a page was asked for."""
        return sum((request.host, request.path) == (host, path) for request in self.asked)

    def _turn(self, key: object, count: int) -> int:
        number = self._turns[key]
        self._turns[key] += 1
        return min(number, count - 1)

    def _server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        context.sni_callback = lambda _, name, __: self.server_names.append(name)
        return context

    def _accept(self) -> None:
        while True:
            try:
                used, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(used,), daemon=True).start()

    def _serve(self, used: socket.socket) -> None:
        with suppress(OSError, ValueError):
            if self._tls is not None:
                used = self._tls.wrap_socket(used, server_side=True)
            self._open.add(used)
            with used:
                head = b""
                while b"\r\n\r\n" not in head:
                    data = used.recv(65536)
                    if not data:
                        return
                    head += data
                self._answer(used, head)

    def _answer(self, used: socket.socket, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        host = next(line[6:] for line in lines if line.lower().startswith("host: "))
        path = lines[0].split(" ")[1]
        with self._lock:
            self.asked.append(Request(host, path, head))
            pages = self.pages.get((host, path), [answer(404)])
            page = pages[self._turn((host, path), len(pages))]
        for piece in [page] if isinstance(page, bytes) else page():
            if piece is RESET:
                linger = struct.pack("ii", 1, 0)
                used.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return
            used.sendall(piece or b"")
