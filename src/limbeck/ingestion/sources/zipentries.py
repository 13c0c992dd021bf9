"""Entries of a zip's central directory: what each says of itself, and why it may be refused."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from limbeck.ingestion.regular import MAX_FILE_BYTES, too_large

MAX_RATIO = 200  # of one member
STORED, DEFLATED, BZIP2 = 0, 8, 12
END = b"PK\5\6"


@dataclass(frozen=True)
class Member:
    """One file in a zip.

    Attributes:
        name: as the zip gives it; odd bytes as `\\xNN`.
        raw: its bytes.
        size: bytes when unpacked, as declared.
        packed: bytes in the archive.
        crc: CRC-32 of the unpacked bytes, as declared.
        method: how it is packed.
        flags: general purpose bits.
        kind: file type of its Unix mode; 0 where there is none.
        header: offset of its local header.
        data: offset of its packed bytes; 0 where they cannot be found.
        refused: why it is not read; empty for an ordinary one.
    """

    name: str
    raw: bytes
    size: int
    packed: int
    crc: int
    method: int
    flags: int
    kind: int
    header: int
    data: int = 0
    refused: str = ""


def end_in(tail: bytes) -> int:
    """Where the directory's end record begins: the last whose comment ends with the file, else
    the last; -1 if there is none."""
    last = at = tail.rfind(END, 0, len(tail) - 18)
    while at >= 0:
        if at + 22 + int(struct.unpack_from("<H", tail, at + 20)[0]) == len(tail):
            return at
        at = tail.rfind(END, 0, at + 3)
    return last


def is_folder(member: Member) -> bool:
    """Whether it is a folder's own entry."""
    return member.raw.endswith(b"/") and not member.size


def member_of(fields: tuple[int, ...], raw: bytes, extra: bytes, shift: int) -> Member:
    """A member from the fields of its entry, its name and its extra field; `shift` bytes precede
    the zip in its file."""
    flags, method = fields[3:5]
    crc, packed, size = fields[7:10]
    disk, attributes, header = fields[13], fields[15], fields[16]
    refused = ""
    try:
        size, packed, header, disk = _widened(extra, size, packed, header, disk)
    except struct.error:
        refused = "its sizes (zip64) are missing"
    if disk:
        refused = "it lies in another part of the archive"
    encoding = "utf-8" if flags & 0x800 else "cp437"
    name = raw.decode(encoding, "backslashreplace")
    kind = attributes >> 16 & 0o170000
    return Member(
        name, raw, size, packed, crc, method, flags, kind, header + shift, refused=refused
    )


def _widened(
    extra: bytes, size: int, packed: int, header: int, disk: int
) -> tuple[int, int, int, int]:
    """The four numbers, those that did not fit taken from the zip64 extra field.

    Raises:
        struct.error: it is not there or too short.
    """
    narrow = [(size, 0xFFFFFFFF, "<Q"), (packed, 0xFFFFFFFF, "<Q"), (header, 0xFFFFFFFF, "<Q")]
    narrow.append((disk, 0xFFFF, "<I"))
    if all(value != full for value, full, _ in narrow):
        return size, packed, header, disk
    at, body = 0, b""
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == 1:
            body = extra[at + 4 : at + 4 + length]
            break
        at += 4 + length
    wide, at = [], 0
    for value, full, form in narrow:
        if value == full:
            value = struct.unpack_from(form, body, at)[0]
            at += struct.calcsize(form)
        wide.append(value)
    return wide[0], wide[1], wide[2], wide[3]


def refusal(member: Member) -> str:
    """Why a member is not opened; empty for an ordinary one."""
    name = member.name.replace("\\", "/") if b"\\" in member.raw else member.name
    if member.refused:
        return member.refused
    if not name:
        return "no name"
    if ".." in name.split("/") or name.startswith("/") or name[1:2] == ":" or "\0" in name:
        return "unsafe name in the archive"
    if member.kind not in (0, 0o100000):
        return "a link or device in the archive"
    if member.flags & (0x1 | 0x40 | 0x2000):
        return "encrypted"
    if member.method not in (STORED, DEFLATED, BZIP2) or member.flags & 0x20:
        return f"packed by method {member.method}, which is not read; pack it again"
    if large := too_large(member.size):
        return large
    if member.packed > MAX_FILE_BYTES:
        return f"{member.packed} packed bytes, limit {MAX_FILE_BYTES}"
    if member.size > MAX_RATIO * max(member.packed, 1):
        return f"compressed more than {MAX_RATIO} to 1"
    return ""


def without_overlaps(members: Sequence[Member]) -> list[Member]:
    """Refuse members that share bytes of the archive with another; one that does not is kept."""
    shared: set[int] = set()
    last, reach = -1, 0
    placed = [number for number, member in enumerate(members) if member.data]
    for number in sorted(placed, key=lambda n: (members[n].header, n)):
        member = members[number]
        if member.header < reach:
            shared |= {last, number}
        if member.data + member.packed > reach:
            last, reach = number, member.data + member.packed
    return [
        replace(m, refused=m.refused or "it shares bytes with another member") if n in shared else m
        for n, m in enumerate(members)
    ]
