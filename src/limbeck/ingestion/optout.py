"""The take-down list: photos whose owners do not want them used.

A take-down that fails silently is worse than one that stops the work, so every line of the list
either names a photo or is told to the person, with its number and the reason.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from limbeck import logs
from limbeck.data import PackedRows
from limbeck.errors import DataError
from limbeck.ingestion.fetching import host_of, target_of
from limbeck.ingestion.regular import Unreadable, read_regular
from limbeck.records import ImageInfo, Reason, Status

TOLD_LINES = 100
_CURE = (
    "write a path as ingest shows it, a sha256, an id, a URL or host:NAME; or run without --strict"
)
_HOST = "host:"
_CHECKSUM = re.compile(r"\\?([0-9a-fA-F]{64})[ \t]+[ *]?\S.*")


@dataclass(frozen=True)
class Wish:
    """One line of the list: its number (from 1), its text without the line's end, and whether it
    begins with `#` (a comment, unless a photo has exactly this name)."""

    number: int
    text: str
    comment: bool

    def __str__(self) -> str:
        return f"line {self.number}: {logs.visible(self.text.strip())}"


@dataclass(frozen=True)
class OptOut:
    """What came of a list.

    Attributes:
        infos: the photos, those named and their byte-for-byte copies marked as opted out.
        unmatched: each line that named nothing, with the reason.
    """

    infos: Sequence[ImageInfo]
    unmatched: list[str]


@dataclass(frozen=True)
class Answer:
    """What a line of the list names: rows of the photos, and why there are none."""

    wish: Wish
    rows: frozenset[int]
    why: str

    def __str__(self) -> str:
        return f"{self.wish} ({self.why})" if self.why else str(self.wish)


def read_opt_out(path: Path | None) -> tuple[Wish, ...]:
    """Lines of an opt-out file, empty ones left out.

    UTF-8 with or without a byte order mark, or UTF-16 with one; lines end in LF, CR LF or CR.

    Raises:
        DataError: the file is missing, no regular file, larger than 256 MiB, or not such text.
    """
    if path is None:
        return ()
    path = Path(path)
    cure = "give a text file (UTF-8) with one name a line"
    if not path.is_file():
        raise DataError(f"opt-out list {path} cannot be read: no such file", cure)
    try:
        data = read_regular(path)
        utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except (OSError, Unreadable, UnicodeDecodeError) as error:
        raise DataError(f"opt-out list {path} cannot be read: {error}", cure) from error
    lines = enumerate(re.split(r"\r\n|\r|\n", text), 1)
    wishes = tuple(
        Wish(number, line, line.lstrip().startswith("#")) for number, line in lines if line.strip()
    )
    if all(wish.comment for wish in wishes):
        logs.warn(f"the opt-out list {logs.visible(str(path))} names no photo")
    return wishes


def opt_out_of(
    infos: Sequence[ImageInfo],
    wishes: Sequence[Wish],
    *,
    root: Path = Path(),
    archive: str = "",
    strict: bool = False,
) -> OptOut:
    """Mark what the list names, and every byte-for-byte copy of it, as opted out.

    A line is compared, in this order, and the first kind of name that fits anything decides:
    1. as it stands: id or sha256 (any case; a line of `sha256sum` too), URL (however it is
       spelt), source, archive member, also behind the name of the folder or archive; a line
       `host:example.com` is every photo whose URL has this host or one below it;
    2. the same with percent-encoding, Unicode composition, slashes, quotes and `./` levelled;
    3. the same in any case;
    4. as the end of one path only, whole folder names (a file's name alone, say).
    Where 2 to 4 fit photos of more than one content, the line is refused as ambiguous: it takes
    nothing down and is told like a line that fits nothing.

    Args:
        infos: every listed file.
        wishes: the lines, of `read_opt_out`.
        root: the folder or archive as the person named it.
        archive: the archive's name in `source`, before the `!`; empty for a folder.
        strict: a line that names nothing is an error.

    Raises:
        DataError: `strict`, and a line names nothing.
    """
    named, unmatched = rows_named(infos, wishes, root=root, archive=archive)
    if unmatched:
        tell_unmatched(unmatched, strict)
    if not named:
        return OptOut(infos, unmatched)
    return OptOut(
        PackedRows(_taken(info) if row in named else info for row, info in enumerate(infos)),
        unmatched,
    )


def rows_named(
    infos: Sequence[ImageInfo], wishes: Sequence[Wish], *, root: Path = Path(), archive: str = ""
) -> tuple[set[int], list[str]]:
    """Rows of the photos that the list takes down, copies too, and each line that named nothing.

    Args:
        infos, wishes, root, archive: as of `opt_out_of`.
    """
    answers = named_by(infos, wishes, root=root, archive=archive) if wishes else []
    named = {row for answer in answers for row in answer.rows}
    if copies := {infos[row].sha256 for row in named} - {None}:
        named |= {row for row, info in enumerate(infos) if info.sha256 in copies}
    return named, [str(answer) for answer in answers if answer.why]


def named_by(
    infos: Sequence[ImageInfo], wishes: Sequence[Wish], *, root: Path = Path(), archive: str = ""
) -> list[Answer]:
    """What each line names, by the rules of `opt_out_of`; copies are not looked for.

    Args:
        infos, wishes, root, archive: as of `opt_out_of`.
    """
    found = _search(infos, wishes, _Namer(root, archive))
    return [Answer(wish, *_settle(found.get(wish.number, {}), infos, wish)) for wish in wishes]


def _taken(info: ImageInfo) -> ImageInfo:
    return ImageInfo(
        source=info.source,
        sha256=info.sha256,
        url=info.url,
        status=Status.OPTED_OUT,
        reason=Reason.OPTED_OUT,
    )


def tell_unmatched(unmatched: Sequence[str], strict: bool) -> None:
    """Say which lines took nothing down.

    Raises:
        DataError: `strict`.
    """
    count = len(unmatched)
    what = f"{count} {'line' if count == 1 else 'lines'} of the opt-out list took nothing down"
    if strict:
        rest = f" and {count - 5} more" if count > 5 else ""
        raise DataError(f"{what}: {'; '.join(unmatched[:5])}{rest}", _CURE)
    logs.warn(what)
    for line in unmatched[:TOLD_LINES]:
        logs.say(f"  {line}")
    if count > TOLD_LINES:
        logs.say(f"  and {count - TOLD_LINES} more")


def _level(name: str) -> str:
    """A name with everything levelled that people and programs write in two ways."""
    plain = unicodedata.normalize("NFC", unquote(name, errors="backslashreplace"))
    plain = re.sub(r"/{2,}", "/", plain.strip().strip("\"'").replace("\\", "/"))
    return re.sub(r"^(\./)+", "", plain).lstrip("/")


def _line_as_url(text: str) -> Iterator[str]:
    """A line that is a URL, or `host:` and a host, in the spelling of `_names_of_url`."""
    if text.lower().startswith(_HOST):
        if host := host_of(f"http://{text[len(_HOST) :].strip()}"):
            yield _HOST + host
    elif host_of(text):
        yield target_of(text).url


def _names_of_url(url: str) -> Iterator[str]:
    """The one spelling of a photo's URL, its host, and of a name the hosts above it."""
    host = host_of(url)
    if not host:
        return
    yield target_of(url).url
    yield _HOST + host
    labels = host.split(".")
    above = range(1, len(labels) - 1) if not labels[-1].isdigit() else ()
    yield from (_HOST + ".".join(labels[start:]) for start in above)


def names_url(wishes: Sequence[Wish]) -> Callable[[str], bool]:
    """Whether the list names a URL, or its host."""
    named = {
        name for wish in wishes if not wish.comment for name in _line_as_url(wish.text.strip())
    }
    return lambda url: not named.isdisjoint(_names_of_url(url))


@dataclass(frozen=True)
class _Namer:
    """All names that a line or a photo goes by: (kind 1 to 4 of `opt_out_of`, name) pairs."""

    root: Path
    archive: str

    def of_line(self, wish: Wish) -> Iterator[tuple[int, str]]:
        text = wish.text
        if wish.comment:
            yield 1, text
            yield 1, text.strip()
            return
        checksum = _CHECKSUM.fullmatch(text.strip())
        for form in {text, text.strip(), *([checksum[1]] if checksum else [])}:
            yield 1, form
            if re.fullmatch(r"(sha256:)?([0-9a-fA-F]{64}|[0-9a-fA-F]{16})", form):
                yield 1, form.lower().removeprefix("sha256:")
        yield from ((1, name) for name in _line_as_url(text.strip()))
        for form in {_level(text), *self._below(_level(text))} - {""}:
            yield 2, form
            yield 3, form.casefold()
            yield 4, form.casefold()

    def _below(self, text: str) -> Iterator[str]:
        """A levelled path without the root that it begins with."""
        for root in {str(self.root), str(self.root.resolve()), self.root.name}:
            head = _level(root)
            for mark in "/!":
                if head and text.startswith(head + mark):
                    yield text[len(head) + 1 :]

    def of_photo(self, info: ImageInfo) -> Iterator[tuple[int, str]]:
        member = info.source
        if self.archive:
            member = info.source.removeprefix(f"{self.archive}!")
        for exact in (info.id, info.sha256, info.url, info.source, member):
            if exact:
                yield 1, exact
        yield from ((1, name) for name in _names_of_url(info.url or info.source))
        levelled = _level(member)
        for text in {levelled, _level(info.source), _level(info.url or "")} - {""}:
            yield 2, text
            yield 3, text.casefold()
        parts = levelled.casefold().split("/")
        for start in range(len(parts)):
            yield 4, "/".join(parts[start:])


def _search(
    infos: Iterable[ImageInfo], wishes: Iterable[Wish], namer: _Namer
) -> dict[int, dict[int, set[int]]]:
    """Line number -> kind of name -> rows of the photos that it fits."""
    wanted: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for wish in wishes:
        for kind, name in set(namer.of_line(wish)):
            wanted[kind, name].append(wish.number)
    found: dict[int, dict[int, set[int]]] = {}
    for row, info in enumerate(infos):
        for key in namer.of_photo(info):
            for number in wanted.get(key, ()):
                found.setdefault(number, {}).setdefault(key[0], set()).add(row)
    return found


def _settle(
    found: dict[int, set[int]], infos: Sequence[ImageInfo], wish: Wish
) -> tuple[frozenset[int], str]:
    """The photos that a line takes down, and why it takes none."""
    if not found:
        return frozenset(), "" if wish.comment else "no photo goes by this name"
    kind = min(found)
    rows = found[kind]
    contents = {infos[row].sha256 or infos[row].source for row in rows}
    if kind == 1 or len(contents) == 1:
        return frozenset(rows), ""
    many = f"ambiguous: it fits {len(contents)} photos"
    return frozenset(), f"{many}; give the whole path or the sha256"
