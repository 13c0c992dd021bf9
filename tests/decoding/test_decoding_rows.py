"""A file whose pixels end before its rows do is refused, however well it ends itself."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from limbeck.decoding.decode import Rejected, glance, square, strict_pillow
from limbeck.records import Reason
from tests.decoding.drawn_files import chunk, grey_scene, plain_tiff, png, saved, scene

HEIGHT, WIDTH = scene().shape[:2]


def refused(data: bytes, side: int = 64) -> str:
    """Why it is, both where it is kept and where it is looked at."""
    with strict_pillow():
        with pytest.raises(Rejected) as caught:
            square(data, (0, 0, HEIGHT, HEIGHT), side)
        with pytest.raises(Rejected) as looked:
            glance(data, side)
    assert caught.value.reason is looked.value.reason is Reason.CORRUPT
    return caught.value.detail


def taken(data: bytes, box: int = HEIGHT, side: int = 64) -> np.ndarray:
    with strict_pillow():
        glance(data, side)
        return square(data, (0, 0, box, box), side).pixels


KINDS: list[tuple[str, dict[str, object]]] = [
    ("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("GIF", {}), ("BMP", {}),
    ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {"compression": "tiff_deflate"}),
    ("TIFF", {"compression": "packbits"}), ("TIFF", {"compression": "jpeg"}), ("WEBP", {}),
    ("WEBP", {"lossless": True}), ("PPM", {}), ("JPEG2000", {}), ("AVIF", {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=lambda v: str(v).strip("{}'"))
def test_what_breaks_off_at_any_tenth_is_refused(kind: str, options: dict[str, object]) -> None:
    data = saved(scene(), kind, **options)
    taken(data)
    for tenth in range(10):
        with strict_pillow(), pytest.raises(Rejected):
            square(data[: len(data) * tenth // 10], (0, 0, HEIGHT, HEIGHT), 64)


def png_of_rows(rows: int, interlaced: bool = False, **kind: int) -> bytes:
    """A PNG whose stream ends properly after so many of its rows."""
    whole = png(scene().reshape(HEIGHT, -1), kind.get("colour", 2), 8, interlace=interlaced)
    at = whole.index(b"IDAT")
    length = int.from_bytes(whole[at - 4 : at], "big")
    stream = zlib.decompress(whole[at + 4 : at + 4 + length])
    short = zlib.compress(stream[: rows * (1 + 3 * WIDTH)])
    return whole[: at - 4] + chunk(b"IDAT", short) + chunk(b"IEND", b"")


@pytest.mark.parametrize("rows", [1, HEIGHT // 2, HEIGHT - 1])
def test_png_with_too_few_rows(rows: int) -> None:
    assert "RowsMissing" in refused(png_of_rows(rows))
    taken(png_of_rows(HEIGHT))


def test_interlaced_png_without_its_last_pass() -> None:
    whole = png_of_rows(HEIGHT, interlaced=True)
    taken(png(scene().reshape(HEIGHT, -1), 2, 8, interlace=True))
    refused(whole)  # seven passes take more bytes than these rows


def test_png_in_many_chunks_that_ends_black_is_a_photo() -> None:
    """Every depth and colour: what is black below is counted, and is all there."""
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        image = Image.new(mode, (37, 41))
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        data = buffer.getvalue()
        at = data.index(b"IDAT")
        length = int.from_bytes(data[at - 4 : at], "big")
        body = data[at + 4 : at + 4 + length]
        parts = b"".join(chunk(b"IDAT", body[n : n + 3]) for n in range(0, length, 3))
        for file in (data, data[: at - 4] + parts + chunk(b"IEND", b"")):
            assert taken(file, 37, 16).shape == (3, 16, 16)


def test_a_png_bomb_is_not_unpacked_to_be_counted() -> None:
    rows = zlib.compress(bytes(3_000_000))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    assert not taken(data, 64).any()


def early(share: float, **options: object) -> bytes:
    """A JPEG that ends properly after a share of its bytes."""
    data = saved(scene(), "JPEG", **options)
    return data[: int(len(data) * share)] + b"\xff\xd9"


@pytest.mark.parametrize("side", [9, 18, 36, 64])  # decoded at 1/8, 1/4, 1/2 and in full
@pytest.mark.parametrize(
    "options",
    [{}, {"subsampling": 0}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 2}],
    ids=str,
)
def test_jpeg_whose_end_comes_early(side: int, options: dict[str, object]) -> None:
    assert "RowsMissing" in refused(early(0.6, **options), side)


def test_jpeg_that_says_it_is_taller() -> None:
    data = bytearray(saved(scene(), "JPEG"))
    at = data.index(b"\xff\xc0")
    struct.pack_into(">H", data, at + 5, 2 * HEIGHT)
    assert "RowsMissing" in refused(bytes(data))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("grey", [0, 127, 128, 255])
def test_jpeg_of_one_colour_below_is_a_photo(mode: str, grey: int) -> None:
    """Whole files are never taken for short ones: sizes, samplings, scans, restarts, tails."""
    kinds: list[dict[str, object]] = [
        {}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 3},
        {"optimize": True, "quality": 100},
    ]  # fmt: skip
    for width, height in ((104, 72), (33, 47), (8, 8), (7, 9)):
        picture = np.asarray(Image.fromarray(scene()).resize((width, height))).copy()
        picture[height // 2 :] = grey
        for options in kinds:
            data = saved(Image.fromarray(picture).convert(mode), "JPEG", **options)
            for side in (4, min(width, height)):
                taken(data, min(width, height), side)
            taken(data + b"\xff\xd9 and more" + data, min(width, height), 4)


def test_mpo_of_one_colour_below_is_a_photo() -> None:
    picture = scene().copy()
    picture[HEIGHT // 2 :] = 128
    taken(saved(picture, "MPO", save_all=True, append_images=[Image.fromarray(scene())]))


def strip(rows: int) -> bytes:
    return np.ascontiguousarray(grey_scene()[:rows]).tobytes()


TIFFS: dict[str, Callable[[], bytes]] = {
    "one strip of two": lambda: plain_tiff(
        grey_scene(), 1, [8], strips=[strip(36)], t278=(4, 36)
    ),
    "one plane of three": lambda: plain_tiff(
        scene(), 2, [8] * 3, strips=[strip(HEIGHT)], t284=(3, 2)
    ),
    "a strip that is short": lambda: plain_tiff(grey_scene(), 1, [8], strips=[strip(36)]),
    "no strip": lambda: plain_tiff(grey_scene(), 1, [8], strips=[b""]),
    "deflate that ends early": lambda: plain_tiff(
        grey_scene(), 1, [8], strips=[zlib.compress(strip(36))], t259=(3, 8)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TIFFS)
def test_tiff_with_too_few_strips(name: str) -> None:
    refused(TIFFS[name]())


def test_tiff_in_strips_is_a_photo() -> None:
    strips = [strip(HEIGHT)[:3744], strip(HEIGHT)[3744:]]
    data = plain_tiff(grey_scene(), 1, [8], strips=strips, t278=(4, 36))
    assert np.abs(taken(data, 72, 72)[0] - grey_scene()[:72, :72].astype(int)).max() == 0
