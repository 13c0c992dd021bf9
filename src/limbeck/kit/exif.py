"""The few entries of EXIF that are read: orientation, authorship, camera and day. Never places."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_ENTRIES = 1000  # of one directory
_LETTERS = 8000  # bytes of one text
_RECORDS = 1 << 16  # bytes of IPTC records
_ORIENTATION, _MAKE, _MODEL, _ARTIST, _COPYRIGHT = 0x0112, 0x010F, 0x0110, 0x013B, 0x8298
_SUB, _TAKEN = 0x8769, 0x9003
_IPTC = 33723
_SHORT, _LONG = 3, 4
_TEXTS = {1: 1, 2: 1, 7: 1, 129: 1, _LONG: 4}  # bytes, ASCII, undefined, UTF-8; IPTC as numbers


@dataclass(frozen=True)
class Exif:
    """What was found; texts as they are written, empty where there are none.

    `orientation` is 1 to 8; 1 also stands for any other value. `iptc` are the records in a TIFF.
    """

    orientation: int = 1
    make: bytes = b""
    model: bytes = b""
    artist: bytes = b""
    copyright: bytes = b""
    taken: bytes = b""
    iptc: bytes = b""


def read_exif(block: bytes) -> Exif:
    """Read an EXIF block, with or without its mark `Exif`, or a TIFF file.

    Of two entries with one number the first counts. What is damaged is passed over: this never
    fails, looks at 2,000 entries at most, and copies at most 8,000 bytes of a text.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return Exif()
    first = dict(reversed(list(_entries(block, order, struct.unpack(order + "I", block[4:8])[0]))))
    turned = _number(first.get(_ORIENTATION), order)
    sub = _number(first.get(_SUB), order)
    second = dict(reversed(list(_entries(block, order, sub)))) if sub else {}
    return Exif(
        orientation=turned if 1 <= turned <= 8 else 1,
        make=_text(block, first.get(_MAKE), order),
        model=_text(block, first.get(_MODEL), order),
        artist=_text(block, first.get(_ARTIST), order),
        copyright=_text(block, first.get(_COPYRIGHT), order),
        taken=_text(block, second.get(_TAKEN), order),
        iptc=_text(block, first.get(_IPTC), order, _RECORDS),
    )


_Entry = tuple[int, int, bytes]  # kind, count, the four bytes of its value or place


def _entries(block: bytes, order: str, place: int) -> Iterator[tuple[int, _Entry]]:
    head = block[place : place + 2]
    count = struct.unpack(order + "H", head)[0] if len(head) == 2 else 0
    for number in range(min(count, _ENTRIES)):
        at = place + 2 + 12 * number
        entry = block[at : at + 12]
        if len(entry) < 12:
            return
        tag, kind, many = struct.unpack(order + "HHI", entry[:8])
        yield tag, (kind, many, entry[8:])


def _number(entry: _Entry | None, order: str) -> int:
    kind, count, value = entry or (0, 0, b"")
    if count != 1 or kind not in (_SHORT, _LONG):
        return 0
    size, letter = (2, "H") if kind == _SHORT else (4, "I")
    return int(struct.unpack(order + letter, value[:size])[0])


def _text(block: bytes, entry: _Entry | None, order: str, most: int = _LETTERS) -> bytes:
    kind, count, value = entry or (0, 0, b"")
    length = min(count * _TEXTS.get(kind, 0), most)
    if length <= 4:
        return value[:length]
    place = struct.unpack(order + "I", value)[0]
    return block[place : place + length]
