"""One request over one connection: httpcore speaks HTTP, the bytes come through here.

httpcore is given a socket to a checked address (its public `NetworkBackend`), follows no redirect,
unpacks nothing and keeps nothing. Every read has what is left of the attempt's time and of its
bytes, however slowly or long a server goes on.
"""

import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpcore

from limbeck import __version__
from limbeck.ingestion.fetching.network import Clock, Halt, Names, Network, connected
from limbeck.ingestion.fetching.outcomes import Fate, NotFetched, gone, lost
from limbeck.ingestion.fetching.settings import Limits
from limbeck.ingestion.fetching.targets import Target

AGENT = "limbeck"
_PIECE = 2**14  # bytes of one reading
_ABOUT = "filters listed photos for training; +https://arxiv.org/abs/2202.12211"
_SENT = [
    (b"User-Agent", f"{AGENT}/{__version__} ({_ABOUT})".encode()),
    (b"Accept", b"image/*, */*;q=0.1"),
    (b"Accept-Encoding", b"identity"),
    (b"Connection", b"close"),
]


@dataclass(frozen=True)
class Head:
    """Status and headers (names in lower case, in order) of an answer."""

    status: int
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    def first(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next(iter(self.all(name)), "")


class Stream(httpcore.NetworkStream):
    """A connection of which only so many bytes are read, within the time of its attempt."""

    def __init__(self, used: socket.socket, clock: Clock, shaking: Clock) -> None:
        self._socket = used
        self._clock = clock
        self._shaking = shaking
        self.allowed = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At most `max_bytes`, `_PIECE` and what is allowed.

        Raises:
            NotFetched: it takes too long, is too much, or the connection is lost.
        """
        most = min(max_bytes, _PIECE, self.allowed)
        if most <= 0:
            raise gone("it sends more than is read")
        try:
            self._socket.settimeout(self._clock.left())
            data = self._socket.recv(most)
        except TimeoutError:
            raise self._clock.late() from None
        except OSError as error:
            raise lost(f"the connection is lost: {_words(error)}") from None
        self.allowed -= len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """See `read`; a server that answers before it has heard all is listened to."""
        try:
            self._socket.settimeout(self._clock.left())
            self._socket.sendall(buffer)
        except TimeoutError:
            raise self._clock.late() from None
        except OSError as error:
            raise httpcore.WriteError(str(error)) from None

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Shake hands; the certificate must be that of `server_hostname`.

        Raises:
            NotFetched: it is not, or the handshake fails.
        """
        try:
            self._socket.settimeout(self._shaking.left())
            self._socket = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname, suppress_ragged_eofs=False
            )
        except TimeoutError:
            raise self._shaking.late() from None
        except ssl.SSLCertVerificationError as error:
            why = f"its certificate: {error.verify_message}"
            raise NotFetched(Fate.LATER, why, silent=True) from None
        except ssl.SSLError as error:
            why = f"no TLS with it: {_words(error)}"
            raise NotFetched(Fate.LATER, why, silent=True) from None
        except (OSError, ValueError) as error:
            raise lost(f"the connection is lost: {_words(error)}") from None
        return self

    def shut(self) -> None:
        """See `Shut`; of TLS only what lies below, which its reader does not share."""
        with suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """The TLS object, where httpcore asks for it."""
        secure = info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket)
        return self._socket if secure else None


class _Ready(httpcore.NetworkBackend):
    """Gives httpcore the one connection that was made, whatever name it asks for."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return self._stream


class Wire:
    """Asks servers; safe from several threads.

    Args:
        network: how to connect.
        limits: bytes and seconds.
        halt: stops it.
    """

    def __init__(self, network: Network, limits: Limits, halt: Halt) -> None:
        self._network = network
        self._limits = limits
        self._halt = halt
        self._names = Names(network.resolve, limits.names)
        self._context = network.context()

    @contextmanager
    def asked(
        self, target: Target, clock: Clock, most: int
    ) -> Iterator[tuple[Head, Iterator[bytes]]]:
        """The answer to a GET: its head, and its body as it comes.

        Args:
            target: where; its port and rules were looked at.
            clock: time of the attempt.
            most: bytes of the body; its frames and trailers may take `limits.head` more.

        Raises:
            NotFetched: no answer, or none of use; while the body is read too.
            Stopped: the work was stopped.
        """
        self._halt.check()
        shaking = Clock(min(self._limits.connect, clock.left()))
        addresses = self._names.of(target.host, target.port, shaking.left())
        used = connected(self._network.connect, addresses, target.port, shaking.left())
        stream = Stream(used, clock, shaking)
        stream.allowed = self._limits.head
        try:
            with (
                self._halt.holding(stream),
                _errors(self._halt),
                self._answer(target, stream) as got,
            ):
                head = _head(got, self._limits.headers)
                length = head.first("content-length")
                if length.isascii() and length.isdigit() and int(length[:20]) > most:
                    raise gone(f"announces {length[:20]} bytes, the limit is {most}")
                stream.allowed = most + self._limits.head
                yield head, got.iter_stream()
        finally:
            stream.close()

    @contextmanager
    def _answer(self, target: Target, stream: Stream) -> Iterator[httpcore.Response]:
        scheme, host = target.scheme.encode(), target.host.encode()
        origin = httpcore.Origin(scheme, host, target.port)
        url = httpcore.URL(scheme=scheme, host=host, port=target.port, target=target.path.encode())
        sent = [(b"Host", target.origin.partition("//")[2].encode()), *_SENT]
        with (
            httpcore.HTTPConnection(
                origin, ssl_context=self._context, network_backend=_Ready(stream)
            ) as connection,
            connection.stream("GET", url, headers=sent) as response,
        ):
            yield response


@contextmanager
def _errors(halt: Halt) -> Iterator[None]:
    """What goes wrong on the way, in our terms; what goes wrong after a stop is the stop."""
    try:
        yield
    except (httpcore.ProtocolError, httpcore.NetworkError) as error:
        halt.check()
        raise lost(f"no whole answer: {_words(error)}") from None
    except NotFetched:
        halt.check()
        raise


def _head(response: httpcore.Response, most: int) -> Head:
    if len(response.headers) > most:
        raise gone(f"{len(response.headers)} headers, the limit is {most}")
    pairs = ((_text(name).lower(), _text(value).strip()) for name, value in response.headers)
    return Head(response.status, tuple(pairs))


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _words(error: Exception) -> str:
    said = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
    return " ".join(str(said).split())[:120] or type(error).__name__
