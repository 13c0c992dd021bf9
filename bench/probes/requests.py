"""Probes of one request each: what is sent, and the statuses of which one must come back.

0 stands for a connection that is closed without a word.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.probes.wire import Answer, Studio

PHOTO = "/api/curate/photos"
REFUSED = (400, 403, 404, 405, 413, 414, 421, 422)


@dataclass(frozen=True)
class Probe:
    """One attack; `send` returns what came of it, `want` is what was promised."""

    name: str
    send: Callable[[Studio], Answer | str]
    want: tuple[int, ...] | str

    def kept(self, found: Answer | str) -> bool:
        if isinstance(found, str) or isinstance(self.want, str):
            return found == self.want
        return found.status in self.want


def get(name: str, path: str, *want: int) -> Probe:
    return Probe(name, lambda s: s.ask(path), want or (404, 422))


def _with(name: str, *want: int, path: str = "/api/state", **headers: str) -> Probe:
    given = {key.replace("_", "-"): value for key, value in headers.items()}

    def send(s: Studio) -> Answer:
        return s.ask(path, headers={k: v.replace("PORT", str(s.port)) for k, v in given.items()})

    return Probe(name, send, want)


def post(name: str, path: str, body: Any, *want: int, **headers: str) -> Probe:
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    return Probe(name, lambda s: s.ask(path, body, headers=given, method="POST"), want or (422,))


def _raw(name: str, data: str | bytes, *want: int) -> Probe:
    def send(s: Studio) -> Answer:
        raw = data if isinstance(data, bytes) else data.encode("latin-1")
        return s.raw(raw.replace(b"OWN", s.own.encode()).replace(b"PORT", str(s.port).encode()))

    return Probe(name, send, want)


def traversal() -> Iterator[Probe]:
    """Ways out of what is shown."""
    for what in (
        "../../etc/passwd",
        "..%2f..%2fetc/passwd",
        "%2e%2e/%2e%2e/x",
        "%252e%252e%252fx",
        "..%5c..%5cx",
        "%c0%ae%c0%ae/x",
        "..;/x",
        "%uff0e%uff0e/x",
        "kit.js%00.css",
        "/etc/passwd",
        "....//x",
        "kit.js/../../guard.py",
        "file:///etc/passwd",
    ):
        yield get(f"page/{what}", f"/page/{what}", 404)
    for photo in (
        "..",
        "%2e%2e%2f%2e%2e",
        "f" * 16,
        "F" * 16,
        "0" * 17,
        "%00",
        "*",
        "~root",
        "%F0%9F%90%B6",
    ):
        yield get(f"photo {photo[:20]}", f"{PHOTO}/{photo}/large.jpg")
    yield get("column ../scores", "/api/curate/column/..%2fscores.parquet", 404)
    yield get("column __class__", "/api/curate/column/__class__", 404)
    yield get("column id", "/api/curate/column/id", 404)
    yield get("near another photo", "/api/curate/near/..%2f..", 404)
    yield get("run -1", "/api/runs/-1/stages", 422)
    yield get("run 999", "/api/runs/999/stages", 404)
    yield get("training ../model", "/api/runs/0/..%2fmodel/curves", 404)
    yield get("training data", "/api/runs/0/data/curves", 422)
    yield get("sheet of level 99", "/api/runs/0/raw/99/grid/1.png", 422)
    yield get("sheet of kind ../x", "/api/runs/0/raw/0/..%2fx/1.png", 404)
    yield get("sheet 10^40", f"/api/runs/0/raw/0/grid/{10**40}.png", 422)
    yield get("held photo of the edit tab", f"/api/edit/photos/{'0' * 32}/image", 404)
    yield get("inversion of nobody", f"/api/edit/inversions/{'0' * 32}/now", 404)
    yield get("inversion, image ../start", f"/api/edit/inversions/{'0' * 32}/..%2fstart", 404)
    yield get("mode 10^5000", f"/api/edit/modes/{'9' * 5000}/image", 404, 422)
    yield get("mode -1", "/api/edit/modes/-1/image", 404)
    yield get("directions by path", f"/api/edit/places/{'0' * 32}/commands?of=/etc&moves=0:1", 422)
    yield get("an address of 9,000 letters", "/" + "a" * 9000, 414)
    yield get("the tables of the API", "/openapi.json", 404)
    yield get("the API's own pages", "/docs", 404)


def names() -> Iterator[Probe]:
    """Host, Origin, Sec-Fetch-Site: who asks, and by what name."""
    for host in (
        "evil.example",
        "evil.example:PORT",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.:PORT",
        "127.0.0.1.nip.io:PORT",
        "user@127.0.0.1:PORT",
        "@127.0.0.1:PORT",
        "0.0.0.0:PORT",
        "[::ffff:127.0.0.1]:PORT",
        "[::1%25lo]:PORT",
        "127.1:PORT",
        "2130706433:PORT",
        "127.0.0.1:PORT#",
        "127.0.0.1:PORT?",
        "127.0.0.1:PORT/",
        "127.0.0.1:PORT, x",
        "127.0.0.1:65536",
        "localhost:PORT.evil.example",
        "127.0.0.1\t:PORT",
    ):
        yield _with(f"Host: {host}", 421, 400, host=host)
    for host in ("LocalHost:PORT", "[::1]:PORT"):
        yield _with(f"Host: {host} is ours", 200, host=host)
    line = "GET /api/state HTTP/1.1\r\n"
    yield _raw("no Host", line + "\r\n", 400)
    yield _raw("no Host, HTTP/1.0", "GET /api/state HTTP/1.0\r\n\r\n", 421)
    yield _raw("two Hosts", line + "host: OWN\r\nhost: evil\r\n\r\n", 400, 421)
    yield _raw("absolute target", "GET http://evil/ HTTP/1.1\r\nhost: OWN\r\n\r\n", 404)
    yield _raw(
        "absolute target of ours", "GET http://OWN/api/state HTTP/1.1\r\nhost: OWN\r\n\r\n", 404
    )
    yield _raw("target *", "GET * HTTP/1.1\r\nhost: OWN\r\n\r\n", 404)
    yield _raw("target without /", "GET api/state HTTP/1.1\r\nhost: OWN\r\n\r\n", 404)
    yield _raw("CONNECT", "CONNECT evil:443 HTTP/1.1\r\nhost: OWN\r\n\r\n", 405)
    yield _with("X-Forwarded-Host does not count", 421, host="evil", x_forwarded_host="127.0.0.1")
    for origin in (
        "null",
        "http://evil.example",
        "https://127.0.0.1:PORT",
        "http://127.0.0.1:1",
        "http://localhost:PORT",
        "http://127.0.0.1",
        "file://",
        "http://127.0.0.1:PORT, http://evil",
    ):
        yield _with(f"Origin: {origin}", 403, origin=origin)
    yield _raw(
        "two Origins", line + "host: OWN\r\norigin: http://OWN\r\norigin: http://OWN\r\n\r\n", 403
    )
    for site in ("cross-site", "same-site", "x"):
        yield _with(f"Sec-Fetch-Site: {site}", 403, sec_fetch_site=site)
    yield _with(
        "an <img> of another site",
        403,
        path="/",
        sec_fetch_site="cross-site",
        sec_fetch_mode="no-cors",
    )
    yield _with(
        "navigation into the API", 403, sec_fetch_site="cross-site", sec_fetch_mode="navigate"
    )


def forgery() -> Iterator[Probe]:
    """Writes that another page could send, and requests that try to be writes."""
    decide = "/api/curate/decide"
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json",
    ):
        yield post(
            f"write as {kind[:24]}, no header of ours",
            decide,
            {"photos": []},
            403,
            content_type=kind,
            x_limbeck_studio="",
        )
    yield post("write with the header twice", decide, {}, 403, x_limbeck_studio="1, 1")
    yield post("write with an empty Origin", decide, {}, 403, origin="null")
    yield post(
        "our header, form's type",
        decide,
        b"photos=x&keep=1",
        422,
        content_type="application/x-www-form-urlencoded",
    )
    for path in (
        "curate/decide",
        "curate/undo",
        "curate/apply",
        "edit/places",
        "generate/walk",
        "edit/directions/find",
    ):
        yield get(f"GET {path}", f"/api/{path}?photos=x&keep=true", 405)
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
        yield Probe(method, lambda s, m=method: s.ask("/api/state", method=m), (405,))
    yield _with(
        "X-HTTP-Method-Override", 405, path="/api/curate/undo", x_http_method_override="POST"
    )
    yield get("?_method=POST", "/api/curate/undo?_method=POST", 405)


def shapes() -> Iterator[Probe]:
    """Requests out of shape."""
    write = "POST /api/curate/decide HTTP/1.1\r\nhost: OWN\r\nx-limbeck-studio: 1\r\n"
    chunked = "transfer-encoding: chunked\r\n"
    yield _raw("content-length 5 GB", write + "content-length: 5000000000\r\n\r\n", 413)
    yield _raw("content-length -1", write + "content-length: -1\r\n\r\n", 400)
    yield _raw("content-length 10^20", write + f"content-length: {10**20}\r\n\r\n", 400, 413)
    yield _raw(
        "two content-lengths", write + "content-length: 2\r\ncontent-length: 3\r\n\r\n{}", 400
    )
    yield _raw(
        "content-length and chunked",
        write
        + "content-length: 3\r\n"
        + chunked
        + "\r\n2\r\n{}\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        400,
    )
    yield _raw(
        "chunked, 5 MB",
        (write + chunked + "\r\n").encode()
        + b"100000\r\n"
        + bytes(2**20)
        + b"\r\n"
        + (b"400000\r\n" + bytes(2**22)),
        413,
    )
    yield _raw("chunk of negative size", write + chunked + "\r\n-5\r\nxxxxx\r\n0\r\n\r\n", 0, 400)
    yield _raw("transfer-encoding: gzip", write + "transfer-encoding: gzip\r\n\r\n", 400, 501)
    yield _raw(
        "gzip'd body",
        write + "content-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\0",
        400,
        422,
    )
    read = "GET /api/state HTTP/1.1\r\nhost: OWN\r\n"
    yield _raw(
        "2,000 headers",
        read + "".join(f"x-{n}: 1\r\n" for n in range(2000)) + "\r\n",
        400,
        431,
        200,
    )
    yield _raw("a head of 100 kB", read + "x: " + "y" * 100_000 + "\r\n\r\n", 400, 431)
    yield _raw("NUL in a header", read + "x: a\0b\r\n\r\n", 400)
    yield _raw("NUL in the target", "GET /api/sta\0te HTTP/1.1\r\nhost: OWN\r\n\r\n", 400)
    yield _raw("line folded", read + "x: a\r\n b\r\n\r\n", 200, 400)
    yield _raw("a lone LF", "GET /api/state HTTP/1.1\nhost: OWN\n\n", 200, 400)
    yield _raw("blank before the colon", read + "origin : http://evil\r\n\r\n", 400)
    yield _raw("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 405, 421)
    yield _raw("h2c upgrade", read + "connection: upgrade\r\nupgrade: h2c\r\n\r\n", 200, 403)
    yield _raw(
        "TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n", 400
    )
    yield _raw("SOCKS hello", b"\x05\x01\x00\r\n\r\n", 400)
    yield _raw("HTTP/9.9", "GET / HTTP/9.9\r\nhost: OWN\r\n\r\n", 400, 505)
    yield _with(
        "WebSocket upgrade",
        403,
        path="/",
        connection="upgrade",
        upgrade="websocket",
        sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==",
        sec_websocket_version="13",
    )
    yield _with("cookie out of shape", 200, cookie="=;;limbeck-studio=\xff;=x;" * 50)
    yield _with("range", 200, range="bytes=0-0,1-1,2-2,3-3" * 50)
    yield Probe("500 requests at once down one pipe", _pipelined, "500 answers")


def _pipelined(s: Studio) -> str:
    one = f"GET /page/kit.js HTTP/1.1\r\nhost: {s.own}\r\n\r\n".encode()
    with s.connect() as wire:
        wire.sendall(one * 499 + one.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        data = b""
        while part := wire.recv(2**20):
            data += part
    return f"{data.count(b'HTTP/1.1 200 OK')} answers"
