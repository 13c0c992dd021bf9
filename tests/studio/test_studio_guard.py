"""What the guard lets in, and what it refuses, before anything of the studio has been asked."""

import asyncio
from typing import Any

import pytest

from limbeck.studio import bodies
from limbeck.studio.guard import Door, Guard, Message, Receive, Scope, Send, is_loopback

Answer = tuple[int, dict[str, str], bytes]
OWN = [("host", "127.0.0.1:8765")]
WRITE = [*OWN, ("x-limbeck-studio", "1"), ("origin", "http://127.0.0.1:8765")]


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": bytes(message["body"])})


def ask(
    path: str = "/",
    headers: list[tuple[str, str]] | None = None,
    *,
    method: str = "GET",
    query: str = "",
    body: list[bytes] | None = None,
    door: Door | None = None,
    kind: str = "http",
    pause: float = 0.0,
) -> Answer:
    """One request through the guard; the body in pieces, with a pause before each."""
    scope: dict[str, Any] = {
        "type": kind, "method": method, "path": path, "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers or OWN],
    }  # fmt: skip
    pieces = list(body or [b""])
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(pause)
        if not pieces:
            return {"type": "http.disconnect"}
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Guard(inner, door or Door("127.0.0.1", 8765))(scope, receive, send))
    if kind == "websocket":
        return 0, {}, repr(sent).encode()
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return int(sent[0]["status"]), head, b"".join(m.get("body", b"") for m in sent[1:])


def test_a_page_of_ours_is_let_in_with_a_strict_policy() -> None:
    status, head, _ = ask("/", OWN)
    assert status == 200
    policy = head["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert head["x-content-type-options"] == "nosniff"
    assert head["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8765@evil", "localhost:8765.evil",
     "", "127.0.0.1:8765/x", "0.0.0.0:8765", "[::1", "127.0.0.1:99999", "a:b:c",
     "@127.0.0.1:8765", "127.0.0.1:8765?", "127.0.0.1:8765#", "127.0.0.1\t:8765",
     "localhost.:8765"],
)  # fmt: skip
def test_another_host_is_refused(host: str) -> None:
    assert ask("/", [("host", host)])[0] == 421


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765", "LOCALHOST:8765"]
)
def test_names_of_loopback_are_ours(host: str) -> None:
    assert ask("/", [("host", host)])[0] == 200


def test_two_hosts_are_none() -> None:
    assert ask("/", [*OWN, ("host", "evil.example")])[0] == 421


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8765", "http://127.0.0.1:1", ""]
)
def test_another_origin_is_refused(origin: str) -> None:
    assert ask("/api/state", [*OWN, ("origin", origin)])[0] == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_another_site_is_refused_but_for_a_link_to_the_page(site: str) -> None:
    assert ask("/api/state", [*OWN, ("sec-fetch-site", site)])[0] == 403
    assert ask("/", [*OWN, ("sec-fetch-site", site), ("sec-fetch-mode", "no-cors")])[0] == 403
    assert ask("/", [*OWN, ("sec-fetch-site", site), ("sec-fetch-mode", "navigate")])[0] == 200


def test_a_write_needs_our_header() -> None:
    assert ask("/api/x", OWN, method="POST")[0] == 403
    assert ask("/api/x", [*OWN, ("x-limbeck-studio", "1, 1")], method="POST")[0] == 403
    assert ask("/api/x", WRITE, method="POST")[0] == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "X"])
def test_other_methods_are_refused(method: str) -> None:
    assert ask("/", WRITE, method=method)[0] == 405


@pytest.mark.parametrize(
    "path",
    ["/page/../../etc/passwd", "/page/%2e%2e/x", "/page/..%2fx", "/page/%5c..", "/a//b",
     "/page/x%00", "/page/\\x", "/page/a\tb"],
)  # fmt: skip
def test_ways_out_of_the_page_are_no_pages(path: str) -> None:
    assert ask(path)[0] == 404


def test_long_addresses_are_refused() -> None:
    assert ask("/" + "a" * 9000)[0] == 414
    assert ask("/", query="a" * 9000)[0] == 414


def test_bodies_are_bounded_whatever_they_say_of_themselves() -> None:
    big = str(bodies.BODY + 1)
    assert ask("/api/x", [*WRITE, ("content-length", big)], method="POST")[0] == 413
    assert ask("/api/x", [*WRITE, ("content-length", "-1")], method="POST")[0] == 400
    assert ask("/api/x", [*WRITE, ("content-length", "1e3")], method="POST")[0] == 400
    pieces = [b"x" * 2**20] * 5
    assert ask("/api/x", WRITE, method="POST", body=pieces)[0] == 413
    status, _, answer = ask(bodies.UPLOADS, WRITE, method="POST", body=pieces)
    assert (status, len(answer)) == (200, 5 * 2**20)


def test_requests_out_of_shape_are_refused() -> None:
    both = [*WRITE, ("content-length", "2"), ("transfer-encoding", "chunked")]
    assert ask("/api/x", both, method="POST")[0] == 400
    assert ask("/", [*OWN, ("x", "y" * 40_000)])[0] == 431


def test_few_large_bodies_are_held_at_once_and_small_ones_pass() -> None:
    """Each is held until it has been worked on; then its place is free again."""
    large = [b"x" * bodies.SMALL, b"x"]

    async def all_at_once() -> tuple[list[int], list[int]]:
        over = asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            await over.wait()
            await inner(scope, receive, send)

        guard = Guard(slow, Door("127.0.0.1", 8765))

        async def one(pieces: list[bytes]) -> int:
            pieces, sent = list(pieces), []

            async def receive() -> Message:
                return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

            async def send(message: Message) -> None:
                sent.append(message)

            scope = {
                "type": "http", "method": "POST", "path": bodies.UPLOADS, "query_string": b"",
                "headers": [(k.encode(), v.encode()) for k, v in WRITE],
            }  # fmt: skip
            await guard(scope, receive, send)
            return int(sent[0]["status"])

        tasks = [asyncio.create_task(one(large)) for _ in range(6)]
        tasks += [asyncio.create_task(one([b"x"])) for _ in range(3)]
        await asyncio.sleep(0.01)
        over.set()
        return [await task for task in tasks], [await one(large) for _ in range(6)]

    at_once, after = asyncio.run(all_at_once())
    assert at_once == [200] * bodies.AT_ONCE + [503] * 2 + [200] * 3
    assert after == [200] * 6


def test_slow_bodies_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.1)
    assert ask("/api/x", WRITE, method="POST", body=[b"x"] * 50, pause=0.02)[0] == 408


def test_websockets_are_closed() -> None:
    assert b"websocket.close" in ask(kind="websocket")[2]
    assert ask("/", [*OWN, ("upgrade", "WebSocket")])[0] == 403


TOKEN = "a-token-of-this-studio"
OPEN = Door("0.0.0.0", 8765, TOKEN)


def test_other_machines_need_the_token() -> None:
    host = [("host", "192.168.1.5:8765")]
    assert ask("/", host, door=OPEN)[0] == 403
    assert ask("/api/state", host, door=OPEN, query=f"token={TOKEN}")[0] == 403
    assert ask("/", host, door=OPEN, query="token=wrong")[0] == 403
    assert ask("/", host, door=OPEN, query=f"token={TOKEN}&token=x")[0] == 403
    status, head, _ = ask("/", host, door=OPEN, query=f"token={TOKEN}")
    assert (status, head["location"]) == (303, "/")
    cookie = head["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert ask("/", [*host, ("cookie", f"{OPEN.cookie}={TOKEN}")], door=OPEN)[0] == 200
    assert ask("/", [*host, ("cookie", f"{OPEN.cookie}={TOKEN}x")], door=OPEN)[0] == 403
    assert ask("/", [*host, ("cookie", f"{OPEN.cookie}=é")], door=OPEN)[0] == 403
    assert (
        ask("/", [("host", "evil.example:8765"), ("cookie", f"{OPEN.cookie}={TOKEN}")], door=OPEN)[
            0
        ]
        == 421
    )


@pytest.mark.parametrize(
    ("host", "is_it"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.8.8.8", True),
     ("0.0.0.0", False), ("::", False), ("192.168.0.1", False), ("example", False)],
)  # fmt: skip
def test_loopback(host: str, is_it: bool) -> None:
    assert is_loopback(host) is is_it


def test_the_address_that_is_printed_carries_the_token() -> None:
    assert Door("127.0.0.1", 1234).address == "http://127.0.0.1:1234/"
    assert Door("::1", 1234, "t").address == "http://[::1]:1234/?token=t"
