"""Who may speak to the studio, and how much: checked before any of it is read.

A browser carries a person's cookies and reaches loopback, so any page on the web can try. Refused
is: another Host than ours (DNS rebinding), another Origin or site, a write without our own header
(a form of another page cannot send it), a missing token where one is asked for, bodies that are too
large or too slow, WebSockets, and every method but GET, HEAD and POST.
"""

import asyncio
import hmac
import ipaddress
import json
import platform
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "limbeck-studio"
HEADER = b"x-limbeck-studio"
"""Every write carries this header: a page of another origin cannot send it without our consent."""
BODY = 4 * 2**20
UPLOAD = 32 * 2**20
UPLOADS = "/api/edit/photos"
PATIENCE = 20.0
"""Seconds in which the whole body of a request must have come."""
_LONGEST = 8192
_POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:",
        "connect-src 'self'", "form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass(frozen=True)
class Door:
    """Where the studio listens; `token` is asked for where it is not None."""

    host: str
    port: int
    token: str | None = None

    def knows(self, host: str) -> bool:
        """Whether a request's Host header names this studio."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            return False
        plain = not (parts.path or parts.query or parts.fragment or parts.username)
        if not plain or (port or 80) != self.port:
            return False
        if is_loopback(self.host):
            return name in ("localhost", "127.0.0.1", "::1", self.host.lower())
        names = {self.host.lower(), "localhost", platform.node().lower()}
        return name in names or _is_address(name)

    @property
    def address(self) -> str:
        """What a person opens, with the token."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        token = f"?token={self.token}" if self.token else ""
        return f"http://{name}:{self.port}/{token}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host.lower() == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class _TooMuch(Exception):
    """The body of a request is larger than allowed."""


class Guard:
    """The outermost layer of the studio."""

    def __init__(self, app: App, door: Door) -> None:
        self.app = app
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = _single(scope["headers"])
        refusal = _malformed(scope, headers) or self._stranger(scope, headers)
        if refusal is None and self.door.token is not None:
            if (given := _query(scope, "token")) is not None and scope["path"] == "/":
                if same(given, self.door.token):
                    await _let_in(send, self.door.token)
                    return
                refusal = (403, "this token is not that of this studio")
            elif not same(_cookie(headers), self.door.token):
                refusal = (403, "open the address that `limbeck studio` printed, with its token")
        if refusal is not None:
            await _answer(send, *refusal)
            return
        await self._admit(scope, receive, send)

    def _stranger(self, scope: Scope, headers: dict[bytes, str]) -> tuple[int, str] | None:
        host = headers.get(b"host", "")
        if not self.door.knows(host):
            return 421, "this studio is not called by that name"
        origin = headers.get(b"origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return 403, "another site asks"
        site = headers.get(b"sec-fetch-site", "same-origin")
        navigates = scope["path"] == "/" and headers.get(b"sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and not navigates:
            return 403, "another site asks"
        if scope["method"] == "POST" and headers.get(HEADER) != "1":
            return 403, "a write needs the studio's own header"
        return None

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = UPLOAD if scope["path"] == UPLOADS else BODY
        length = _single(scope["headers"]).get(b"content-length", "0")
        if not length.isascii() or not length.isdecimal() or len(length) > 12:
            await _answer(send, 400, "content-length is no number")
            return
        if int(length) > most:
            await _answer(send, 413, f"more than {most >> 20} MiB")
            return
        try:
            body = await asyncio.wait_for(_body(receive, most), PATIENCE)
        except _TooMuch:
            await _answer(send, 413, f"more than {most >> 20} MiB")
            return
        except TimeoutError:
            await _answer(send, 408, "the request's body did not come in time")
            return
        if body is None:  # gone before it had asked
            return
        await self.app(scope, _replay(body, receive), _with_headers(send))


def same(given: str, wanted: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def _single(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Headers by name; what is given twice is joined, so that it equals nothing expected."""
    found: dict[bytes, str] = {}
    for name, value in headers:
        text = value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _malformed(scope: Scope, headers: dict[bytes, str]) -> tuple[int, str] | None:
    if scope["method"] not in ("GET", "HEAD", "POST"):
        return 405, "only GET, HEAD and POST"
    path = scope.get("raw_path") or scope["path"].encode()
    if len(path) + len(scope["query_string"]) > _LONGEST:
        return 414, "the address is too long"
    lowered = path.lower()
    odd = any(part in lowered for part in (b"..", b"%2e", b"%2f", b"%5c", b"\\", b"%00", b"//"))
    if odd or not scope["path"].isprintable():
        return 404, "no such page"
    if b"upgrade" in headers and "websocket" in headers[b"upgrade"].lower():
        return 403, "the studio has no WebSockets"
    return None


def _query(scope: Scope, name: str) -> str | None:
    values = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get(name)
    return None if values is None else values[0] if len(values) == 1 else ""


def _cookie(headers: dict[bytes, str]) -> str:
    """The value of our cookie; empty where there is none, or more than one."""
    pairs = (part.strip().partition("=") for part in headers.get(b"cookie", "").split(";"))
    values = [value for name, _, value in pairs if name == COOKIE]
    return values[0] if len(values) == 1 else ""


async def _body(receive: Receive, most: int) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise _TooMuch
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message.get("headers", [])}
            extra = _HEADERS | ({} if b"cache-control" in there else {"cache-control": "no-store"})
            message["headers"] = [*message.get("headers", []), *_encoded(extra)]
        await send(message)

    return sending


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def _let_in(send: Send, token: str) -> None:
    cookie = f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/"
    await _respond(send, 303, b"", {"location": "/", "set-cookie": cookie})


async def _answer(send: Send, status: int, what: str) -> None:
    body = json.dumps({"error": what, "do": ""}).encode()
    await _respond(send, status, body, {"content-type": "application/json", "connection": "close"})


async def _respond(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    given = _HEADERS | {"cache-control": "no-store", "content-length": str(len(body))} | headers
    await send({"type": "http.response.start", "status": status, "headers": _encoded(given)})
    await send({"type": "http.response.body", "body": body})
