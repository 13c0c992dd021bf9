"""A pinned file from a package index: found by its name, taken as bytes, never built or opened.

It speaks the simple API in both its forms (PEP 503 pages, PEP 691 JSON) and follows pip's settings,
but runs neither pip nor anything else: pip would ask a source archive's own setup.py for its
metadata, with a setuptools that nobody pinned.
"""

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from limbeck import fsio
from limbeck.percept.weights_pip import PipSettings
from limbeck.percept.weights_web import (
    FAULTS,
    Absent,
    Client,
    Limits,
    Unfetched,
    bare,
    check_step,
    local_path,
    words,
)

_JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Wanted:
    """A file: name of the distribution, file name, hex sha256, size in bytes at most."""

    package: str
    file: str
    sha256: str
    most: int


def fetch(
    wanted: Wanted,
    target: Path,
    settings: PipSettings,
    *,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> str:
    """Write the file to `target` from the first place that gives its pinned bytes.

    The bytes go to a temporary file beside `target`, which is renamed once they have the pinned
    sha256; until then nothing looks into them.

    Args:
        wanted: the file.
        target: where it shall lie.
        settings: where to look and how to connect.
        limits: of pages and times.
        progress: called with bytes so far and bytes in all (0 where unknown).

    Returns:
        the place that gave it, fit to be shown (no password).

    Raises:
        Unfetched: no place gave it; one reason for each place.
    """
    client = Client(settings, limits)
    result: list[str] = []
    reasons: list[str] = []

    def work() -> None:
        if place := _try_all(client, wanted, target, progress, reasons):
            result.append(place)

    worker = threading.Thread(target=work, name="limbeck-fetch", daemon=True)
    worker.start()
    try:
        worker.join(limits.overall)
    finally:
        client.stop.set()
    if result:
        return result[0]
    if worker.is_alive():
        reasons.append(f"not done after {limits.overall:g} s")
    raise Unfetched("; ".join(reasons) or "pip's settings name no index and no folder")


def _try_all(
    client: Client,
    wanted: Wanted,
    target: Path,
    progress: Callable[[int, int], None],
    reasons: list[str],
) -> str:
    """The place that gave the file, or empty and `reasons` filled."""
    project = re.sub(r"[-_.]+", "-", wanted.package).lower()
    pages = [(f"{index.rstrip('/')}/{project}/", True) for index in client.settings.indexes]
    pages += [(link, False) for link in client.settings.links]
    absent = []
    for page, is_index in pages:
        try:
            link = _find(client, _as_url(page), wanted.file, is_index)
            if not link:
                absent.append(bare(page))
                continue
            _take(client, link, wanted, target, progress)
            return bare(link)
        except (Unfetched, *FAULTS) as error:
            reasons.append(f"{bare(page)}: {words(error)}")
        if client.stop.is_set():
            break
    if absent:
        reasons.append(f"no {wanted.file} at {', '.join(absent)}")
    return ""


def _as_url(place: str) -> str:
    """A folder or file of find-links as a file: URL; URLs stay."""
    return place if "://" in place or place.startswith("file:") else Path(place).resolve().as_uri()


def _find(client: Client, page: str, file: str, is_index: bool) -> str:
    """URL of the file on an index page or among the links of a page or folder; empty if absent."""
    if urlsplit(page).scheme == "file":
        folder = local_path(page)
        if not is_index:
            found = folder / file if folder.is_dir() else folder
            if found.name == file or folder.is_dir():
                return found.as_uri() if found.is_file() else ""
        if folder.is_dir():
            folder /= "index.html"
        if not folder.is_file():
            return ""
        with open(folder, "rb") as stream:
            return _pick(_page_links(_all_of(stream, client.limits.page), "", page), page, file)
    try:
        response = client.open(page, _ACCEPT)
    except Absent:
        return ""
    with closing(response):
        body = _all_of(response, client.limits.page)
        kind = response.headers.get_content_type()
        links = _page_links(body, kind, response.geturl())
        return _pick(links, response.geturl(), file)


def _all_of(stream: Any, most: int) -> bytes:
    body = b"".join(_chunks(stream, most))
    if len(body) > most:
        raise Unfetched(f"a page larger than {most} bytes")
    return body


def _chunks(stream: Any, most: int) -> Iterator[bytes]:
    """Pieces of a stream as they come, until just above `most` bytes."""
    left = most + 1
    while left > 0 and (piece := stream.read1(min(_CHUNK, left))):
        left -= len(piece)
        yield piece


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") or ""
        if tag == "a" and href:
            self.hrefs.append(href)
        elif tag == "base" and not self.base:
            self.base = href


def _page_links(body: bytes, kind: str, page: str) -> list[tuple[str, str]]:
    """(file name, absolute URL) of every link on a page in either form."""
    if kind == _JSON:
        try:
            files = json.loads(body)["files"]
            return [(str(f["filename"]), urljoin(page, str(f["url"]))) for f in files]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Unfetched(f"its JSON page cannot be understood: {error}") from None
    anchors = _Anchors()
    anchors.feed(body.decode("utf-8", "replace"))
    base = urljoin(page, anchors.base)
    urls = [urljoin(base, href) for href in anchors.hrefs]
    return [(unquote(urlsplit(url).path.rpartition("/")[2]), url) for url in urls]


def _pick(links: Sequence[tuple[str, str]], page: str, file: str) -> str:
    for name, url in links:
        if name == file:
            check_step(page, url)
            return url
    return ""


def _take(
    client: Client,
    link: str,
    wanted: Wanted,
    target: Path,
    progress: Callable[[int, int], None],
) -> None:
    if urlsplit(link).scheme == "file":
        stream: Any = open(local_path(link), "rb")  # noqa: SIM115 (closed below)
        total = os.fstat(stream.fileno()).st_size
    else:
        stream = client.open(link, "*/*")
        total = int(stream.headers.get("Content-Length") or 0)
    with closing(stream):
        if total > wanted.most:
            raise Unfetched(f"{bare(link)} is too large: {total} bytes, not {wanted.most}")
        with fsio.atomic_file(target) as part:
            _receive(client, stream, wanted, part, lambda done: progress(done, total))


def _receive(
    client: Client, stream: Any, wanted: Wanted, part: Path, progress: Callable[[int], None]
) -> None:
    digest, done = hashlib.sha256(), 0
    with open(part, "wb") as file:
        for piece in _chunks(stream, wanted.most):
            done += len(piece)
            if client.stop.is_set() or time.monotonic() > client.ends:
                raise Unfetched(f"stopped after {done} bytes: it took too long")
            if done > wanted.most:
                raise Unfetched(f"too large: more than {wanted.most} bytes")
            digest.update(piece)
            file.write(piece)
            progress(done)
    if digest.hexdigest() != wanted.sha256:
        raise Unfetched(
            f"it gave other bytes: {done} with sha256 {digest.hexdigest()}, "
            f"pinned is {wanted.sha256}"
        )
