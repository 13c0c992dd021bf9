"""Odd files become the right pixels, or a reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from limbeck.decoding import centre_box
from limbeck.decoding.decode import Rejected, square, strict_pillow, upright_size
from limbeck.records import Reason


def _encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _quarters(mode: str = "RGB") -> Image.Image:
    """64 x 64: red, green / blue, white."""
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    pixels[:32, :32] = (255, 0, 0)
    pixels[:32, 32:] = (0, 255, 0)
    pixels[32:, :32] = (0, 0, 255)
    pixels[32:, 32:] = 255
    return Image.fromarray(pixels).convert(mode)


def _decode(data: bytes, side: int = 16) -> np.ndarray:
    with strict_pillow():
        return square(data, centre_box(*upright_size(data)), side).pixels


def _corners(pixels: np.ndarray) -> list[tuple[int, ...]]:
    """Colours at the centres of the four quarters, rounded to 0, 128, 255."""
    q = pixels.shape[-1] // 4
    spots = [pixels[:, y, x] for y in (q, 3 * q) for x in (q, 3 * q)]
    return [tuple(int(v) for v in np.round(s / 127.5) * 127.5 // 1) for s in spots]


R, G, B, W = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_centre_box_is_the_largest_centred_square(width: int, height: int) -> None:
    left, top, right, bottom = centre_box(width, height)
    assert right - left == bottom - top == min(width, height)
    assert 0 <= left <= right <= width
    assert 0 <= top <= bottom <= height
    assert abs(left - (width - right)) <= 1
    assert abs(top - (height - bottom)) <= 1


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "RGB"), ("PNG", "P"), ("BMP", "RGB"), ("TIFF", "RGB"), ("GIF", "P"), ("PPM", "RGB"),
     ("TIFF", "CMYK"), ("PNG", "RGBA"), ("WEBP", "RGB"), ("JPEG", "RGB"), ("JPEG", "CMYK")],
)  # fmt: skip
def test_formats_and_modes(kind: str, mode: str) -> None:
    image = _quarters("RGB").quantize(8) if mode == "P" else _quarters(mode)
    options = {"lossless": True} if kind == "WEBP" else {}
    assert _corners(_decode(_encode(image, kind, **options))) == [R, G, B, W]


@pytest.mark.parametrize(
    ("orientation", "corners"),
    [(1, [R, G, B, W]), (2, [G, R, W, B]), (3, [W, B, G, R]), (4, [B, W, R, G]),
     (5, [R, B, G, W]), (6, [B, R, W, G]), (7, [W, G, B, R]), (8, [G, W, R, B])],
)  # fmt: skip
def test_exif_rotation(orientation: int, corners: list[tuple[int, ...]]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    wide = Image.new("RGB", (96, 64), (128, 128, 128))
    wide.paste(_quarters(), (16, 0))
    data = _encode(wide, "JPEG", quality=95, subsampling=0, exif=exif)
    assert upright_size(data) == ((64, 96) if orientation >= 5 else (96, 64))
    assert _corners(_decode(data)) == corners


def test_alpha_is_laid_on_white() -> None:
    image = _quarters("RGBA")
    image.putalpha(Image.new("L", (64, 64), 0))
    assert (_decode(_encode(image, "PNG")) == 255).all()
    half = Image.new("LA", (32, 32), (0, 128))
    assert abs(int(_decode(_encode(half, "PNG")).mean()) - 127) <= 1
    palette = _quarters().quantize(8)
    red = palette.getpixel((0, 0))
    assert _corners(_decode(_encode(palette, "PNG", transparency=red))) == [W, G, B, W]


def test_sixteen_bits_are_scaled() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    pixels = _decode(_encode(Image.fromarray(ramp), "PNG"), 64)
    assert np.abs(pixels[0, 0].astype(float) - ramp[0] / 257).max() <= 0.51
    floats = Image.fromarray(np.full((32, 32), 0.5, dtype=np.float32))
    assert (_decode(_encode(floats, "TIFF")) == 128).all()
    wild = Image.fromarray(np.full((32, 32), -3.0, dtype=np.float32))
    with pytest.raises(Rejected, match="values from -3"):
        _decode(_encode(wild, "TIFF"))


def test_grey_and_bilevel() -> None:
    grey = Image.new("L", (32, 32), 77)
    assert (_decode(_encode(grey, "PNG")) == 77).all()
    assert (_decode(_encode(Image.new("1", (32, 32), 1), "PNG")) == 255).all()


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in (R, B)]
    for kind in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = _encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert _corners(_decode(data))[0] == R


def _swapped_profile() -> bytes:
    """sRGB's profile with red and green exchanged: a colour space nobody can mistake for sRGB."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    at = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    profile[at[b"rXYZ"] : at[b"rXYZ"] + 4] = b"gXYZ"
    profile[at[b"gXYZ"] : at[b"gXYZ"] + 4] = b"rXYZ"
    return bytes(profile)


def test_icc_profiles_are_applied() -> None:
    data = _encode(_quarters(), "PNG", icc_profile=_swapped_profile())
    assert _corners(_decode(data)) == [G, R, B, W]
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert _corners(_decode(_encode(_quarters(), "JPEG", quality=95, icc_profile=srgb))) == [
        R, G, B, W,
    ]  # fmt: skip
    assert (_decode(_encode(Image.new("L", (32, 32), 90), "PNG", icc_profile=srgb)) == 90).all()


def test_a_bad_profile_is_noted_not_fatal() -> None:
    data = _encode(_quarters(), "PNG", icc_profile=b"rubbish" * 40)
    with strict_pillow():
        result = square(data, (0, 0, 64, 64), 16)
    assert "unreadable colour profile" in result.note
    assert _corners(result.pixels) == [R, G, B, W]


def test_large_jpegs_are_reduced_faithfully() -> None:
    rng = np.random.default_rng(1)
    small = Image.fromarray(rng.integers(0, 256, (12, 18, 3), dtype=np.uint8))
    image = small.resize((1200, 800), Image.Resampling.BICUBIC)
    data = _encode(image, "JPEG", quality=95)
    full = Image.open(io.BytesIO(data)).crop((200, 0, 1000, 800))
    direct = np.asarray(full.resize((64, 64), Image.Resampling.LANCZOS)).transpose(2, 0, 1)
    assert np.abs(_decode(data, 64).astype(int) - direct).mean() < 1.0


def _png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


_NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (b"", Reason.NOT_AN_IMAGE, "empty"),
        (b"hello, I am a text", Reason.NOT_AN_IMAGE, "no known"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Reason.NOT_AN_IMAGE, "no known"),
        (b"%PDF-1.7 ...", Reason.UNSUPPORTED, "PDF"),
        (b"\0\0\0\x18ftypisom....", Reason.UNSUPPORTED, "a video"),
        (b"PK\3\4...", Reason.NOT_AN_IMAGE, "an archive inside; unpack it"),
        (b"\xff\xd8\xff\xe0", Reason.CORRUPT, "JPEG"),
        (b"\x89PNG\r\n\x1a\n", Reason.CORRUPT, "PNG"),
        (_png_header(8001, 8000), Reason.TOO_LARGE, "8001 x 8000"),
        (_png_header(12_000, 8000), Reason.TOO_LARGE, ""),
        (_png_header(60_000, 60_000), Reason.TOO_LARGE, ""),
        (_png_header(64, 64), Reason.CORRUPT, "truncated"),
        (_encode(_NOISE, "JPEG")[:-600], Reason.CORRUPT, "truncated"),
        (_encode(_NOISE, "PNG")[:-3000], Reason.CORRUPT, "truncated"),
        (_encode(_NOISE, "WEBP")[:-300], Reason.CORRUPT, ""),
        (_encode(_NOISE, "GIF")[:-2500], Reason.CORRUPT, "truncated"),
    ],
)
def test_bad_files_have_reasons(data: bytes, reason: Reason, words: str) -> None:
    with pytest.raises(Rejected) as caught:
        _decode(data)
    assert caught.value.reason is reason
    assert words in caught.value.detail
    assert caught.value.detail


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_flipped_bytes_end_in_a_picture_or_a_reason(kind: str) -> None:
    rng = np.random.default_rng(5)
    good = _encode(_NOISE, kind)
    ends = []
    for _ in range(40):
        data = bytearray(good)
        for at in rng.integers(0, min(len(data), 600), 3):
            data[at] = rng.integers(256)
        ends.append(_end_of(bytes(data)))
    assert set(ends) <= {"picture", *Reason} - {Reason.NONE}


def _end_of(data: bytes) -> str:
    try:
        _decode(data)
    except Rejected as why:
        return why.reason
    return "picture"
