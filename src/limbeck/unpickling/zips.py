"""Where the members of a zip archive lie, of archives as torch.save writes them: nothing is packed,
nothing overlaps, nothing is told twice."""

import struct
from itertools import pairwise
from typing import NamedTuple

from limbeck.unpickling.refusals import Refused

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_MEMBERS = 20_000
_ZIP64_TAIL = 56 + 20  # the record of zip64 and its locator, which torch writes always
_LINK = 0o120000


class Member(NamedTuple):
    """Bytes of the archive, half-open."""

    start: int
    end: int


def members(data: memoryview) -> dict[str, Member]:
    """Places of the members by name.

    Raises:
        Refused: damaged, packed, encrypted, with links, overlapping, of zip64 sizes or with a
            comment.
    """
    last = len(data) - _END.size
    if last < 0 or bytes(data[last : last + 4]) != b"PK\x05\x06":
        raise Refused("a zip archive without its end, or with a comment", max(last, 0))
    _, disk, first, here, count, length, at, comment = _END.unpack(data[last:])
    if disk or first or here != count or comment or count > _MEMBERS:
        raise Refused("a zip archive in parts, or of too many members", last)
    if at + length not in (last, last - _ZIP64_TAIL):
        raise Refused("a zip archive whose directory does not end where its end begins", last)
    found: dict[str, Member] = {}
    edges: list[tuple[int, int]] = []
    end = at + length
    for _ in range(count):
        at, name, header, place = _entry(data, at, end)
        if name in found:
            raise Refused("a zip archive with two members of one name", at)
        found[name] = place
        edges.append((header, place.end))
    edges.sort()
    if at != end or any(b[0] < a[1] for a, b in pairwise(edges)):
        raise Refused("a zip archive whose members overlap, or whose directory does not fit", at)
    if edges and edges[-1][1] > end - length:
        raise Refused("a zip archive whose members overlap its directory", end - length)
    return found


def _entry(data: memoryview, at: int, end: int) -> tuple[int, str, int, Member]:
    """(where the next begins, name, where the local header lies, place) of a directory's entry."""
    if end - at < _ENTRY.size:
        raise Refused("a zip archive whose directory is cut off", at)
    fields = _ENTRY.unpack(data[at : at + _ENTRY.size])
    signature, flags, method = fields[0], fields[3], fields[4]
    packed, size, named, extra, comment = fields[8:13]
    attributes, header = fields[15], fields[16]
    start = at + _ENTRY.size
    after = start + named + extra + comment
    if signature != b"PK\x01\x02" or after > end:
        raise Refused("a zip archive whose directory is damaged", at)
    if method or packed != size or flags & 0x41:
        raise Refused("a member of a zip archive is packed or encrypted", at)
    if 0xFFFFFFFF in (size, header) or (attributes >> 16) & 0o170000 == _LINK:
        raise Refused("a member of a zip archive is a link, or larger than 4 GB", at)
    raw = bytes(data[start : start + named])
    try:
        name = raw.decode("utf-8")
    except UnicodeError:
        raise Refused("a member of a zip archive has no name", at) from None
    return after, name, header, _body(data, header, raw, size)


def _body(data: memoryview, header: int, name: bytes, size: int) -> Member:
    """Where a member's bytes lie, behind its local header, which must agree with the directory."""
    if header + _LOCAL.size > len(data):
        raise Refused("a member of a zip archive lies outside", header)
    fields = _LOCAL.unpack(data[header : header + _LOCAL.size])
    start = header + _LOCAL.size
    body = start + fields[9] + fields[10]
    if fields[0] != b"PK\x03\x04" or fields[3] or bytes(data[start : start + fields[9]]) != name:
        raise Refused("a member of a zip archive is not what its directory says", header)
    if body + size > len(data):
        raise Refused("a member of a zip archive lies outside", header)
    return Member(body, body + size)
