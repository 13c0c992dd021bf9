"""What a photo's file tells of its rights is kept; what it tells of a person never is."""

import json
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.decoding.decode import strict_pillow
from limbeck.decoding.embedded_facts import embedded_facts, read_iptc, read_xmp
from limbeck.ingestion import ingest
from limbeck.ingestion.sources import Facts
from limbeck.kit.exif import Exif, read_exif
from tests.decoding.drawn_files import chunk, exif, plain_tiff, png, saved, scene, segment
from tests.ingestion.ingestion_scenes import scene as photo

ASCII, LONG, BYTES = 2, 4, 7
COPYRIGHT, ARTIST, MAKE, MODEL, SUB, TAKEN = 0x8298, 0x013B, 0x010F, 0x0110, 0x8769, 0x9003
SECRET = b"PLANTED-SECRET-7f3a"


def block(**texts: bytes) -> bytes:
    """EXIF with copyright, artist, make, model; `taken` in the directory below."""
    numbers = {"copyright": COPYRIGHT, "artist": ARTIST, "make": MAKE, "model": MODEL}
    entries: dict[int, tuple[int, object]] = {
        numbers[key]: (ASCII, text) for key, text in texts.items() if key in numbers
    }
    if "taken" not in texts:
        return exif(entries)
    first = exif(entries | {SUB: (LONG, 0)})
    first = exif(entries | {SUB: (LONG, len(first))})
    below = exif({TAKEN: (ASCII, texts["taken"])})[8:]
    # Places within the second directory count from the beginning of the block.
    text_at = len(first) + len(below) - len(texts["taken"]) - len(texts["taken"]) % 2
    return first + below[:10] + struct.pack("<I", text_at) + below[14:]


def packet(body: str, attributes: str = "") -> bytes:
    return (
        '<?xpacket begin="" id="W5M0"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:cc="http://creativecommons.org/ns#" '
        'xmlns:r="http://ns.adobe.com/xap/1.0/rights/" xmlns:exif="http://ns.adobe.com/exif/1.0/">'
        f'<rdf:Description rdf:about="" {attributes}>{body}</rdf:Description></rdf:RDF>'
        '</x:xmpmeta><?xpacket end="w"?>'
    ).encode()


RIGHTS = '<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt></dc:rights>'
CREATORS = "<dc:creator><rdf:Seq><rdf:li>{}</rdf:li><rdf:li>{}</rdf:li></rdf:Seq></dc:creator>"
STATEMENT = 'r:WebStatement="https://example.org/terms"'
RECORDS = b"".join(
    b"\x1c\2" + bytes([number]) + struct.pack(">H", len(text)) + text
    for number, text in ((5, SECRET), (80, b"Ada Line"), (110, b"An Agency"), (116, b"(c) Line"),
                         (120, SECRET))
)  # fmt: skip


def with_iptc(data: bytes, records: bytes) -> bytes:
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records
    resource += b"\0" * (len(records) % 2)
    return data[:2] + segment(0xED, b"Photoshop 3.0\0" + resource) + data[2:]


def facts(data: bytes) -> Facts:
    with strict_pillow():
        return embedded_facts(data)


FULL = block(
    copyright="© 2020 Zoë\0A Publisher\0".encode(), artist=b"Zo\xeb  Photo\0", make=b"NIKON\0",
    model=b"NIKON D90\0", taken=b"2020:02:29 23:59:58\0",
)  # fmt: skip
TOLD = Facts(
    licence="© 2020 Zoë A Publisher", author="Zoë Photo", taken="2020-02-29", camera="NIKON D90"
)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_exif(kind: str) -> None:
    assert facts(saved(scene(), kind, exif=b"Exif\0\0" + FULL)) == TOLD


def test_exif_after_the_pixels_and_in_a_tiff() -> None:
    assert facts(png(scene().reshape(72, -1), 2, 8, after=chunk(b"eXIf", FULL))) == TOLD
    tags = {"t33432": (ASCII, b"Free\0"), "t315": (ASCII, b"Ada\0"), "t272": (ASCII, b"M1\0")}
    told = facts(plain_tiff(scene(), 2, [8] * 3, **tags))
    assert told == Facts(licence="Free", author="Ada", camera="M1")


def test_xmp_and_its_order_before_exif() -> None:
    body = RIGHTS.format("All &amp; more") + CREATORS.format("Ada", "Bob")
    told = Facts(licence="https://example.org/terms; All & more", author="Ada, Bob")
    data = packet(body, STATEMENT)
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + data
    rows = scene().reshape(72, -1)
    for file in (
        saved(scene(), "JPEG", xmp=data), saved(scene(), "WEBP", xmp=data),
        saved(scene(), "AVIF", xmp=data), png(rows, 2, 8, before=chunk(b"iTXt", text)),
        png(rows, 2, 8, after=chunk(b"iTXt", text)),
        plain_tiff(scene(), 2, [8] * 3, t700=(1, data)),
    ):  # fmt: skip
        assert facts(file) == told
    both = facts(saved(scene(), "JPEG", xmp=data, exif=b"Exif\0\0" + FULL))
    assert (both.author, both.licence) == ("Ada, Bob", told.licence)
    assert both.camera == "NIKON D90"


def test_a_licence_by_its_address() -> None:
    address = "https://creativecommons.org/licenses/by/4.0/"
    body = f'<cc:license rdf:resource="{address}"/><r:WebStatement>{address}</r:WebStatement>'
    assert facts(saved(scene(), "JPEG", xmp=packet(body))).licence == address


def test_iptc() -> None:
    told = Facts(licence="(c) Line", author="Ada Line")
    assert facts(with_iptc(saved(scene(), "JPEG"), RECORDS)) == told
    assert facts(plain_tiff(scene(), 2, [8] * 3, t33723=(BYTES, RECORDS))) == told
    padded = RECORDS + b"\0" * (-len(RECORDS) % 4)
    longs = list(struct.unpack(f"<{len(padded) // 4}I", padded))
    assert facts(plain_tiff(scene(), 2, [8] * 3, t33723=(LONG, longs))) == told
    assert read_iptc(RECORDS[:4] + b"\xff" + RECORDS[5:]) == {}  # it would swallow the rest
    credit = b"\x1c\2\x6e\0\6Agency"
    assert facts(with_iptc(saved(scene(), "JPEG"), credit)).author == "Agency"


def test_what_lies_beside_a_photo_wins(tmp_path: Path) -> None:
    root = tmp_path / "p"
    root.mkdir()
    for seed in range(2):
        file = saved(photo(seed), "JPEG", exif=b"Exif\0\0" + FULL)
        (root / f"{seed}.jpg").write_bytes(file)
    row = {"file_name": "0.jpg", "license": "CC-BY", "url": "https://a.example/1"}
    (root / "metadata.jsonl").write_text(json.dumps(row))
    ingest(root, tmp_path / "d", DataConfig(size=16, crop="center"))
    told = {i.source: i for i in open_dataset(tmp_path / "d").infos}["0.jpg"]
    assert (told.licence, told.author, told.url) == ("CC-BY", "Zoë Photo", row["url"])
    assert (told.taken, told.camera) == ("2020-02-29", "NIKON D90")


@pytest.mark.parametrize(
    ("raw", "day"),
    [(b"2019:12:31 10:00:00\0", "2019-12-31"), (b"2019-12-31T10:00", "2019-12-31"),
     (b"2019:02:29 10:00:00\0", None), (b"0000:00:00 00:00:00\0", None), (b"yesterday\0", None),
     (b"    :  :     :  :  \0", None)],
)  # fmt: skip
def test_days(raw: bytes, day: str | None) -> None:
    assert facts(saved(scene(), "JPEG", exif=b"Exif\0\0" + block(taken=raw))).taken == day


def test_texts_are_one_bounded_line() -> None:
    data = block(copyright=b"a\nb\x1b[31m\0" + b"x" * 9000, artist="\u202eevil\u200b \0".encode())
    told = facts(saved(scene(), "WEBP", exif=data))
    assert told.licence is not None
    assert told.licence.startswith("a b [31m x")
    assert len(told.licence) == 2000
    assert told.author == "evil"


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + packet(RIGHTS.format("&a;")),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + packet(RIGHTS.format("Free")),
        packet(RIGHTS.format("Free").replace("dc:", "undeclared:")),
        packet(RIGHTS.format("x" * (1 << 20))),
        packet("<exif:a>" * 70 + "</exif:a>" * 70 + RIGHTS.format("Free")),
        packet("<exif:a/>" * 20_001 + RIGHTS.format("Free")),
        packet(f"<exif:a><rdf:Description>{RIGHTS.format('Free')}</rdf:Description></exif:a>"),
        b"\xff\xfe<", b"", b"\0" * 50,
    ],
)  # fmt: skip
def test_xmp_that_tells_nothing(body: bytes) -> None:
    assert read_xmp(body) == {}


def test_of_damaged_xmp_the_beginning_counts() -> None:
    assert list(read_xmp(packet(RIGHTS.format("Free") + "<broken")).values()) == [["Free"]]
    wide = packet(RIGHTS.format("Free")).decode().encode("utf-16")
    assert list(read_xmp(wide).values()) == [["Free"]]


def _hiding() -> dict[str, bytes]:
    """Photos with a secret wherever a photo can tell one, and rights beside it."""
    pictures = [photo(seed) for seed in range(6)]
    position = exif({1: (ASCII, b"N\0"), 2: (5, [1, 2, 3]), 0x1D: (ASCII, SECRET + b"\0")})[8:]
    entries: dict[int, tuple[int, object]] = {
        COPYRIGHT: (ASCII, b"Free\0"), 0x010E: (ASCII, SECRET + b"\0"),
        0x9286: (BYTES, b"ASCII\0\0\0" + SECRET), 0x9C9C: (1, SECRET), 0xA431: (ASCII, SECRET),
        0xA430: (ASCII, SECRET), 0x8825: (LONG, 0),
    }  # fmt: skip
    at = len(exif(entries))
    hidden = b"Exif\0\0" + exif({**entries, 0x8825: (LONG, at)}) + position
    body = RIGHTS.format("Free") + f"<exif:UserComment>{SECRET.decode()}</exif:UserComment>"
    described = packet(body, f'exif:GPSLatitude="{SECRET.decode()}"')
    text = chunk(b"tEXt", b"Comment\0" + SECRET) + chunk(b"tEXt", b"Author\0" + SECRET)
    drawn = saved(pictures[2], "PNG", exif=hidden)
    commented = saved(pictures[1], "JPEG", comment=SECRET, exif=hidden, xmp=described)
    return {
        "a.jpg": with_iptc(commented, RECORDS),
        "b.jpg": saved(pictures[0], "JPEG", exif=hidden),
        "c.png": drawn[:33] + text + drawn[33:],
        "d.webp": saved(pictures[3], "WEBP", exif=hidden, xmp=described),
        "e.tif": saved(pictures[4], "TIFF", tiffinfo={270: SECRET.decode(), 33432: "Free"}),
        "f.gif": saved(pictures[5], "GIF", comment=SECRET),
    }


def test_nothing_else_of_a_photo_is_stored(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, data in _hiding().items():
        assert SECRET in data
        (photos / name).write_bytes(data)
    out = tmp_path / "out"
    summary = ingest(photos, out, DataConfig(size=32))
    assert summary.accepted == 6
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {"index.json", "images.parquet", "images-00000.npy", "crops.jpg"} <= {
        path.name for path in files
    }
    table = pq.read_table(out / "images.parquet").to_pylist()  # as text: parquet is compressed
    for stored in (*(path.read_bytes() for path in files), repr(table).encode()):
        assert SECRET not in stored
    with Image.open(out / "crops.jpg") as sheet:
        assert not sheet.getexif()
    told = {info.source: info.licence for info in open_dataset(out).infos}
    assert told == dict.fromkeys(("a.jpg", "b.jpg", "c.png", "d.webp", "e.tif"), "Free") | {
        "f.gif": None
    }


def test_older_datasets_lack_the_columns(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(3):
        data = saved(photo(seed), "JPEG", exif=b"Exif\0\0" + FULL)
        (photos / f"{seed}.jpg").write_bytes(data)
    ingest(photos, tmp_path / "out", DataConfig(size=32))
    info = open_dataset(tmp_path / "out").infos[0]
    assert (info.taken, info.camera) == ("2020-02-29", "NIKON D90")
    table = tmp_path / "out" / "images.parquet"
    names = pq.read_schema(table).names
    pq.write_table(pq.read_table(table).drop_columns(["taken", "camera"]), table)
    index = tmp_path / "out" / "index.json"
    size = table.stat().st_size
    text = index.read_text()
    old = text[text.index('"bytes"') : text.index('"bytes"') + 20].split(",")[0]
    index.write_text(text.replace(old, f'"bytes": {size}', 1))
    info = open_dataset(tmp_path / "out").infos[0]
    assert (info.taken, info.camera, info.author) == (None, None, "Zoë Photo")
    assert {"taken", "camera"} <= set(names)


GOOD = (
    with_iptc(saved(scene(), "JPEG", exif=b"Exif\0\0" + FULL,
                    xmp=packet(RIGHTS.format("Free"), STATEMENT)), RECORDS),
    png(scene().reshape(72, -1), 2, 8, before=chunk(b"eXIf", FULL)),
    plain_tiff(scene(), 2, [8] * 3, t33723=(BYTES, RECORDS), t33432=(ASCII, b"Free\0")),
    saved(scene(), "WEBP", exif=FULL, xmp=packet(RIGHTS.format("Free"))),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(GOOD),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=12),
    st.integers(0, 4000),
)
def test_spoilt_files_end_in_facts(
    good: bytes, changes: list[tuple[int, int]], cut: int
) -> None:  # fmt: skip
    data = bytearray(good)
    for at, value in changes:
        data[at % len(data)] = value
    told = facts(bytes(data[: len(data) - cut]))
    for text in (told.licence, told.author, told.camera, told.taken):
        assert text is None or (0 < len(text) <= 2000 and text.isprintable())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    assert isinstance(read_exif(b"II*\0\x08\0\0\0" + data), Exif)
    assert isinstance(read_exif(b"MM\0*\0\0\0\x08" + data), Exif)
    assert 1 <= read_exif(b"Exif\0\0II*\0\x08\0\0\0" + data).orientation <= 8
    assert set(read_iptc(data)) <= {80, 110, 116}
    assert read_xmp(data) == {} or data.startswith(b"<")


def test_bombs_are_small() -> None:
    """Entries that share their bytes, in a block of 8 MB: bounded work, no copies of it."""
    entry = struct.pack("<HHII", COPYRIGHT, ASCII, 8 << 20, 8)
    bomb = b"II*\0\x08\0\0\0" + struct.pack("<H", 65535) + entry * 65535 + b"x" * (8 << 20)
    nested = packet("<exif:a>" * 60_000)
    wide = packet(CREATORS.format("a", "b") * 9_000)
    tracemalloc.start()
    started = time.perf_counter()
    assert len(read_exif(bomb).copyright) == 8000
    assert read_xmp(nested) == {}
    assert [len(texts) for texts in read_xmp(wide).values()] == [50]
    assert time.perf_counter() - started < 10  # no figure: it would take hours unbounded
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_a_photo_without_metadata_tells_nothing() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF"):
        assert facts(saved(scene(), kind)) == Facts()
    assert facts(b"no photo") == Facts()
    assert facts(np.zeros(50, np.uint8).tobytes()) == Facts()
