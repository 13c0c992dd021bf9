"""Who may speak to the studio, and how much: checked before any of it is read.

A browser carries a person's cookies and reaches loopback, so any page on the web can try. Refused
is: another Host than ours (DNS rebinding), another Origin or site, a write without our own header
(a form of another page cannot send it), a missing token where one is asked for, bodies that are too
large or too slow, WebSockets, and every method but GET, HEAD and POST.
"""

import hmac
import ipaddress
import json
import platform
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from limbeck.studio.bodies import (
    Bodies,
    Message,
    Receive,
    Refused,
    check_length,
    most_of,
    replay,
)

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADER = b"x-limbeck-studio"
"""Every write carries this header: a page of another origin cannot send it without our consent."""
_LONGEST = 8192  # bytes of an address
_HEAD = 32768  # bytes of all headers
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", re.ASCII)
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
        found = _HOST.fullmatch(host.lower())
        if found is None or int(found[2] or 80) != self.port:
            return False
        name = found[1].strip("[]")
        if is_loopback(self.host):
            return name in ("localhost", "127.0.0.1", "::1", self.host.lower())
        names = {self.host.lower(), "localhost", platform.node().lower()}
        return name in names or _is_address(name)

    @property
    def cookie(self) -> str:
        """Name of the cookie that holds the token; a browser keeps one jar for all ports."""
        return f"limbeck-studio-{self.port}"

    @property
    def address(self) -> str:
        """What a person opens, with the token."""
        host = platform.node() if self.host in ("0.0.0.0", "::") else self.host
        name = f"[{host}]" if ":" in host else host
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


class Guard:
    """The outermost layer of the studio."""

    def __init__(self, app: App, door: Door) -> None:
        self.app = app
        self.door = door
        self._bodies = Bodies()

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
                    await _let_in(send, self.door.cookie, self.door.token)
                    return
                refusal = (403, "this token is not that of this studio")
            elif not same(_cookie(headers, self.door.cookie), self.door.token):
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
        most = most_of(scope["path"])
        try:
            check_length(_single(scope["headers"]).get(b"content-length", "0"), most)
            async with self._bodies.read(receive, most) as body:
                if body is not None:  # None: gone before it had asked
                    await self.app(scope, replay(body, receive), _with_headers(send))
        except Refused as why:
            await _answer(send, why.status, why.what)


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
    if scope.get("http_version", "1.1") not in ("1.0", "1.1"):
        return 505, "only HTTP/1.0 and 1.1"
    if sum(len(name) + len(value) for name, value in scope["headers"]) > _HEAD:
        return 431, "the headers are too long"
    if b"content-length" in headers and b"transfer-encoding" in headers:
        return 400, "a body of two lengths"
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


def _cookie(headers: dict[bytes, str], wanted: str) -> str:
    """The value of our cookie; empty where there is none, or more than one."""
    pairs = (part.strip().partition("=") for part in headers.get(b"cookie", "").split(";"))
    values = [value for name, _, value in pairs if name == wanted]
    return values[0] if len(values) == 1 else ""


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


async def _let_in(send: Send, name: str, token: str) -> None:
    cookie = f"{name}={token}; HttpOnly; SameSite=Strict; Path=/"
    await _respond(send, 303, b"", {"location": "/", "set-cookie": cookie})


async def _answer(send: Send, status: int, what: str) -> None:
    body = json.dumps({"error": what, "do": ""}).encode()
    await _respond(send, status, body, {"content-type": "application/json", "connection": "close"})


async def _respond(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    given = _HEADERS | {"cache-control": "no-store", "content-length": str(len(body))} | headers
    await send({"type": "http.response.start", "status": status, "headers": _encoded(given)})
    await send({"type": "http.response.body", "body": body})
