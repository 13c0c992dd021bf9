"""What a take-down leaves alone because it is a person's, and tells."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from limbeck import fsio
from limbeck.artefacts.amending import is_own
from limbeck.artefacts.takedowns import TAKEDOWNS
from limbeck.chain.named_photos import Found
from limbeck.chain.places import Place, folders_of
from limbeck.errors import LimbeckError

_BYTES = 64 * 2**20  # of a text that is read
_LINES = 20  # of a file that are told
_NO_TEXT = (".safetensors", ".npy", ".parquet", ".png", ".jpg", ".webp", ".lock", ".zip", ".tar")


@dataclass(frozen=True)
class Left:
    """A file that stays as it is.

    Attributes:
        file: where it lies.
        why: what it has to do with the photos.
    """

    file: Path
    why: str


def what_is_left(place: Place, found: Found, touched: Collection[Path]) -> list[Left]:
    """Files of a person's that name the photos or may show them, and pixels nobody can look into.

    Args:
        place: a run or dataset.
        found: the photos.
        touched: files that are removed or rewritten.
    """
    if not found.photos:
        return []
    left = [
        Left(folder, f"pixels that cannot be looked into ({why}): remove it if you do not need it")
        for folder, why in place.closed.items()
    ]
    for folder in place.reports:
        page = folder / "index.html"
        if page not in touched and not is_own(folder, page.name):
            left.append(Left(page, "somebody changed this report, and it may show them"))
    names = found.names()
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])")
    for file in _texts(place, touched):
        if lines := _lines(file, pattern):
            left.append(Left(file, f"names them in line {', '.join(map(str, lines))}"))
    return left


def _texts(place: Place, touched: Collection[Path]) -> Iterator[Path]:
    for folder in folders_of(place.root):
        for file in sorted(folder.iterdir()):
            name = file.name
            if file in touched or name in (TAKEDOWNS, "index.html") or file.is_symlink():
                continue
            if file.suffix in _NO_TEXT or name.startswith((".limbeck", ".tmp-", "events.out")):
                continue
            if file.is_file() and file.stat().st_size <= _BYTES:
                yield file


def _lines(file: Path, pattern: re.Pattern[str]) -> list[int]:
    try:
        text = fsio.read_bytes(file, _BYTES).decode("utf-8", errors="replace")
    except (LimbeckError, OSError):
        return []
    if not pattern.search(text):
        return []
    found = [number for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    return found[:_LINES]
