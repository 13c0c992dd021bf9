"""Probes of the upload: what is no photo, what is too much of one, and many at once."""

import io
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator

from PIL import Image

from bench.probes.floods import SERVED, befriended
from bench.probes.requests import Probe
from bench.probes.wire import Studio

UPLOAD = "/api/edit/photos?name=x"


def uploads() -> Iterator[Probe]:
    """Files that are no photos, or too much of one."""
    for name, data in _bombs():
        yield Probe(
            f"upload: {name}",
            lambda s, d=data: s.ask(
                UPLOAD, d, headers={"content-type": "application/octet-stream"}
            ),
            (409, 413),
        )
    yield Probe("upload: a GIF of 10^6 frames", lambda s: s.ask(UPLOAD, _gif(10**6)), (200, 409))
    yield Probe("upload: 33 MiB", lambda s: s.ask(UPLOAD, bytes(33 * 2**20)), (413, 0))
    yield Probe(
        "upload: a JPEG with garbage behind",
        lambda s: s.ask(UPLOAD, image("JPEG") + bytes(10**6)),
        (200, 409),
    )
    yield Probe(
        "upload: a name of 5,000 letters",
        lambda s: s.ask(UPLOAD + "x" * 5000, image("JPEG")),
        (422,),
    )
    yield Probe("50 uploads of 32 MiB at once", _fifty, "bounded")
    yield Probe(
        "50 small bombs at once",
        lambda s: befriended(s, [lambda: s.ask(UPLOAD, _gif(20_000), seconds=120).status] * 50),
        SERVED,
    )
    yield Probe("30 small photos, one after the other", _queue, "30 taken")


def _queue(s: Studio) -> str:
    return f"{sum(s.ask(UPLOAD, image('PNG')).status == 200 for _ in range(30))} taken"


def _fifty(s: Studio) -> str:
    """Memory while fifty send as much as they may; the friend is served, some are told to wait."""
    before = s.memory()["now"]
    data = bytes(32 * 2**20)
    most = [before]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            most.append(s.memory()["now"])

    thread = threading.Thread(target=watch)
    thread.start()
    found = befriended(s, [lambda: s.ask(UPLOAD, data, seconds=120).status] * 50)
    over.set()
    thread.join()
    grown = max(most) - before
    return "bounded" if found == SERVED and grown < 500 else f"{found}, {grown:.0f} MiB more"


def image(kind: str, side: int = 64) -> bytes:
    data = io.BytesIO()
    Image.radial_gradient("L").resize((side, side)).convert("RGB").save(data, kind)
    return data.getvalue()


def _png(width: int, height: int, body: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def _gif(frames: int) -> bytes:
    """One frame after the other of one pixel on a screen of 8,000 x 8,000."""
    head = b"GIF89a" + struct.pack("<HHBBB", 8000, 8000, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b"\x3b"


def _bombs() -> Iterator[tuple[str, bytes]]:
    yield "PNG of 50,000 x 50,000", _png(50_000, 50_000, zlib.compress(bytes(10**6)))
    yield (
        "PNG of 8,000 x 8,000 in 190 kB, its rows wrong",
        _png(8000, 8000, zlib.compress(b"\x07" * 192_008_000, 9)),
    )
    yield "PNG of 2^31 x 1", _png(2**31 - 1, 1, zlib.compress(bytes(1000)))
    text = zlib.compress(bytes(300 * 2**20), 9)
    chunk = b"zTXt" + b"Comment\0\0" + text
    png = _png(1, 1, zlib.compress(bytes(4)))
    body = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    yield "PNG with 300 MiB of text", png[:33] + body + png[33:]
    webp = b"VP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + b"\xff\xff\xff" * 2
    yield (
        "WebP of 16,777,216 x 16,777,216",
        b"RIFF" + struct.pack("<I", 4 + len(webp)) + b"WEBP" + webp,
    )
    yield (
        "AVIF, its boxes inside out",
        b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + b"\xff\xff\xff\xff" * 99,
    )
    tiff = b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 256, 4, 2**32 - 1, 2**31) * 200
    yield "TIFF with 65,535 tags that point outside", tiff
    yield "TIFF that goes in circles", b"II*\0\x08\0\0\0\x00\x00\x08\0\0\0"
    yield "ICO with 65,535 pictures", b"\0\0\x01\0\xff\xff" + bytes(16) * 65_535
    yield "SVG with a script", b"<svg xmlns='http://www.w3.org/2000/svg'><script>x()</script></svg>"
    laughs = b"".join(b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 30))
    yield "SVG with a billion laughs", b"<!DOCTYPE l[" + laughs + b"]><svg>&a29;</svg>"
    yield "JPEG cut short", image("JPEG", 512)[:3000]
    yield (
        "BMP of 2^31 x 2^31",
        b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 2**31 - 1, 2**31 - 1, 1, 24, 0) + bytes(24),
    )
    yield "EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9999 9999\n(x) run\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("../../evil.png", bytes(10**7))
    yield "a zip", archive.getvalue()
    yield "a pickle", b"cos\nsystem\n(S'touch /tmp/limbeck-was-here'\ntR."
    yield "HTML", b"<html><script>alert(1)</script>"
    yield "a byte", b"x"
