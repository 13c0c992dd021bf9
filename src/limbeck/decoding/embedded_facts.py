"""Rights, author, camera and day that a photo's own file tells. Nothing else of it is read.

EXIF (Copyright, Artist, Make, Model, DateTimeOriginal), XMP (dc:rights, dc:creator, cc:license,
xmpRights:WebStatement) and IPTC (copyright notice, by-line, credit). Places, comments, captions,
faces and serial numbers are never looked at: a filter has no business with them.
"""

import io
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any
from xml.parsers import expat

from PIL import Image

from limbeck.kit.containers import content, png_chunks
from limbeck.kit.exif import Exif, read_exif
from limbeck.kit.photos import photo_formats

_MOST = 2000  # letters of one fact
_CAMERA = 200
_XMP_BYTES = 1 << 20
_DEEP, _ELEMENTS, _TEXTS = 64, 20_000, 50  # of an XMP packet
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_RIGHTS = "http://purl.org/dc/elements/1.1/ rights"
_CREATOR = "http://purl.org/dc/elements/1.1/ creator"
_STATEMENT = "http://ns.adobe.com/xap/1.0/rights/ WebStatement"
_LICENCE = "http://creativecommons.org/ns# license"
_WANTED = frozenset((_RIGHTS, _CREATOR, _STATEMENT, _LICENCE))
_IPTC_AUTHOR, _IPTC_CREDIT, _IPTC_COPYRIGHT = 80, 110, 116
_PHOTOSHOP_IPTC = 0x0404
_PNG_XMP = b"XML:com.adobe.xmp\0\0\0"


@dataclass(frozen=True)
class Facts:
    """What is known of a photo besides its pixels; it goes into the dataset's table.

    `taken` is the day as YYYY-MM-DD, `camera` make and model; both only the photo's file tells.
    """

    licence: str | None = None
    author: str | None = None
    url: str | None = None
    taken: str | None = None
    camera: str | None = None


def embedded_facts(data: bytes) -> Facts:
    """Facts in a photo's file; damaged or odd metadata are passed over.

    Args:
        data: the file. Its header is read, no pixels.

    Raises:
        MemoryError: there is too little memory.
    """
    try:
        with Image.open(io.BytesIO(data), formats=photo_formats()) as image:
            exif, packet, notes = _blocks(image, data)
    except MemoryError:
        raise
    except Exception:  # a decoder may raise anything on a stranger's bytes
        return Facts()
    xmp, iptc = read_xmp(packet), read_iptc(notes)
    rights = (
        *xmp.get(_RIGHTS, [])[:1], *iptc.get(_IPTC_COPYRIGHT, [])[:1], _text(exif.copyright)
    )  # fmt: skip
    authors = (
        ", ".join(xmp.get(_CREATOR, [])), ", ".join(iptc.get(_IPTC_AUTHOR, [])),
        _text(exif.artist), *iptc.get(_IPTC_CREDIT, []),
    )  # fmt: skip
    terms = (*xmp.get(_LICENCE, [])[:1], *xmp.get(_STATEMENT, [])[:1], _first(rights))
    return Facts(
        licence="; ".join(dict.fromkeys(filter(None, terms)))[:_MOST] or None,
        author=_first(authors)[:_MOST] or None,
        taken=_day(exif.taken),
        camera=_camera(_text(exif.make), _text(exif.model)),
    )


def _first(texts: tuple[str, ...]) -> str:
    return next(filter(None, texts), "")


def _blocks(image: Any, data: bytes) -> tuple[Exif, bytes, bytes]:
    """(EXIF, XMP packet, IPTC records) of an opened file; empty where there are none."""
    block, packet, notes = image.info.get("exif"), image.info.get("xmp"), b""
    if image.format == "TIFF":
        block = data
    elif image.format == "PNG":
        for part in png_chunks(image.fp):
            if part.kind == b"eXIf":
                block = block or content(image.fp, part)
            elif part.kind == b"iTXt" and not packet:
                packet = _png_xmp(content(image.fp, part))
    photoshop = image.info.get("photoshop")
    if isinstance(photoshop, Mapping):
        notes = photoshop.get(_PHOTOSHOP_IPTC, b"")
    block, packet, notes = (b if isinstance(b, bytes) else b"" for b in (block, packet, notes))
    exif = read_exif(block)
    return exif, packet, notes or exif.iptc


def _png_xmp(text: bytes) -> bytes:
    """The packet in an uncompressed iTXt chunk of XMP."""
    if not text.startswith(_PNG_XMP):
        return b""
    return text[len(_PNG_XMP) :].split(b"\0", 2)[-1]


def _text(raw: bytes | str) -> str:
    """One line of at most 2,000 letters; what cannot be shown becomes a space."""
    text = raw if isinstance(raw, str) else _letters(raw[: 4 * _MOST])
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())[:_MOST]


def _letters(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _camera(make: str, model: str) -> str | None:
    named = model.casefold().startswith(make.casefold())
    return (model if named else f"{make} {model}".strip())[:_CAMERA] or None


def _day(raw: bytes) -> str | None:
    """`2020:01:31 12:00:00` -> `2020-01-31`."""
    found = re.match(rb"(\d{4})[:-](\d\d)[:-](\d\d)(?!\d)", raw)
    try:
        return date(*map(int, found.groups())).isoformat() if found else None
    except ValueError:
        return None


class _Enough(Exception):
    """More than a packet of XMP needs, or a declaration that it must not have."""


class _Reader:
    """Collects wanted properties of the descriptions right under rdf:RDF; expands no entity."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self._path: list[str] = []
        self._elements = 0
        self._letters: list[str] | None = None

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        self._path.append(name)
        self._elements += 1
        if len(self._path) > _DEEP or self._elements > _ELEMENTS:
            raise _Enough
        if self._inside() == 0:
            for key in _WANTED & attributes.keys():
                self._add(key, attributes[key])
        if wanted := self._property():
            self._letters = []
            if resource := attributes.get(f"{_RDF}resource"):
                self._add(wanted, resource)

    def letters(self, text: str) -> None:
        if self._letters is not None and len(self._letters) < _MOST:
            self._letters.append(text[:_MOST])

    def end(self, name: str) -> None:
        if (wanted := self._property()) and self._letters is not None:
            self._add(wanted, "".join(self._letters))
            self._letters = None
        self._path.pop()

    def refuse(self, *_: object) -> None:
        self.found.clear()
        raise _Enough

    def _inside(self) -> int:
        """Elements within a description; below 0 outside of one."""
        at = self._path.index(f"{_RDF}RDF") if f"{_RDF}RDF" in self._path else len(self._path)
        described = self._path[at + 1 : at + 2] == [f"{_RDF}Description"]
        return len(self._path) - at - 2 if described else -1

    def _property(self) -> str:
        """The wanted property whose value is being read: itself, or an item of its list."""
        deep = self._inside()
        if deep not in (1, 3):
            return ""
        name = self._path[-deep]
        item = deep == 1 or self._path[-1] == f"{_RDF}li"
        return name if name in _WANTED and item else ""

    def _add(self, key: str, value: str) -> None:
        texts = self.found.setdefault(key, [])
        if (text := _text(value)) and len(texts) < _TEXTS:
            texts.append(text)


def read_xmp(packet: bytes) -> dict[str, list[str]]:
    """Wanted properties (`namespace name`) of an XMP packet -> their texts.

    A packet of more than 1 MiB, or one that declares a document type, tells nothing; of one that
    is damaged, what stands before the damage counts.
    """
    reader = _Reader()
    packet = packet.strip(b"\0 \r\n\t")
    if not packet or len(packet) > _XMP_BYTES:
        return reader.found
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.letters
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    with suppress(expat.ExpatError, _Enough, ValueError, LookupError):
        parser.Parse(packet, True)
    return reader.found


def read_iptc(block: bytes) -> dict[int, list[str]]:
    """Copyright notice, by-line and credit of an IPTC block -> their texts."""
    found: dict[int, list[str]] = {}
    at = 0
    for _ in range(_ELEMENTS):
        head = block[at : at + 5]
        if len(head) < 5 or head[0] != 0x1C or head[3] & 0x80:
            return found
        length = head[3] << 8 | head[4]
        value = block[at + 5 : at + 5 + length]
        if b"\x1c" in value:  # the length is a lie: other records would be taken for its text
            return found
        if head[1] == 2 and head[2] in (_IPTC_AUTHOR, _IPTC_CREDIT, _IPTC_COPYRIGHT):
            texts = found.setdefault(head[2], [])
            if (text := _text(value)) and len(texts) < _TEXTS:
                texts.append(text)
        at += 5 + length
    return found
