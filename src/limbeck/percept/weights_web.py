"""The one way out: http and https with pip's settings, for the weights a person asked for.

Beside `ingestion/fetching` the only code of limbeck that opens a connection.
"""

import base64
import http.client
import netrc
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from limbeck import __version__
from limbeck.percept.weights_pip import PipSettings

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
FAULTS = (OSError, http.client.HTTPException, ValueError)


class Unfetched(Exception):
    """Why one place did not give the file."""


class Absent(Unfetched):
    """The place answers that it has no such page."""


@dataclass(frozen=True)
class Limits:
    """Bytes of an index page, seconds without a byte, seconds in all."""

    page: int = 2 << 20
    stall: float = 30.0
    overall: float = 3600.0


def words(error: Exception) -> str:
    """An error of the network in one line."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(error, urllib.error.HTTPError):
        reason = f"HTTP {error.code} {error.reason}"
    return " ".join(str(reason).split())[:300] or type(reason).__name__


def bare(url: str) -> str:
    """A URL without user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def local_path(url: str) -> Path:
    """The path that a file: URL names."""
    return Path(urllib.request.url2pathname(urlsplit(url).path))


def check_step(page: str, url: str) -> None:
    """A place may lead to no weaker kind of place: not to a local file, not from https to http.

    Raises:
        Unfetched: it does.
    """
    here, there = urlsplit(page).scheme, urlsplit(url).scheme
    allowed = {"https": ("https",), "http": ("https", "http"), "file": ("https", "http", "file")}
    if there not in allowed.get(here, ()):
        raise Unfetched(f"it leads from {here} to {bare(url)[:200]}, which is not followed")


class Client:
    """http and https with pip's settings: bounded redirects, no password to another host."""

    def __init__(self, settings: PipSettings, limits: Limits) -> None:
        self.settings = settings
        self.limits = limits
        self.stop = threading.Event()
        self.ends = time.monotonic() + limits.overall
        self._secrets = dict(_secrets(settings))
        proxies = {"http": settings.proxy, "https": settings.proxy} if settings.proxy else None
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(proxies),
            urllib.request.HTTPHandler(),
            _Https(settings),
            _Redirects(self._check),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.UnknownHandler(),
        ):
            self._opener.add_handler(handler)

    def open(self, url: str, accept: str) -> Any:
        """The response to a GET; the caller closes it.

        Raises:
            Unfetched: http to a host that pip was not told to trust.
            Absent: the answer is that there is no such page.
            OSError, HTTPException, ValueError (`FAULTS`): no answer, or none of use.
        """
        self._check(url)
        parts = urlsplit(url)
        bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        request = urllib.request.Request(bare, headers=headers)
        request.add_header("User-Agent", f"limbeck/{__version__}")
        if secret := self._secrets.get((parts.scheme, parts.netloc.rpartition("@")[2])):
            request.add_unredirected_header("Authorization", secret)
        try:
            return self._opener.open(request, timeout=self.limits.stall)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (404, 410):
                raise Absent(words(error)) from None
            raise

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        known = _trusted(url, self.settings) or (parts.hostname or "") in _LOOPBACK
        if parts.scheme != "https" and not (parts.scheme == "http" and known):
            raise Unfetched(
                f"{bare(url)[:200]} is neither https nor a host that pip trusts (trusted-host)"
            )


def _trusted(url: str, settings: PipSettings) -> bool:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    return bool({host, f"{host}:{parts.port}"} & settings.trusted)


def _secrets(settings: PipSettings) -> Iterator[tuple[tuple[str, str], str]]:
    """(scheme, host) -> Authorization header, from an index's URL or the user's .netrc."""
    for url in (*settings.indexes, *settings.links):
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not user and parts.hostname:
            with suppress(OSError, netrc.NetrcParseError):
                found = netrc.netrc().authenticators(parts.hostname)
                user, password = (found[0], found[2] or "") if found else ("", "")
        if user:
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            yield (parts.scheme, parts.netloc.rpartition("@")[2]), f"Basic {pair}"


class _Https(urllib.request.HTTPSHandler):
    """Certificates are checked, except those of hosts that pip was told to trust."""

    def __init__(self, settings: PipSettings) -> None:
        place = Path(settings.cert) if settings.cert else None
        try:
            self._checked = ssl.create_default_context(
                cafile=str(place) if place and not place.is_dir() else None,
                capath=str(place) if place and place.is_dir() else None,
            )
            if settings.client_cert:
                self._checked.load_cert_chain(settings.client_cert)
        except OSError as error:
            raise Unfetched(f"pip's certificates {place} cannot be read: {error}") from error
        self._settings = settings
        super().__init__(context=self._checked)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        context = self._checked
        if _trusted(req.full_url, self._settings):
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return self.do_open(http.client.HTTPSConnection, req, context=context)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """At most five in a row, none twice, each checked like the first address."""

    max_redirections = 5
    max_repeats = 1

    def __init__(self, check: Callable[[str], None]) -> None:
        self._check = check

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        check_step(req.full_url, newurl)
        self._check(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
