"""What the headers of an answer mean, and its body unpacked."""

import math
import re
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain

from limbeck.ingestion.fetching.outcomes import gone, lost

_WORD = re.compile(r"[a-z0-9_-]+")
_OPT_OUTS = {"noai", "noimageai"}


def opts_out(values: Sequence[str]) -> str:
    """The `X-Robots-Tag` value by which a photo's owner refuses training; empty where none does.

    Upper or lower case, alone or among others, with or without the name of a robot before it:
    `noai` addressed to another robot is heeded too, for what its owner wants is plain.
    """
    return next((v[:200] for v in values if _OPT_OUTS & set(_WORD.findall(v.lower()))), "")


def retry_after(value: str) -> float | None:
    """Seconds that a `Retry-After` asks to wait, infinity for absurd ones; None for garbage."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value) if len(value) < 10 else math.inf
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)


def unpacked(chunks: Iterable[bytes], encoding: str, most: int) -> bytes:
    """A body, unpacked if its server packed it against our wish (gzip, deflate).

    No more than `most` + 1 bytes are ever unpacked.

    Raises:
        NotFetched: packed in another way, damaged, cut short, or more than `most` bytes.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return _joined(chunks, most)
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise gone(f"packed by {encoding[:40]!r}, which was not asked for and is not read")
    rest = iter(chunks)
    start = b""
    while len(start) < 2 and (chunk := next(rest, None)) is not None:
        start += chunk
    unpacker = zlib.decompressobj(31 if "gzip" in encoding else _deflated(start))
    pieces, size = [], 0
    for chunk in chain([start], rest):
        if unpacker.eof:
            raise gone("more follows its packed body")
        waiting = chunk
        while waiting:
            try:
                piece = unpacker.decompress(waiting, most + 1 - size)
            except zlib.error as error:
                raise lost(f"its packed body is damaged: {error}") from None
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise gone(f"unpacks to more than {most} bytes")
            waiting = unpacker.unconsumed_tail
    if not unpacker.eof:
        raise lost("its packed body is cut short")
    if unpacker.unused_data:
        raise gone("more follows its packed body")
    return b"".join(pieces)


def _joined(chunks: Iterable[bytes], most: int) -> bytes:
    pieces, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise gone(f"more than {most} bytes")
        pieces.append(chunk)
    return b"".join(pieces)


def _deflated(start: bytes) -> int:
    """Bits for zlib: `deflate` means a zlib stream, and some servers send a bare one."""
    zlibbed = len(start) > 1 and start[0] & 15 == 8 and (start[0] << 8 | start[1]) % 31 == 0
    return 15 if zlibbed else -15
