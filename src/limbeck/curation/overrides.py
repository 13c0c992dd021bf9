"""overrides.csv: a person's word about photos, by id, name or pattern, as it is read."""

import csv
import fnmatch
import io
import re
import unicodedata
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from limbeck import fsio
from limbeck.errors import DataError

FILE = "overrides.csv"
BYTES = 32 * 2**20  # half a million lines
_YES = frozenset({"1", "true", "yes", "keep"})
_NO = frozenset({"0", "false", "no", "drop"})
_PHOTO = ("photo", "id", "source")
HEADER = "photo,keep,reason"
_SHOWN = 3
_ARCHIVE = re.compile(r"^[^/!]+\.zip!", re.IGNORECASE)


@dataclass(frozen=True)
class Override:
    """Keep or drop one photo, whatever its score."""

    keep: bool
    reason: str


@dataclass(frozen=True)
class Overrides:
    """What overrides.csv says.

    Attributes:
        photos: id -> the last line that names the photo.
        idle: how many lines name no photo, or a name that several share.
        warnings: those lines in words.
    """

    photos: Mapping[str, Override]
    idle: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One line: its number in the file, the photo or photos it names, what it says of them."""

    number: int
    photo: str
    override: Override


def read_overrides(
    path: Path, ids: Sequence[str], sources: Sequence[str] | None = None
) -> Overrides:
    """Read a CSV with the header `photo,keep,reason`; an absent file holds no override.

    `photo` (or `id`, or `source`) is, tried in this order: an id; a photo's name, with or without
    `archive.zip!`; its file name without folders, where no other photo has it; a pattern with `*`,
    `?` or `[...]` (`fnmatch`: upper and lower case differ, `*` goes over `/`) for names or, without
    a `/`, for file names too.
    Where several lines name a photo the last one wins. `reason` may be left out. What spreadsheets
    do to a CSV is read: a byte order mark, UTF-16, `;` or tabs, any ends of lines, empty lines.

    Args:
        path: the file.
        ids: of the scored photos.
        sources: their names, in the order of `ids`; None where the scores do not hold them.

    Raises:
        DataError: names the line: a wrong header, too many fields, no photo, or `keep` that is
            none of 1, true, yes, keep, 0, false, no, drop.
    """
    lines = override_lines(path)
    return resolve(path, lines, Names(ids, sources)) if lines else Overrides({})


def override_lines(path: Path) -> list[Line]:
    """The lines of overrides.csv in their order; none where there is no such file.

    Raises:
        DataError: as `read_overrides`.
    """
    return list(_lines(path)) if path.exists() else []


def resolve(path: Path, lines: Sequence[Line], names: "Names") -> Overrides:
    """What lines say about photos: of several the last; see `read_overrides`."""
    photos: dict[str, Override] = {}
    lost: list[Line] = []
    shared: list[tuple[Line, list[str]]] = []
    for line in lines:
        found, candidates = names.find(line.photo)
        photos |= dict.fromkeys(found, line.override)
        if candidates:
            shared.append((line, candidates))
        elif not found:
            lost.append(line)
    warnings = [_of_shared(path, line, candidates) for line, candidates in shared]
    if lost:
        warnings.insert(0, _of_lost(path, lost, bool(names.sources)))
    return Overrides(photos, len(lost) + len(shared), tuple(warnings))


class Names:
    """Photos by id, name and file name; names are compared in Unicode's composed form.

    Args:
        ids: of the scored photos.
        sources: their names, in the order of `ids`, or None.
    """

    def __init__(self, ids: Sequence[str], sources: Sequence[str] | None) -> None:
        self.ids = frozenset(ids)
        self.sources = [_plain(source) for source in sources or ()]
        self.photos = ids
        self.by_name: dict[str, set[int]] = defaultdict(set)
        self.by_file: dict[str, list[int]] = defaultdict(list)
        for row, source in enumerate(self.sources):
            self.by_name[source].add(row)
            self.by_name[_inside(source)].add(row)
            self.by_file[_file_name(source)].append(row)

    def find(self, text: str) -> tuple[list[str], list[str]]:
        """(ids that `text` names, names to choose from where it is the file name of several)."""
        if text in self.ids:
            return [text], []
        wanted = _plain(text)
        rows = sorted(self.by_name.get(wanted, ())) or self.by_file.get(wanted, [])
        if len(rows) > 1:
            return [], [self.sources[row] for row in rows]
        if not rows and any(sign in wanted for sign in "*?["):
            rows = self._matching(wanted)
        return [self.photos[row] for row in rows], []

    def _matching(self, pattern: str) -> list[int]:
        fits = re.compile(fnmatch.translate(pattern)).match
        alone = "/" not in pattern
        return [
            row
            for row, source in enumerate(self.sources)
            if fits(source) or fits(_inside(source)) or (alone and fits(_file_name(source)))
        ]


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip())


def _inside(source: str) -> str:
    """`crawl.zip!memes/1.jpg` -> `memes/1.jpg`; other names as they are."""
    return _ARCHIVE.sub("", source)


def _file_name(source: str) -> str:
    return _inside(source).rpartition("/")[2]


def _lines(path: Path) -> Iterator[Line]:
    rows = _rows(path)
    where, header = next(rows, (1, []))
    words = [field.lower() for field in header]
    if not words or words[0] not in _PHOTO or words[1:] not in (["keep"], ["keep", "reason"]):
        raise DataError(
            f"{path}:{where}: the first line is {','.join(header)!r}",
            f"make it {HEADER}, and write one photo a line below",
        )
    for number, fields in rows:
        yield _line(f"{path}:{number}", number, fields)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, fields without blanks around them) of each row with content."""
    text = _text(path)
    first = text.split("\n", 1)[0].strip().lower()
    skip = int(first.startswith("sep=") and len(first) == 5)  # for a spreadsheet only
    head = first[4] if skip else max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=head, strict=True)
    number = 1
    try:
        for row in reader:
            fields = [field.strip() for field in row]
            while fields and not fields[-1]:
                fields.pop()
            if fields and number > skip:
                yield number, fields
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}:{number}: {error}", "save it as CSV") from error


def _text(path: Path) -> str:
    data = fsio.read_bytes(path, BYTES)
    wide = data.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{line}: not UTF-8 ({error})", "save it as CSV UTF-8") from error


def _line(where: str, number: int, fields: list[str]) -> Line:
    if len(fields) > 3:
        raise DataError(
            f"{where}: {len(fields)} fields where {HEADER} are three",
            "put text with commas in quotes",
        )
    photo, word, reason = (*fields, "", "")[:3]
    if not photo:
        raise DataError(f"{where} names no photo", "write its name or id, or remove the line")
    if word.lower() not in _YES | _NO:
        raise DataError(
            f"{where}: keep is {word!r}",
            "write 1 or 0, true or false, yes or no, keep or drop; put names with commas in quotes",
        )
    return Line(number, photo, Override(word.lower() in _YES, reason))


def _of_lost(path: Path, lost: Sequence[Line], named: bool) -> str:
    shown = ", ".join(f"line {line.number}: {line.photo!r}" for line in lost[:_SHOWN])
    more = ", ..." if len(lost) > _SHOWN else ""
    count = "1 line names" if len(lost) == 1 else f"{len(lost)} lines name"
    hint = (
        "take names or ids from keep.csv (photos that ingestion refused are not in it)"
        if named
        else "these scores hold no names, so write ids, or score again"
    )
    return f"{path.name}: {count} no scored photo and did nothing ({shown}{more}); {hint}"


def _of_shared(path: Path, line: Line, sources: Sequence[str]) -> str:
    more = ", ..." if len(sources) > _SHOWN else ""
    return (
        f"{path.name}: line {line.number} did nothing: {len(sources)} photos are called "
        f"{line.photo!r} ({', '.join(sources[:_SHOWN])}{more}); write which one, or "
        f"*/{line.photo} for all in folders"
    )
