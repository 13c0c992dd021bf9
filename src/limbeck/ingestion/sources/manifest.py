"""A list of photos and the box to keep of each, as the paper's authors released theirs.

A JSON array of objects with `image_name` and `bounding_box` [y0, y1, x0, x1]: rows first, half
open, in pixels of the decoded file before EXIF turns it. The files lie below the manifest's folder.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from limbeck import fsio
from limbeck.errors import DataError
from limbeck.ingestion.sources.base import NO_FACTS, Box, Entry, Facts, Source
from limbeck.ingestion.sources.boxes import box_of
from limbeck.ingestion.sources.folder import FolderSource, listing_digest
from limbeck.ingestion.sources.metadata import facts_of

_MOST_BYTES = 2**30
_CURE = "a manifest is a JSON array of objects with image_name and bounding_box [y0, y1, x0, x1]"


class ManifestSource(Source):
    """The photos that a manifest names, each with its box; sorted by name.

    Names are paths below the manifest's folder, or end as exactly one of them does. A photo named
    with two boxes is two entries, the second called `name#left,top,right,bottom`; the same box
    again adds none. What is named and not there is listed and refused.

    Raises:
        DataError: not such a manifest; the item at fault is named.
    """

    archive = ""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        items = fsio.read_json(self.path, _MOST_BYTES)
        if not isinstance(items, list):
            raise DataError(f"{self.path} holds no array", _CURE)
        self._folder = FolderSource(self.path.parent)
        self._items: dict[str, Facts] = {}
        self._files: dict[str, str] = {}
        self.entries = sorted(self._list(items), key=lambda e: e.source)

    def read(self, entry: Entry) -> bytes:
        """See `Source.read`."""
        return self._folder.read(entry)

    def path_of(self, entry: Entry) -> str:
        """See `Source.path_of`."""
        return self._files.get(entry.source, entry.source)

    def facts(self, entry: Entry) -> Facts:
        """See `Source.facts`: what the manifest says, else what the folder does."""
        said = self._items.get(entry.source, NO_FACTS)
        plain = replace(entry, source=self.path_of(entry))
        return said if said != NO_FACTS else self._folder.facts(plain)

    def digest(self) -> str:
        """See `Source.digest`."""
        return listing_digest(self.entries, [])

    def _list(self, items: list[Any]) -> Iterator[Entry]:
        exact = {entry.source: entry for entry in self._folder.entries}
        by_end: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in self._folder.entries:
            by_end[entry.source.rsplit("/", 1)[-1]].append(entry)
        times: Counter[str] = Counter()
        seen: set[tuple[str, Box]] = set()
        for number, item in enumerate(items):
            name, box = _item(item, f"{self.path}, item {number}")
            found = exact.get(name)
            if found is None:
                ends = [e for e in by_end[name.rsplit("/", 1)[-1]] if _same_end(e.source, name)]
                found = ends[0] if len(ends) == 1 else None
            if found is None:
                why = "named by the manifest, and no such file below its folder"
                found = Entry(name, name, 0, "", refused=why)
            if (found.source, box) in seen:
                continue
            seen.add((found.source, box))
            times[found.source] += 1
            again = "#" + ",".join(map(str, box)) if times[found.source] > 1 else ""
            entry = replace(found, source=found.source + again, box=box)
            self._items[entry.source] = facts_of(item)
            self._files[entry.source] = found.source
            yield entry


def _same_end(one: str, other: str) -> bool:
    """Whether one path ends with the other, in whole folder names."""
    return f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}")


def _item(item: Any, where: str) -> tuple[str, Box]:
    """Name and box (left, top, right, bottom).

    Raises:
        DataError: says what is wrong with it.
    """
    name = item.get("image_name") if isinstance(item, dict) else None
    if not isinstance(name, str) or not name or "\0" in name:
        raise DataError(f"{where}: no image_name", _CURE)
    edges = item.get("bounding_box")
    try:
        return name.removeprefix("./"), box_of(edges, rows_first=True)
    except ValueError as why:
        wrong = f"bounding_box is {fsio.plain(repr(edges))[:80]}, {why}"
        raise DataError(f"{where} ({fsio.plain(name)}): {wrong}", _CURE) from None
