"""What pip was told about where packages come from; read from its files, without running it."""

import configparser
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from limbeck.errors import WeightsError

_DEFAULT_INDEX = "https://pypi.org/simple"
_NAME = "pip.ini" if sys.platform == "win32" else "pip.conf"


@dataclass(frozen=True)
class PipSettings:
    """Where to look and how to connect.

    Attributes:
        indexes: URLs of indexes (PEP 503), the main one first; none with `no-index`.
        links: folders, files or pages of links (`find-links`).
        trusted: hosts, with or without a port, whose certificate is not checked.
        cert: a file or folder of certificate authorities; empty: the system's.
        client_cert: a file with a certificate and key of our own; empty: none.
        proxy: URL of a proxy; empty: as the environment says.
    """

    indexes: tuple[str, ...] = (_DEFAULT_INDEX,)
    links: tuple[str, ...] = ()
    trusted: frozenset[str] = frozenset()
    cert: str = ""
    client_cert: str = ""
    proxy: str = ""


def pip_settings(environ: Mapping[str, str] = os.environ) -> PipSettings:
    """pip's settings, from the same files and variables, in the same order of precedence.

    Raises:
        WeightsError: a file of pip's is there and cannot be read.
    """
    sections: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for path in _files(environ):
        for section, values in _read(path).items():
            sections[section] |= values
    given = {
        key[4:].lower().replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("PIP_") and value.strip()
    }
    wanted = sections["global"] | sections["download"] | given
    no_index = wanted.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t")
    main = wanted.get("index-url", wanted.get("pypi-url", _DEFAULT_INDEX)).strip()
    authorities = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or ""
    return PipSettings(
        indexes=() if no_index else (main, *wanted.get("extra-index-url", "").split()),
        links=tuple(wanted.get("find-links", "").split()),
        trusted=frozenset(wanted.get("trusted-host", "").lower().split()),
        cert=wanted.get("cert", authorities),
        client_cert=wanted.get("client-cert", ""),
        proxy=wanted.get("proxy", ""),
    )


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """pip's files, the weakest first: of the machine, of the user, of the environment, named."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "win32":
        yield Path(environ.get("PROGRAMDATA", "C:/ProgramData"), "pip", _NAME)
        user = Path(environ.get("APPDATA") or home) / "pip"
        old = home / "pip"
    else:
        shared = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        if sys.platform == "darwin":
            shared = "/Library/Application Support"
        yield from (Path(folder, "pip", _NAME) for folder in reversed(shared.split(os.pathsep)))
        yield Path("/etc", _NAME)
        mac = home / "Library" / "Application Support" / "pip"
        xdg = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip"
        user = mac if sys.platform == "darwin" and mac.is_dir() else xdg
        old = home / ".pip"
    yield old / _NAME
    yield user / _NAME
    yield Path(sys.prefix, _NAME)
    if named:
        yield Path(named)


def _read(path: Path) -> dict[str, dict[str, str]]:
    """Section -> option -> value of one file; empty where there is none."""
    if not path.is_file():
        return {}
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise WeightsError(
            f"pip's settings {path} cannot be read: {error}", "correct that file, or move it away"
        ) from error
    return {
        section: {
            name.lower().replace("_", "-").removeprefix("--"): value.strip()
            for name, value in parser.items(section)
            if value and value.strip()
        }
        for section in parser.sections()
    }
