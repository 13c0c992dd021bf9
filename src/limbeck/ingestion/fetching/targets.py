"""URLs out of a stranger's list, taken apart by one narrow grammar and put together again.

Parsers that differ about where a host ends are how requests are smuggled. So a URL is split once
(RFC 3986), what is doubtful is refused, and only the parts found here are ever used.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote

from limbeck.errors import UsageError

INSTALL = "pip install 'limbeck[fetch]'"
PORTS = {"http": 80, "https": 443}
_LETTERS = 8000  # of a URL; servers take about as many
_URL = re.compile(r"(?is)(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_CODED = re.compile(r"%([0-9A-Fa-f]{2})")
_PLAIN = re.compile(r"[A-Za-z0-9._~-]")
_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")


class BadUrl(ValueError):
    """Why a URL is not fetched, in words."""


@dataclass(frozen=True)
class Target:
    """A URL in parts.

    Attributes:
        scheme: http or https.
        host: lower case and ASCII (IDNA), without a final dot; an IPv6 address without brackets.
        port: as given or usual.
        path: what is asked for: path and query, percent-encoded.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and, where it is not the usual one, port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def url(self) -> str:
        """The one spelling of this URL; without a fragment."""
        return self.origin + self.path

    def joined(self, location: str) -> "Target":
        """Where a redirect from here leads.

        Raises:
            BadUrl: to nothing that is fetched.
        """
        text = location.strip(" \t")
        path = self.path.partition("?")[0]
        if _SCHEME.match(text):
            return target_of(text)
        if text.startswith("//"):
            return target_of(f"{self.scheme}:{text}")
        if text.startswith("/"):
            return target_of(self.origin + text)
        if text[:1] in ("", "?", "#"):
            return target_of(self.origin + path + text)
        return target_of(self.origin + path[: path.rindex("/") + 1] + text)


def target_of(text: str) -> Target:
    """A URL in parts, each in the one spelling that is used from here on.

    Non-ASCII hosts become IDNA (UTS 46), other non-ASCII text and spaces are percent-encoded as
    UTF-8, `.` and `..` are resolved, the fragment goes.

    Raises:
        BadUrl: not http or https, user or password in it, control characters, more than 8000
            letters, a host that is none, or a number that is no plain IPv4 address (decimal, hex,
            octal and short forms are refused whatever they mean).
        UsageError: a non-ASCII host, and the package idna is missing.
    """
    text = text.strip(" \t\r\n")
    if len(text) > _LETTERS:
        raise BadUrl(f"{len(text)} letters, the limit is {_LETTERS}")
    if _CONTROL.search(text):
        raise BadUrl("control characters in it")
    found = _URL.fullmatch(text)
    if found is None:
        other = _SCHEME.match(text)
        scheme = f"{other[0].lower()} URLs are" if other else "it is no URL, and is"
        raise BadUrl(f"{scheme} not fetched, only http and https")
    scheme, authority, path, query = (part or "" for part in found.groups())
    scheme = scheme.lower()
    host, port = _split(authority, scheme)
    target = Target(scheme, host, port, _path(path) + encoded(query))
    if len(target.url) > _LETTERS:
        raise BadUrl(f"{len(target.url)} letters once encoded, the limit is {_LETTERS}")
    return target


def one_spelling(url: str) -> str:
    """A URL as `Target` spells it; empty where it is none that is fetched."""
    try:
        return target_of(url).url
    except (BadUrl, UsageError):
        return ""


def host_of(url: str | None) -> str:
    """The host of a URL as `Target` spells it; empty where there is none."""
    try:
        return target_of(url).host if url else ""
    except (BadUrl, UsageError):
        return ""


def _split(authority: str, scheme: str) -> tuple[str, int]:
    if "@" in authority:
        raise BadUrl("user or password in it")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or not parts[1]:
        raise BadUrl("no host in it")
    number = int(parts[2][:6]) if parts[2] else PORTS[scheme]
    if not 0 < number < 65536:
        raise BadUrl(f"no port {parts[2][:10]}")
    return canonical_host(parts[1]), number


def canonical_host(text: str) -> str:
    """A host in its one spelling.

    Raises:
        BadUrl, UsageError: as `target_of`.
    """
    if text.startswith("["):
        try:
            address = ipaddress.IPv6Address(text[1:-1])
        except ValueError:
            raise BadUrl("no IPv6 address in its brackets") from None
        if address.scope_id is not None:
            raise BadUrl("an address with a zone")
        return str(address)
    host = (text.lower() if text.isascii() else _idna(text)).removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadUrl("its host is no host name")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise BadUrl("its host is an address in an odd form") from None
    return host


def _idna(text: str) -> str:
    try:
        import idna
    except ImportError:
        raise UsageError(f"the host {text!r} needs the package idna", INSTALL) from None
    try:
        return idna.encode(text, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise BadUrl("its host is no host name") from None


def encoded(text: str) -> str:
    """Path or query with all that needs it percent-encoded, nothing twice, and nothing that need
    not be (RFC 3986, 6.2.2): `%7E` is `~`, `%c3` is `%C3`.

    Raises:
        BadUrl: it is no text.
    """
    try:
        safe = quote(_STRAY.sub("%25", text), safe="/?:@!$&'()*+,;=~%-._")
    except UnicodeEncodeError:
        raise BadUrl("half a character in it") from None
    return _CODED.sub(_plain, safe)


def _plain(found: re.Match[str]) -> str:
    letter = chr(int(found[1], 16))
    return letter if _PLAIN.fullmatch(letter) else found[0].upper()


def _path(text: str) -> str:
    """Encoded, and without `.` and `..`, however they are spelt."""
    kept: list[str] = []
    segments = encoded(text).split("/")[1:]
    for number, segment in enumerate(segments):
        plain = segment.lower().replace("%2e", ".")
        if plain == "..":
            del kept[-1:]
        elif plain != ".":
            kept.append(segment)
        if plain in (".", "..") and number == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)
