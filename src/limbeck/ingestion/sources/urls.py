"""Photos that lie on the Internet: a list of URLs, fetched once and read from where they are kept.

Opening a list asks nothing of anybody; `bring` does, and only of what is not here yet.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from limbeck import fsio, logs
from limbeck.errors import DataError
from limbeck.ingestion.fetching import (
    FINAL,
    BadUrl,
    Fate,
    Fetching,
    Kept,
    Store,
    Target,
    fetch_all,
    settled,
    target_of,
)
from limbeck.ingestion.optout import Wish, names_url, rows_named
from limbeck.ingestion.regular import Unreadable
from limbeck.ingestion.sources.base import NO_FACTS, Box, Entry, Facts, Source, text_of
from limbeck.ingestion.sources.url_rows import Row, rows_of
from limbeck.records import ImageInfo, Reason, Status

_BY_LIST = "the opt-out list names it"
_COPY = "a copy of a photo that opted out"
_SHOWN = 200  # letters of what is no URL


class UrlSource(Source):
    """The photos that a list of URLs names, sorted by URL; each URL once, whatever its spelling.

    A URL with two boxes is two entries, the second called `URL#left,top,right,bottom`. What is no
    URL that is fetched, and a row without one, is listed and refused. Facts are those of the first
    row of a URL.

    Args:
        path: the list.
        kind: as `list_kind` says.
        fetching: where photos are kept, and how they are fetched.

    Raises:
        DataError: not such a list; the row at fault is named.
        UsageError: a non-ASCII host, and the package idna is missing.
    """

    archive = ""

    def __init__(self, path: Path, kind: str, fetching: Fetching) -> None:
        self.path = Path(path)
        self.store = Store(fetching.home)
        self._fetching = fetching
        self._facts: dict[str, Facts] = {}
        self._targets: dict[str, Target] = {}
        with logs.working("reading the list of URLs"):
            listed = list(self._list(rows_of(self.path, kind)))
        self.entries: Sequence[Entry] = sorted(listed, key=lambda e: e.source)
        if not self.entries:
            raise DataError(f"{self.path} lists no URL", "give a list of one or more")
        self._all = self.entries
        self._mine = self._targets
        self._digest = fsio.digest_json(
            [[e.source, e.refused, e.box, *vars(self.facts(e)).values()] for e in self.entries]
        )

    def read(self, entry: Entry) -> bytes:
        """See `Source.read`; never from the network."""
        kept = self.store.find(entry.name)
        if kept is None or kept.fate is not Fate.FETCHED or kept.sha256 is None:
            raise Unreadable("it was not fetched")
        return self.store.read(kept.sha256)

    def path_of(self, entry: Entry) -> str:
        """See `Source.path_of`: a URL stands for itself."""
        return entry.name

    def facts(self, entry: Entry) -> Facts:
        """See `Source.facts`: what its row says."""
        return self._facts.get(entry.name, NO_FACTS)

    def digest(self) -> str:
        """See `Source.digest`: of the list. What hosts answer, and when, makes no list another."""
        return self._digest

    def home(self, entry: Entry) -> str:
        """See `Source.home`: the host of its URL, so that each host is asked by one part alone."""
        target = self._targets.get(entry.name)
        return entry.name if target is None else target.host

    def keep_only(self, wanted: Callable[[Entry], bool]) -> None:
        """See `Source.keep_only`."""
        super().keep_only(wanted)
        left = {entry.name for entry in self.entries}
        self._mine = {url: target for url, target in self._targets.items() if url in left}

    def bring(self, wishes: Sequence[Wish]) -> dict[str, str]:
        """See `Source.bring`. Bodies of what opted out are removed from where they were kept.

        Raises:
            UsageError: something must be fetched, and httpcore is missing.
            DataError: the folder of fetched photos holds other things, or cannot be written.
        """
        unwanted = self.named(wishes)
        targets = [target for url, target in self._mine.items() if url not in unwanted]
        found = fetch_all(targets, self.store, self._fetching, names_url(wishes))
        unwanted |= self.named(wishes)
        known = [self.store.find(url) for url in unwanted]
        opted = [kept for kept in found.values() if kept.fate is Fate.OPTED_OUT]
        removed = {kept.sha256: _COPY for kept in opted if kept.sha256}
        removed |= {kept.sha256: _BY_LIST for kept in known if kept and kept.sha256}
        for body in removed:
            self.store.forget(body)
        self.entries = [self._settled(entry, found, unwanted, removed) for entry in self.entries]
        if left_out := len(unwanted & self._mine.keys()):
            logs.say(f"left out, for the opt-out list names them: {left_out}")
        return removed

    def named(self, wishes: Sequence[Wish]) -> set[str]:
        """URLs that the opt-out list names, as far as is known without asking anybody.

        Of a part, too, lines are compared with the whole list: what is ambiguous there is so here.
        """
        infos = []
        for entry in self._all if wishes else ():
            kept = self.store.find(entry.name) if entry.name in self._targets else None
            infos.append(
                ImageInfo(
                    source=entry.source, url=self.facts(entry).url, status=Status.FAILED,
                    sha256=kept.sha256 if kept else None,
                )
            )  # fmt: skip
        rows, _ = rows_named(infos, wishes, root=self.path)
        named = {self._all[row].name for row in rows} & self._targets.keys()
        unwanted = names_url(wishes)
        return named | {url for url in self._targets if self._led_to(url, unwanted)}

    def _led_to(self, url: str, unwanted: Callable[[str], bool]) -> bool:
        """Whether redirects led from a URL to one that opted out."""
        kept = self.store.find(url)
        return kept is not None and unwanted(kept.headers.get(FINAL, ""))

    def waiting(self, wishes: Sequence[Wish]) -> tuple[list[Target], int]:
        """URLs that `bring` would ask for, and the bytes of the photos that are here already."""
        unwanted, days = self.named(wishes), self._fetching.limits.remembered
        left, here = [], 0
        for url, target in self._mine.items():
            if url in unwanted:
                continue
            kept = settled(self.store, target, days, verify=False)
            if kept is None:
                left.append(target)
            else:
                here += kept.bytes if kept.fate is Fate.FETCHED else 0
        return left, here

    def _settled(
        self, entry: Entry, found: dict[str, Kept], unwanted: set[str], removed: dict[str, str]
    ) -> Entry:
        """An entry with what became of its URL."""
        if entry.name not in self._targets:
            return entry
        if entry.name in unwanted:
            return replace(entry, refused=_BY_LIST, reason=Reason.OPTED_OUT)
        kept = found[entry.name]
        if kept.fate is Fate.FETCHED and kept.sha256 in removed:
            return replace(entry, refused=_COPY, reason=Reason.OPTED_OUT)
        if kept.fate is Fate.FETCHED:
            return replace(entry, bytes=kept.bytes)
        opted = kept.fate is Fate.OPTED_OUT
        reason = Reason.OPTED_OUT if opted else Reason.NOT_FETCHED
        return replace(entry, refused=kept.detail, reason=reason)

    def _list(self, rows: Iterator[Row]) -> Iterator[Entry]:
        boxes: Counter[str] = Counter()
        seen: set[tuple[str, Box | None]] = set()
        for row in rows:
            name, refused = self._name(row)
            if (name, row.box) in seen:
                continue
            seen.add((name, row.box))
            if row.facts != NO_FACTS:
                self._facts.setdefault(name, row.facts)
            boxes[name] += 1
            again = "#" + ",".join(map(str, row.box)) if row.box and boxes[name] > 1 else ""
            if boxes[name] > 1 and not again:
                again = "#whole"
            yield Entry(
                name + again, name, 0, "", refused=refused, box=row.box,
                reason=Reason.NOT_FETCHED if refused else Reason.UNREADABLE,
            )  # fmt: skip

    def _name(self, row: Row) -> tuple[str, str]:
        """What a row's photo is called, and why it is refused."""
        if not row.url:
            return f"{text_of(self.path.name)}, row {row.number}", "a row without a URL"
        try:
            target = target_of(row.url)
        except BadUrl as why:
            name = logs.visible(row.url)
            if len(name) > _SHOWN:
                name = f"{name[:_SHOWN]}... (sha256 {sha256(name.encode()).hexdigest()[:16]})"
            return name, str(why)
        self._targets[target.url] = target
        return target.url, ""
