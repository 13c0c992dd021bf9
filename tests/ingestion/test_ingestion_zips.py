"""Zips: a bad member costs itself, a broken directory is one clear error, no bomb is unpacked."""

import io
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.errors import DataError
from limbeck.ingestion import ingest
from limbeck.ingestion.regular import Unreadable
from limbeck.ingestion.sources import zipentries, zips
from limbeck.ingestion.sources.zips import Zip
from limbeck.records import Reason

CONFIG = DataConfig(size=16)


def _photo(seed: int) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((40, 40)).save(buffer, "PNG")
    return buffer.getvalue()


def _zip(path: Path, members: dict[str, bytes], **options: object) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def _entries(data: bytes) -> list[int]:
    """Offsets of the entries of the central directory."""
    at = data.rindex(b"PK\5\6")
    start = struct.unpack_from("<I", data, at + 16)[0]
    found = []
    while start < at and len(found) < 100:
        found.append(start)
        start += 46 + sum(struct.unpack_from("<3H", data, start + 28))
    assert start == at
    return found


def _patch(path: Path, entry: int, at: int, value: bytes, *, local: int | None = None) -> None:
    data = bytearray(path.read_bytes())
    where = _entries(data)[entry]
    if local is not None:
        header = struct.unpack_from("<I", data, where + 42)[0]
        data[header + local : header + local + len(value)] = value
    data[where + at : where + at + len(value)] = value
    path.write_bytes(data)


def _outcome(path: Path) -> dict[str, str]:
    """Member -> why it was not read; empty for the photos that were."""
    archive = Zip(path)
    out = {}
    for member in archive.members:
        try:
            archive.read(member)
            out[member.name] = ""
        except Unreadable as why:
            out[member.name] = str(why)
    archive.close()
    return out


BAD = {
    "version needed": (6, b"\xff\xff", None, ""),
    "utf-8 that is none": (8, b"\x00\x08", None, ""),
    "encrypted": (8, b"\x01\x00", None, "encrypted"),
    "strongly encrypted": (8, b"\x40\x00", None, "encrypted"),
    "patched": (8, b"\x20\x00", None, "packed by method"),
    "method": (10, b"\x09\x00", None, "packed by method 9"),
    "crc": (16, b"\0\1\2\3", 14, "CRC-32"),
    "crc in one place": (16, b"\0\1\2\3", None, "headers disagree"),
    "packed size": (20, b"\xf0\xff\0\0", None, "headers disagree"),
    "size": (24, b"\x01\0\0\0", 22, "holds more than the 1 bytes"),
    "larger size": (24, b"\0\x7f\0\0", 22, "compressed more than|cut short"),
    "zip64 without numbers": (24, b"\xff\xff\xff\xff", None, "zip64"),
    "another disk": (34, b"\1\0", None, "another part"),
    "link": (40, b"\xff\xa1", None, "link or device"),
    "offset": (42, b"\1\0\0\0", None, "place in the archive is wrong"),
    "far offset": (42, b"\0\0\0\x7f", None, "place in the archive is wrong"),
    "name": (46, b"x", None, "place in the archive is wrong"),
}


@pytest.mark.parametrize("what", BAD)
def test_one_bad_entry_costs_one_entry(tmp_path: Path, what: str) -> None:
    at, value, local, words = BAD[what]
    names = [f"\u00e9{n}.png" for n in range(3)]
    path = _zip(tmp_path / "p.zip", {n: _photo(s) for s, n in enumerate(names)}, compression=8)
    _patch(path, 1, at, value, local=local)
    out = _outcome(path)
    good = [name for name, why in out.items() if not why]
    if words:
        bad = next(why for why in out.values() if why)
        assert any(word in bad for word in words.split("|")), bad
    assert len(out) == 3
    assert len(good) == (3 if not words else 2)
    assert set(good) >= {names[0], names[2]}
    summary = ingest(path, tmp_path / "d", CONFIG)
    assert (summary.accepted, summary.failed) == (len(good), 3 - len(good))
    details = [i.detail for i in open_dataset(tmp_path / "d").listed()]
    assert sum(map(bool, details)) == 3 - len(good)


def test_odd_names(tmp_path: Path) -> None:
    path = _zip(tmp_path / "p.zip", {"ab.png": _photo(0), "cd.png": _photo(1), "ef.png": _photo(2)})
    data = path.read_bytes().replace(b"ab.png", b"a\xff.png").replace(b"ef.png", b"e\0.png")
    path.write_bytes(data)
    with zipfile.ZipFile(tmp_path / "q.zip", "w") as archive:
        archive.writestr("x", _photo(3))
    empty = (tmp_path / "q.zip").read_bytes().replace(b"x" + _photo(3), _photo(3))
    assert _outcome(path) == {
        "a\u00a0.png": "", "cd.png": "", "e\0.png": "unsafe name in the archive"
    }  # fmt: skip
    at = empty.index(b"PK\1\2")
    fixed = bytearray(empty[: at + 46] + empty[at + 47 :])
    struct.pack_into("<H", fixed, at + 28, 0)
    struct.pack_into("<H", fixed, 26, 0)
    end = fixed.rindex(b"PK\5\6")
    struct.pack_into("<2I", fixed, end + 12, end - at, at)
    (tmp_path / "q.zip").write_bytes(fixed)
    assert _outcome(tmp_path / "q.zip") == {"": "no name"}


def test_a_broken_directory_is_one_error(tmp_path: Path) -> None:
    path = _zip(tmp_path / "p.zip", {f"{n}.png": _photo(n) for n in range(3)})
    whole = path.read_bytes()
    at, end = whole.index(b"PK\1\2"), whole.index(b"PK\5\6")
    cases = {
        "cut": whole[: end - 5],
        "empty": b"",
        "text": b"hello" * 100,
        "signature": whole[:at] + b"XX" + whole[at + 2 :],
        "name length": whole[: at + 28] + b"\xff\xff" + whole[at + 30 :],
        "count": whole[: end + 8] + b"\7\0\7\0" + whole[end + 12 :],
        "disks": whole[: end + 4] + b"\1\0" + whole[end + 6 :],
        "size": whole[: end + 12] + b"\xff\xff\xff\x7f" + whole[end + 16 :],
        "offset": whole[: end + 16] + b"\xff\xff\xff\x7f" + whole[end + 20 :],
    }
    for name, data in cases.items():
        path.write_bytes(data)
        with pytest.raises(DataError, match="neither a folder nor a readable zip") as caught:
            ingest(path, tmp_path / "d", CONFIG)
        assert caught.value.do, name
    assert not (tmp_path / "d").exists()


def test_what_zipfile_writes_is_read(tmp_path: Path) -> None:
    photos = {f"{n}.png": _photo(n) for n in range(3)}
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        path = _zip(tmp_path / f"{method}.zip", photos, compression=method)
        assert _outcome(path) == dict.fromkeys(photos, "")
        path.write_bytes(b"#!/bin/sh\n" * 9 + path.read_bytes())
        assert _outcome(path) == dict.fromkeys(photos, "")
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = b"PK\5\6 is no end" * 3
        assert _outcome(path) == dict.fromkeys(photos, "")
    path = tmp_path / "stream.zip"
    with open(path, "wb") as file, zipfile.ZipFile(_Unseekable(file), "w") as archive:
        for name, data in photos.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    assert _outcome(path) == dict.fromkeys(photos, "")


class _Unseekable(io.RawIOBase):
    def __init__(self, file: io.BufferedIOBase) -> None:
        self.file = file

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return self.file.write(data)


def test_a_zip64_directory_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    path = _zip(tmp_path / "p.zip", {f"{n}.png": _photo(n) for n in range(3)})
    assert b"PK\6\6" in path.read_bytes()
    assert _outcome(path) == dict.fromkeys(("0.png", "1.png", "2.png"), "")


def _record(name: bytes, data: bytes, size: int) -> bytes:
    head = struct.pack(
        "<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, zlib.crc32(data), len(data), size, len(name), 0
    )
    return head + name + data


def _entry(name: bytes, record: bytes, at: int, size: int, packed: int) -> bytes:
    crc = struct.unpack_from("<I", record, 14)[0]
    return struct.pack(
        "<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, packed, size,
        len(name), 0, 0, 0, 0, 0, at,
    ) + name  # fmt: skip


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    """The bomb of 1 MB that declares 600 GB: every member quotes the headers of those after it."""
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = kernel.compress(bytes(180 * 2**20)) + kernel.flush()
    body, records = packed, []
    for number in range(3000):
        name = b"%d.bmp" % number
        body = _record(name, body, 199 * len(body))
        records.append((name, body))
    photo = _photo(0)
    whole = body + _record(b"good.png", photo, len(photo)).replace(b"\x08\0", b"\0\0", 1)
    entries = b""
    for name, record in records:
        length, size = struct.unpack_from("<2I", record, 18)
        entries += _entry(name, record, len(body) - len(record), size, length)
    good = _entry(b"good.png", whole[len(body) :], len(body), len(photo), len(photo))
    entries += good[:10] + b"\0\0" + good[12:]
    count = len(records) + 1
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(entries), len(whole), 0)
    path = tmp_path / "bomb.zip"
    path.write_bytes(whole + entries + end)
    out = _outcome(path)
    assert out.pop("good.png") == ""
    assert set(out.values()) == {"it shares bytes with another member"}
    assert len(out) == len(records)
    assert path.stat().st_size < 1_500_000
    assert sum(struct.unpack_from("<I", record, 22)[0] for _, record in records) > 10**11


def test_all_members_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {f"{n}.bmp": bytes(range(256)) * 4000 for n in range(9)}
    path = _zip(tmp_path / "p.zip", members, compression=8)
    assert set(_outcome(path).values()) <= {"", "compressed more than 200 to 1"}
    monkeypatch.setattr(zipentries, "MAX_RATIO", 10_000)
    monkeypatch.setattr(zips, "_TOTAL_FREE", 2**20)
    with pytest.raises(DataError, match="members declare 9216000 bytes, more than 50 times"):
        Zip(path)


def test_archives_inside_are_named(tmp_path: Path) -> None:
    inner = _zip(tmp_path / "i.zip", {"a.png": _photo(9)}).read_bytes()
    kinds = {
        "i.zip": inner,
        "a.7z": b"7z\xbc\xaf\x27\x1c" + bytes(30),
        "a.rar": b"Rar!\x1a\7\0....",
        "a.tgz": b"\x1f\x8b\x08" + bytes(30),
        "a.tar": bytes(257) + b"ustar" + bytes(250),
        "0.png": _photo(0),
        "1.png": _photo(1),
    }
    ingest(_zip(tmp_path / "p.zip", kinds), tmp_path / "d", CONFIG)
    for row in open_dataset(tmp_path / "d").listed():
        if not row.source.endswith(".png"):
            assert row.reason is Reason.NOT_AN_IMAGE, row
            assert row.detail == "an archive inside; unpack it"


def _mutate(whole: bytes, rng: np.random.Generator) -> bytes:
    """Bytes changed, cut out or doubled, mostly in the directory and the headers."""
    data = bytearray(whole)
    marks = [at for at in range(len(data) - 3) if data[at : at + 2] == b"PK"]
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(len(data)))
        if rng.random() < 0.8:
            at = min(int(rng.choice(marks)) + int(rng.integers(60)), len(data) - 1)
        kind = rng.integers(12)
        if kind < 7:
            data[at] = int(rng.integers(256))
        elif kind < 10:
            value = rng.choice([b"\xff", b"\0", b"\1"]) * int(rng.choice([1, 2, 4]))
            data[at : at + len(value)] = value
        elif kind == 10:
            del data[at : at + int(rng.integers(1, 40))]
        else:
            data[at:at] = data[at : at + int(rng.integers(1, 60))]
        if not data:
            return b""
    return bytes(data)


def _fuzz(tmp_path: Path, seed: int, count: int) -> Counter[str]:
    rng = np.random.default_rng(seed)
    photos = {f"d/{n}\u00fc.png": _photo(n)[: 200 + 10 * n] for n in range(4)}
    bases = [
        _zip(tmp_path / f"b{method}.zip", photos, compression=method).read_bytes()
        for method in (0, 8, 12)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
        bases.append(_zip(tmp_path / "b64.zip", photos, compression=8).read_bytes())
    ends: Counter[str] = Counter()
    path = tmp_path / "m.zip"
    for number in range(count):
        path.write_bytes(_mutate(bases[number % 4], rng))
        try:
            out = _outcome(path)
        except DataError:
            ends["error"] += 1
            continue
        ends["all read" if not any(out.values()) else "some refused"] += 1
    return ends


def test_mutated_zips_end_in_photos_or_words(tmp_path: Path) -> None:
    ends = _fuzz(tmp_path, 1, 600)
    assert sum(ends.values()) == 600
    assert min(ends.values()) > 50


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_very_many_mutated_zips(tmp_path: Path) -> None:
    assert sum(_fuzz(tmp_path, 2, 20_000).values()) == 20_000
