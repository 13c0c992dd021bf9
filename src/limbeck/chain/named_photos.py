"""Which photos a take-down list means: those that its lines name, their copies and near copies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from limbeck.artefacts.takedowns import TakeDown, read_takedowns
from limbeck.chain.places import Place
from limbeck.data import Dataset, is_taken
from limbeck.ingestion import Wish, named_by
from limbeck.records import ImageInfo, Status

Why = Literal["named", "copy", "near copy", "begun"]


@dataclass(frozen=True)
class Photo:
    """A listed file that goes.

    Attributes:
        info: its row.
        why: named by a line; a copy, byte for byte or to the eye, of one that is; or of a take-down
            that was begun and did not end.
        file: where the person's own photo lies, or lay; None where nothing says it.
    """

    info: ImageInfo
    why: Why
    file: str | None


@dataclass
class Found:
    """What a list means in some places.

    Attributes:
        rows: for every dataset (its folder) the places of photos in `Dataset.listed()`, with them.
        lines: each line of the list with the names of the photos that it names.
        unmatched: lines that name nothing, and why.
        ids, sha256: of all photos, those of a take-down that did not end too.
    """

    rows: dict[Path, dict[int, Photo]] = field(default_factory=dict)
    lines: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    sha256: set[str] = field(default_factory=set)

    @property
    def photos(self) -> list[Photo]:
        """All rows of all datasets."""
        return [photo for rows in self.rows.values() for photo in rows.values()]

    def names(self) -> set[str]:
        """Words by which somebody may have written these photos down: ids, hashes, names, URLs."""
        words = self.ids | self.sha256
        for photo in self.photos:
            source = photo.info.source
            inner = source.split("!", 1)[-1]
            words |= {source, inner, PurePosixPath(inner).name, photo.info.url or ""}
        return {word for word in words if len(word) > 3}


def find_photos(
    places: Sequence[Place], wishes: Sequence[Wish], begun: Sequence[TakeDown]
) -> Found:
    """What the lines name in the datasets of `places`, and what `begun` take-downs still mean."""
    found = Found()
    known = [(place, data, data.listed()) for place in places for data in place.datasets]
    for one in begun:
        found.ids |= set(one.ids)
        found.sha256 |= set(one.sha256)
    for _, data, infos in known:
        found.rows[data.root] = {}
        for row, info in enumerate(infos):
            if not is_taken(info) and (info.id in found.ids or info.sha256 in found.sha256):
                found.rows[data.root][row] = Photo(info, "begun", None)
    _match(found, known, wishes, _before(places))
    _spread(found, known)
    for place, data, infos in known:
        for row, photo in found.rows[data.root].items():
            found.rows[data.root][row] = Photo(infos[row], photo.why, _file(place, photo.info))
    return found


def _before(places: Sequence[Place]) -> set[str]:
    """Ids and hashes that were taken down here already."""
    earlier = [one for place in places for one in read_takedowns(place.root)]
    return {word for one in earlier for word in (*one.ids, *one.sha256)}


_Known = Sequence[tuple[Place, Dataset, Sequence[ImageInfo]]]


def _match(found: Found, known: _Known, wishes: Sequence[Wish], before: set[str]) -> None:
    """Ask every dataset about every line; a line that one of them finds ambiguous names nothing."""
    asked = []
    for place, data, infos in known:
        archive = _archive(infos)
        asked.append(named_by(infos, wishes, root=place.photos or data.root, archive=archive))
    for number, wish in enumerate(wishes):
        answers = [answers[number] for answers in asked]
        unclear = next((a for a in answers if a.why.startswith("ambiguous")), None)
        names: list[str] = []
        gone = wish.text.strip().lower().removeprefix("sha256:") in before
        for (_, data, infos), answer in zip(known, answers, strict=True):
            for row in sorted(answer.rows if unclear is None else ()):
                if is_taken(infos[row]):
                    gone = True
                    continue
                found.rows[data.root][row] = Photo(infos[row], "named", None)
                names.append(infos[row].source)
        if names:
            found.lines.append((str(wish), tuple(dict.fromkeys(names))))
        elif unclear is not None:
            found.unmatched.append(str(unclear))
        elif not wish.comment:
            why = "it was taken down before" if gone else "no photo goes by this name"
            found.unmatched.append(f"{wish} ({why})")


def _archive(infos: Sequence[ImageInfo]) -> str:
    """The archive that all photos come from, as `source` begins with it; empty for a folder."""
    heads = {info.source.split("!", 1)[0] for info in infos if not is_taken(info)}
    inside = all("!" in info.source for info in infos if not is_taken(info))
    return heads.pop() if len(heads) == 1 and inside else ""


def _spread(found: Found, known: _Known) -> None:
    """Take in what is the same picture, until there is no more: same bytes, or a near copy."""
    while True:
        before = len(found.photos)
        found.sha256 |= {p.info.sha256 for p in found.photos if p.info.sha256}
        for _, data, infos in known:
            rows = found.rows[data.root]
            pictures = {_picture(infos[row]) for row in rows} - {None}
            for row, info in enumerate(infos):
                if row in rows or is_taken(info):
                    continue
                if info.sha256 in found.sha256:
                    rows[row] = Photo(info, "copy", None)
                elif _picture(info) in pictures:
                    rows[row] = Photo(info, "near copy", None)
        if len(found.photos) == before:
            break
    found.ids |= {p.info.id for p in found.photos if p.info.id}


def _picture(info: ImageInfo) -> str | None:
    """What all copies of a picture have in common: the id of the one that stayed."""
    return info.duplicate_of or info.id


def _file(place: Place, info: ImageInfo) -> str | None:
    """A person's own photo, as it may be found: `folder/name` or `archive.zip!member`."""
    if place.photos is None:
        return None
    name = info.source.split("#", 1)[0] if info.box and "#" in info.source else info.source
    if "!" in name and not place.photos.is_dir():
        return str(place.photos) + "!" + name.split("!", 1)[1]
    return str((place.photos if place.photos.is_dir() else place.photos.parent) / name)


def never_read(photos: Sequence[Photo]) -> Iterator[Photo]:
    """Photos without a hash: nothing knows them again."""
    return (p for p in photos if p.info.sha256 is None and p.info.status is not Status.OPTED_OUT)
