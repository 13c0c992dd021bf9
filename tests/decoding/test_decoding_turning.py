"""Orientations of every kind of file, with boxes that are not in the centre."""

import struct

import numpy as np
import pytest
from PIL import Image

from limbeck.decoding.decode import (
    Rejected,
    glance,
    square,
    strict_pillow,
    upright_box,
    upright_size,
)
from limbeck.model.images import centre_square
from tests.decoding.drawn_files import (
    chunk,
    exif,
    plain_tiff,
    png,
    saved,
    scene,
    segment,
)

BOX = (30, 3, 94, 67)
ALL = range(1, 9)
SHORT, LONG, ASCII, RATIONAL = 3, 4, 2, 5


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """What a camera of this orientation would have written."""
    turned = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.swapaxes(0, 1), 6: np.rot90(upright), 7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    return np.ascontiguousarray(turned)


def tagged(orientation: object, kind: int = SHORT, order: str = "<") -> bytes:
    return exif({0x0112: (kind, orientation)}, order)


def jpeg(picture: np.ndarray, block: bytes, **options: object) -> bytes:
    data = saved(picture, "JPEG", quality=97, subsampling=0, **options)
    return data[:2] + segment(0xE1, b"Exif\0\0" + block) + data[2:]


def turned_jpeg(orientation: int) -> bytes:
    return jpeg(stored(scene(), orientation), tagged(orientation))


def turned_jpeg_big_endian(orientation: int) -> bytes:
    return jpeg(stored(scene(), orientation), tagged(orientation, order=">"))


def turned_png(orientation: int) -> bytes:
    rows = stored(scene(), orientation)
    return png(rows.reshape(len(rows), -1), 2, 8, before=chunk(b"eXIf", tagged(orientation)))


def turned_png_late(orientation: int) -> bytes:
    rows = stored(scene(), orientation)
    return png(rows.reshape(len(rows), -1), 2, 8, after=chunk(b"eXIf", tagged(orientation)))


def turned_webp(orientation: int) -> bytes:
    return saved(stored(scene(), orientation), "WEBP", lossless=True, exif=tagged(orientation))


def turned_tiff(orientation: int) -> bytes:
    rows = stored(scene(), orientation)
    size = rows.shape[1], rows.shape[0]
    return plain_tiff(rows, 2, [8] * 3, size=size, t274=(SHORT, orientation))


def turned_tiff_lzw(orientation: int) -> bytes:
    options = {"compression": "tiff_lzw", "tiffinfo": {274: orientation}}
    return saved(stored(scene(), orientation), "TIFF", **options)


def turned_avif(orientation: int) -> bytes:
    """Pillow writes EXIF's orientation as the file's own turns."""
    block = b"Exif\0\0" + tagged(orientation)
    options = {"quality": 100, "subsampling": "4:4:4", "speed": 9, "exif": block}
    data = saved(stored(scene(), orientation), "AVIF", **options)
    assert orientation == 1 or b"irot" in data or b"imir" in data
    return data


FILES = (turned_jpeg, turned_jpeg_big_endian, turned_png, turned_png_late, turned_webp,
         turned_tiff, turned_tiff_lzw, turned_avif)  # fmt: skip


def off(data: bytes, wanted: np.ndarray | None = None) -> float:
    wanted = scene() if wanted is None else wanted
    left, top, right, bottom = BOX
    with strict_pillow():
        assert upright_size(data) == (wanted.shape[1], wanted.shape[0])
        pixels = square(data, BOX, 64).pixels.transpose(1, 2, 0)
    return float(np.abs(pixels - wanted[top:bottom, left:right].astype(float)).mean())


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("make", FILES, ids=lambda make: make.__name__)
def test_eight_orientations(make, orientation: int, tmp_path) -> None:  # type: ignore[no-untyped-def]
    data = make(orientation)
    assert off(data) < 2
    with strict_pillow():
        seen = np.asarray(glance(data, 104), dtype=float)
    assert np.abs(seen - scene()).mean() < 2
    path = tmp_path / "photo"
    path.write_bytes(data)
    centre = centre_square(path, 72)[0].permute(1, 2, 0).numpy()
    assert np.abs(centre - scene()[:, 16:88].astype(float)).mean() < 2


@pytest.mark.parametrize("orientation", ALL)
def test_heif_turns_by_itself(orientation: int) -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()
    block = b"Exif\0\0" + tagged(orientation)
    rows = stored(scene(), orientation)
    assert off(saved(rows, "HEIF", quality=100, chroma=444, exif=block)) < 2


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("make", [turned_jpeg, turned_tiff], ids=["JPEG", "TIFF"])
def test_boxes_of_stored_pixels_are_turned_along(make, orientation: int) -> None:  # type: ignore[no-untyped-def]
    inside = np.zeros((72, 104), dtype=bool)
    left, top, right, bottom = BOX
    inside[top:bottom, left:right] = True
    rows, columns = np.nonzero(stored(inside, orientation))
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    with strict_pillow():
        assert upright_box(make(orientation), box) == BOX
        high, wide = stored(inside, orientation).shape
        with pytest.raises(Rejected, match=f"beyond {wide} x {high}"):
            upright_box(make(orientation), (0, 0, wide + 1, high))


@pytest.mark.parametrize(
    ("value", "kind"),
    [(0, SHORT), (9, SHORT), (65535, SHORT), (b"6\0", ASCII), ([6, 6], SHORT), (6, RATIONAL)],
)
def test_odd_values_turn_nothing(value: object, kind: int) -> None:
    block = tagged(value, kind)
    assert off(jpeg(scene(), block)) < 2
    assert off(saved(scene(), "WEBP", lossless=True, exif=block)) == 0
    assert off(png(scene().reshape(72, -1), 2, 8, before=chunk(b"eXIf", block))) == 0


def test_odd_values_of_a_tiff() -> None:
    """Its tag may be of any type of number, and its first number counts."""
    for value, kind in ((0, SHORT), (9, SHORT), (b"6\0", ASCII)):
        assert off(plain_tiff(scene(), 2, [8] * 3, t274=(kind, value))) == 0
    rows = stored(scene(), 6)
    for value, kind in (([6, 6], SHORT), (6, LONG), (6, RATIONAL)):
        data = plain_tiff(rows, 2, [8] * 3, size=(72, 104), t274=(kind, value))
        assert off(data) == 0
        with strict_pillow():
            assert upright_box(data, (0, 0, 72, 104)) == (0, 0, 104, 72)


@pytest.mark.parametrize("block", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"rubbish" * 9])
def test_damaged_exif_turns_nothing(block: bytes) -> None:
    assert off(jpeg(scene(), block)) < 2
    assert off(png(scene().reshape(72, -1), 2, 8, before=chunk(b"eXIf", block))) == 0


def test_a_long_number_counts() -> None:
    assert off(jpeg(stored(scene(), 6), tagged(6, LONG))) < 2


XMP = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
    b"xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
    b"xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation=\"6\"/></rdf:RDF></x:xmpmeta>"
)


def test_xmp_alone_turns_nothing() -> None:
    """As in browsers."""
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + XMP
    assert off(saved(scene(), "JPEG", quality=97, subsampling=0, xmp=XMP)) < 2
    assert off(png(scene().reshape(72, -1), 2, 8, before=chunk(b"iTXt", text))) == 0
    assert off(png(scene().reshape(72, -1), 2, 8, after=chunk(b"iTXt", text))) == 0
    assert off(saved(scene(), "WEBP", lossless=True, xmp=XMP)) == 0
    assert off(plain_tiff(scene(), 2, [8] * 3, t700=(1, XMP))) == 0


def large(wide: int, high: int) -> np.ndarray:
    """The scene at another size."""
    picture = Image.fromarray(scene()).resize((wide, high), Image.Resampling.BICUBIC)
    return np.asarray(picture)


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("times", [3, 5, 9])
def test_reduced_jpegs_show_the_same_place(orientation: int, times: int) -> None:
    """libjpeg decodes at 1/2, 1/4, 1/8; sizes and boxes are no multiples of that."""
    picture = large(104 * times + 5, 72 * times + 3)
    side = 63 * times
    left, top = 38 * times + 1, 7 * times + 3  # well beside the centre
    data = jpeg(stored(picture, orientation), tagged(orientation))
    with strict_pillow():
        pixels = square(data, (left, top, left + side, top + side), 63).pixels
    part = picture[top : top + side, left : left + side].astype(float)
    means = part.reshape(63, times, 63, times, 3).mean((1, 3))
    found = np.abs(pixels.transpose(1, 2, 0) - means)
    assert found.mean() < 0.8
    grey = pixels.mean(0) - means.mean(2)
    slopes = np.gradient(means.mean(2))
    shift = [float((grey * slope).sum() / (slope * slope).sum()) for slope in slopes]
    assert np.abs(shift).max() < 0.04  # pixels of the square


def test_the_whole_of_an_odd_jpeg_may_be_asked_for() -> None:
    for wide, high in ((801, 801), (807, 803), (17, 17), (1, 1)):
        data = saved(large(wide, high), "JPEG")
        side = min(wide, high)
        with strict_pillow():
            for left in (0, wide - side):
                assert square(data, (left, 0, left + side, side), 8).pixels.shape == (3, 8, 8)


def test_jpegs_in_a_damaged_frame_of_exif_are_whole() -> None:
    """The number of entries is a lie."""
    block = bytearray(tagged(6))
    block[8:10] = struct.pack("<H", 65535)
    assert off(jpeg(stored(scene(), 6), bytes(block))) < 2
