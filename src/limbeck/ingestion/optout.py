"""The take-down list: photos whose owners do not want them used."""

from collections.abc import Sequence
from pathlib import Path

from limbeck import logs
from limbeck.errors import DataError
from limbeck.records import ImageInfo, Reason, Status


def read_opt_out(path: Path | None) -> frozenset[str]:
    """Lines of an opt-out file: an id, a sha256, a URL or a source each; `#` begins a comment line.

    Raises:
        DataError: the file is missing or is not UTF-8 text.
    """
    if path is None:
        return frozenset()
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"opt-out list {path} cannot be read: {error}", "one name a line"
        ) from error
    return frozenset(s for line in lines if (s := line.strip()) and not s.startswith("#"))


def opt_out_of(infos: Sequence[ImageInfo], wanted: frozenset[str]) -> list[ImageInfo]:
    """Mark what the list names, and every byte-for-byte copy of it, as opted out.

    A source may be given with or without the archive's name. Names that match nothing are told.
    """
    if not wanted:
        return list(infos)
    matched: set[str] = set()
    named: set[int] = set()
    for number, info in enumerate(infos):
        member = info.source.partition("!")[2]
        names = {info.source, member, info.id, info.sha256, info.url} & wanted
        if names:
            matched |= {name for name in names if name}
            named.add(number)
    copies = {infos[number].sha256 for number in named} - {None}
    if idle := wanted - matched:
        logs.warn(f"{len(idle)} names on the opt-out list match no file, e.g. {min(idle)}")
    return [
        ImageInfo(
            source=info.source,
            sha256=info.sha256,
            url=info.url,
            status=Status.OPTED_OUT,
            reason=Reason.OPTED_OUT,
        )
        if number in named or info.sha256 in copies
        else info
        for number, info in enumerate(infos)
    ]
