"""Zips that strangers made, read member by member: a bad member costs itself, not the archive.

Python's `zipfile` gives up on a whole archive for one odd name or version, believes what members
declare, and lets them share bytes, which is how a file of 1 MB declares 600 GB. Here the directory
is checked as a whole before a photo is opened (APPNOTE.TXT 6.3.10, sections 4.3 and 4.4), and of a
member no more is unpacked than it declares. Nothing is ever extracted to disk.
"""

import bz2
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from limbeck.errors import DataError
from limbeck.ingestion.regular import Unreadable, open_regular, read_exactly
from limbeck.ingestion.sources.zipentries import (
    BZIP2,
    DEFLATED,
    Member,
    end_in,
    is_folder,
    member_of,
    refusal,
    without_overlaps,
)

MAX_TOTAL_RATIO = 50  # of all members together, above 1 GiB
_MAX_DIRECTORY = 256 * 2**20
_TOTAL_FREE = 2**30
_END64, _ENTRY, _LOCAL = b"PK\6\6", b"PK\1\2", b"PK\3\4"
_CURE = "give a folder of photos or a whole .zip; packing the photos again helps"


class Zip:
    """An open zip. `members` lists its files, folders left out, in the order of its directory.

    Raises:
        DataError: no zip, a directory that is damaged, one part of several, or members that
            declare more than 50 times the archive's size (and more than 1 GiB) in all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            self._file, self._bytes = open_regular(path)
        except (OSError, Unreadable) as error:
            raise self._broken(str(error)) from error
        try:
            self.members = self._list()
        except OSError as error:
            self._file.close()
            raise self._broken(str(error)) from error
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, member: Member) -> bytes:
        """The bytes of a member, checked against its size and CRC; safe from several threads.

        Raises:
            Unreadable: it is refused, damaged, or holds more or less than it declares.
            OSError: the archive cannot be read.
        """
        if member.refused:
            raise Unreadable(member.refused)
        packed = self._at(member.data, member.packed)
        data = _unpacked(packed, member)
        if len(data) > member.size:
            raise Unreadable(f"it holds more than the {member.size} bytes that it declares")
        if len(packed) < member.packed or len(data) < member.size:
            raise Unreadable(f"cut short: {len(data)} of {member.size} bytes")
        if zlib.crc32(data) != member.crc:
            raise Unreadable("damaged: its CRC-32 is not the one that the archive declares")
        return data

    def _at(self, offset: int, count: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return read_exactly(self._file, count)

    def _broken(self, why: str) -> DataError:
        return DataError(f"{self.path} is neither a folder nor a readable zip: {why}", _CURE)

    def _list(self) -> list[Member]:
        start, size, count, shift = self._find_directory()
        directory = self._at(start, size)
        listed = list(self._entries(directory, shift))
        if (len(listed) - count) % 65536:
            raise self._broken(f"its directory names {count} entries and holds {len(listed)}")
        found = [self._locate(m, start) for m in listed if not is_folder(m)]
        members = without_overlaps(found)
        declared = sum(m.size for m in members if not m.refused)
        if declared > max(_TOTAL_FREE, MAX_TOTAL_RATIO * self._bytes):
            raise self._broken(
                f"its {len(members)} members declare {declared} bytes, more than "
                f"{MAX_TOTAL_RATIO} times the {self._bytes} of the archive"
            )
        return members

    def _find_directory(self) -> tuple[int, int, int, int]:
        """Of the central directory: offset, bytes, entries; and what precedes the zip, bytes."""
        tail_at = max(0, self._bytes - 65_557)
        tail = self._at(tail_at, self._bytes - tail_at)
        at = end_in(tail)
        if at < 0:
            raise self._broken("no end of a zip's directory in it")
        disk, first, here, count, size, offset = struct.unpack_from("<4H2I", tail, at + 4)
        end = tail_at + at
        if end >= 76:
            wide = self._at(end - 76, 76)
            if wide[:4] == _END64 and wide[56:60] == b"PK\6\7":
                disk, first, here, count, size, offset = struct.unpack_from("<2I4Q", wide, 16)
                end -= 76
        if disk or first or here != count:
            raise self._broken("one part of an archive of several")
        shift = end - size - offset
        if shift < 0 or size > _MAX_DIRECTORY:
            raise self._broken(f"its directory ({size} bytes at {offset}) does not fit into it")
        return end - size, size, count, shift

    def _entries(self, directory: bytes, shift: int) -> Iterator[Member]:
        at = number = 0
        while at < len(directory):
            head = directory[at : at + 46]
            if len(head) < 46 or head[:4] != _ENTRY:
                raise self._broken(f"its directory is damaged after {number} entries")
            fields = struct.unpack("<4s6H3I5H2I", head)
            name, extra, comment = fields[10:13]
            stop = at + 46 + name + extra
            if stop + comment > len(directory):
                raise self._broken(f"its directory is damaged after {number} entries")
            raw = directory[at + 46 : at + 46 + name]
            yield member_of(fields, raw, directory[at + 46 + name : stop], shift)
            at = stop + comment
            number += 1

    def _locate(self, member: Member, limit: int) -> Member:
        """With the place of its bytes, if its local header agrees; else with a reason."""
        head = self._at(member.header, 30 + len(member.raw)) if member.header < limit else b""
        wrong = "its place in the archive is wrong"
        agreed = [member.crc, member.packed, member.size]
        if len(head) == 30 + len(member.raw) and head[:4] == _LOCAL and head[30:] == member.raw:
            name, extra = struct.unpack_from("<2H", head, 26)
            data = member.header + 30 + name + extra
            here = struct.unpack_from("<3I", head, 14)
            pairs = zip(here, agreed, strict=True)
            if not all(one in (0, 0xFFFFFFFF, other) for one, other in pairs):
                wrong = "its two headers disagree"
            elif name == len(member.raw) and data + member.packed <= limit:
                member = replace(member, data=data)
                wrong = ""
        return replace(member, refused=refusal(member) or wrong)


def _unpacked(packed: bytes, member: Member) -> bytes:
    """At most one byte more than declared.

    Raises:
        Unreadable: it is not packed as it says.
        MemoryError: there is too little memory to unpack it.
    """
    try:
        if member.method == DEFLATED:
            return zlib.decompressobj(-15).decompress(packed, member.size + 1)
        if member.method == BZIP2:
            return bz2.BZ2Decompressor().decompress(packed, member.size + 1)
    except (zlib.error, OSError, EOFError) as error:
        if "Error -4" in str(error):
            raise MemoryError(str(error)) from error
        raise Unreadable(f"damaged: {error}") from None
    return packed
