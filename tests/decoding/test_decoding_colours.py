"""Colours of every kind of file, against what numpy says that it shows."""

import io
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from limbeck.decoding.decode import Rejected, Square, glance, square, strict_pillow, upright_size
from limbeck.kit.containers import boxes, primary_properties
from limbeck.records import Reason
from tests.decoding import kinds_jpeg, kinds_other, kinds_png, kinds_spaces, kinds_tiff
from tests.decoding.colour_kinds import KINDS, sixteen, to_ycc
from tests.decoding.drawn_files import (
    chunk,
    grey_scene,
    plain_tiff,
    png,
    saved,
    scene,
    segments,
    wide,
)

BOX = (24, 4, 88, 68)
ROOT = Path(__file__).parents[2]
FILES = {
    "PNG": kinds_png, "TIFF": kinds_tiff, "JPEG": kinds_jpeg, "GIF": kinds_other,
    "PNG cICP": kinds_spaces,
}  # fmt: skip


def decoded(data: bytes) -> Square:
    with strict_pillow():
        return square(data, BOX, BOX[2] - BOX[0])


def cropped(shown: np.ndarray) -> np.ndarray:
    left, top, right, bottom = BOX
    return np.asarray(shown[top:bottom, left:right], dtype=float)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_colours(name: str) -> None:
    """With `-s`, a line of the table in docs/decoding.md."""
    kind = KINDS[name]
    data, shown = kind.make()
    assert shown.shape == (72, 104, 3)
    result = decoded(data)
    off = np.abs(result.pixels.transpose(1, 2, 0) - cropped(shown))
    print(f"\n| {name} | {off.mean():.2f} | {off.max():.1f} |")
    assert kind.most <= 2
    assert off.mean() <= kind.most
    assert result.note.startswith(kind.note)
    assert bool(result.note) == bool(kind.note)


def test_there_are_kinds_of_every_file() -> None:
    assert len(KINDS) > 100
    assert all(any(name.startswith(head) for name in KINDS) for head in FILES)


def test_the_page_lists_every_kind() -> None:
    page = (ROOT / "docs" / "decoding.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([^|]+) \| \d+\.\d+ \| \d+\.\d \|$", page, re.M)
    assert sorted(listed) == sorted(KINDS)


@pytest.mark.parametrize("name", ["PNG grey 16-bit, tRNS key", "TIFF CMYK", "TIFF L*a*b*"])
def test_a_glance_shows_the_same(name: str) -> None:
    data, shown = KINDS[name].make()
    with strict_pillow():
        seen = np.asarray(glance(data, 104), dtype=float)
    assert np.abs(seen - shown).mean() <= KINDS[name].most


@pytest.mark.parametrize("kind", ["<f4", "<i4"])
def test_the_whole_picture_tells_what_white_is(kind: str) -> None:
    """Not the part that is kept, which here is dark."""
    values = np.ones((72, 104))
    values[:, :20] = 200 if kind == "<f4" else 60_000
    form = 3 if kind == "<f4" else 2
    data = plain_tiff(values.astype(kind), 1, [32], t339=(3, form))
    assert decoded(data).pixels.max() <= 1


def _signed(kind: str, bits: int) -> bytes:
    return plain_tiff(grey_scene().astype(kind), 1, [bits], t339=(3, 2))


def _floats(values: np.ndarray, photometric: int = 1) -> bytes:
    return plain_tiff(values.astype("<f4"), photometric, [32], t339=(3, 3))


def _subsampled(**tags: tuple[int, object]) -> bytes:
    ycc = np.rint(to_ycc(scene())).clip(0, 255).astype(np.uint8)
    return plain_tiff(ycc, 6, [8, 8, 8], **tags)  # as long as the layout that is read


def _apart() -> bytes:
    strips = [sixteen()[..., band].astype("<u2").tobytes() for band in range(3)]
    return plain_tiff(scene(), 2, [16] * 3, strips=strips, t284=(3, 2))


def _twelve_bit_jpeg() -> bytes:
    data = bytearray(saved(scene(), "JPEG"))
    at = next(data.index(body) for marker, body in segments(bytes(data)) if marker == 0xC0)
    data[at + 4] = 12
    return bytes(data)


def _keyed() -> bytes:
    return png(wide(sixteen()), 2, 16, before=chunk(b"tRNS", b"\1\2\1\2\1\2"))


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "TIFF, signed 8-bit": (lambda: _signed("i1", 8), "signed"),
    "TIFF, signed 16-bit": (lambda: _signed("<i2", 16), "signed"),
    "TIFF, int32 beyond 16 bits": (
        lambda: plain_tiff(sixteen()[..., 0].astype("<i4") * 9, 1, [32], t339=(3, 2)), "values from"
    ),
    "TIFF, floats to 4": (lambda: _floats(grey_scene() / 64), "neither in"),
    "TIFF, floats to 2000": (lambda: _floats(grey_scene() * 8.0), "values from"),
    "TIFF, floats below 0": (lambda: _floats(grey_scene() - 100.0), "values from"),
    "TIFF, no numbers": (lambda: _floats(grey_scene() * np.nan), "values from nan"),
    "TIFF, floats, 0 is white": (lambda: _floats(grey_scene() / 255, 0), "0 is white"),
    "TIFF, RGB of floats": (
        lambda: plain_tiff(scene().astype("<f4"), 2, [32] * 3, t339=(3, [3] * 3)), "of TIFF"
    ),
    "TIFF, YCbCr subsampled": (_subsampled, "YCbCr"),
    "TIFF, YCbCr of video range": (
        lambda: _subsampled(t530=(3, [1, 1]), t532=(5, [15, 235, 128, 240, 128, 240])), "YCbCr"
    ),
    "TIFF, YCbCr of BT.709": (
        lambda: _subsampled(t530=(3, [1, 1]), t529=(5, [0.2126, 0.7152, 0.0722])), "YCbCr"
    ),
    "TIFF, other inks": (
        lambda: plain_tiff(np.dstack([scene(), grey_scene()]), 5, [8] * 4, t332=(3, 2)), "inks"
    ),
    "TIFF, planes of 16 bits apart": (_apart, "separate planes"),
    "PFM": (lambda: b"Pf 104 72 -1.0\n" + (grey_scene() / 255).astype("<f4").tobytes(), "PFM"),
    "PNG RGB 16-bit, tRNS key": (_keyed, "16 bits with a transparent"),
    "PNG cICP: PQ": (lambda: kinds_spaces.coded_png(chunk(b"cICP", b"\x09\x10\0\1")), "PQ"),
    "PNG cICP: HLG": (lambda: kinds_spaces.coded_png(chunk(b"cICP", b"\x09\x12\0\1")), "HLG"),
    "PNG cICP: narrow range": (
        lambda: kinds_spaces.coded_png(chunk(b"cICP", b"\1\1\0\0")), "narrow"
    ),
    "PNG cICP: XYZ": (lambda: kinds_spaces.coded_png(chunk(b"cICP", b"\x0a\x08\0\1")), "primaries"),
    "AVIF nclx: PQ": (lambda: kinds_spaces.coded_avif(9, 16), "PQ"),
    "JPEG 2000 L*a*b*": (lambda: kinds_spaces.jp2_with(b"\1\0\0\0\0\0\x0e"), "space 14"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_read_rightly_is_refused(name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises(Rejected) as caught:
        decoded(make())
    assert caught.value.reason is Reason.UNSUPPORTED
    assert words in caught.value.detail


@pytest.mark.parametrize(
    "xy",
    [
        (0, 0, 0, 0, 0, 0, 0, 0), (31270, 32900, 64000, 33000, 64000, 33000, 64000, 33000),
        (90000, 9000, 64000, 33000, 30000, 60000, 15000, 6000),
        (31270, 32900, 2**32 - 1, 1, 30000, 60000, 15000, 6000),
    ],
)  # fmt: skip
def test_chromaticities_of_no_triangle_are_ignored(xy: tuple[int, ...]) -> None:
    told = chunk(b"gAMA", struct.pack(">I", 55556)) + chunk(b"cHRM", struct.pack(">8I", *xy))
    result = decoded(kinds_spaces.coded_png(told))
    assert (result.pixels.transpose(1, 2, 0) == cropped(scene())).all()


def test_walks_of_boxes_end() -> None:
    """In boxes of 8 bytes, in a box in a box ..., in places that are not there."""
    small = struct.pack(">I4s", 8, b"free") * 150_000
    assert sum(1 for _ in boxes(io.BytesIO(small))) == 100_000
    deep = b"".join(struct.pack(">I4sI", 12 * (5000 - i), b"meta", 0) for i in range(5000))
    assert sum(1 for _ in boxes(io.BytesIO(deep))) == 5
    for length in (0, 1, 2, 7, 9, 2**32 - 1):
        assert sum(1 for _ in boxes(io.BytesIO(struct.pack(">I4s", length, b"meta")))) <= 1
    data = kinds_spaces.coded_avif(12, 13)
    for cut in range(0, len(data), 7):
        assert len(primary_properties(io.BytesIO(data[:cut]))) <= 8


def test_heif_tells_its_colours() -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()
    data = saved(scene(), "HEIF", quality=100, chroma=444)
    at = data.index(b"colrnclx") + 8
    result = decoded(data[:at] + b"\0\x0c\0\x0d" + data[at + 4 :])
    shown = cropped(kinds_spaces.p3(scene()))
    assert np.abs(result.pixels.transpose(1, 2, 0) - shown).mean() < 1.5
    with pytest.raises(Rejected, match="PQ"):
        decoded(data[:at] + b"\0\x09\0\x10" + data[at + 4 :])


def test_jpeg_of_twelve_bits_is_refused() -> None:
    with pytest.raises(Rejected) as caught, strict_pillow():
        upright_size(_twelve_bit_jpeg())
    assert caught.value.reason is Reason.CORRUPT
