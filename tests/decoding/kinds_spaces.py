"""Colours that a file tells: profiles, and the codes of PNG, AVIF and JPEG 2000."""

import struct

import numpy as np
from PIL import Image

from tests.decoding.colour_kinds import (
    ADOBE_TO_SRGB,
    P3_TO_SRGB,
    REC2020_TO_SRGB,
    inks,
    kind,
    lab_to_srgb,
    light_of,
    neutral,
    on_white,
    printed,
    srgb_of,
)
from tests.decoding.drawn_files import chunk, grey_scene, png, saved, scene, slope
from tests.decoding.drawn_profiles import grey_profile, ink_profile, matrix_profile

Made = tuple[bytes, np.ndarray]

# Published columns, adapted to D50.
P3_D50 = np.array(
    [[0.515102, 0.291965, 0.157153], [0.241182, 0.692236, 0.0665819],
     [-0.00104941, 0.0418818, 0.784378]]
)  # fmt: skip
ADOBE_D50 = np.array(
    [[0.6097559, 0.2052401, 0.1492240], [0.3111242, 0.6256560, 0.0632197],
     [0.0194811, 0.0608902, 0.7448387]]
)  # fmt: skip
# L*a*b* of each ink; all together are black, so that black points meet.
SHIFT = np.array([[-22.0, -15, -15], [-22, 25, -3], [-6, -5, 28], [-50, -5, -10]])


def p3(picture: np.ndarray) -> np.ndarray:
    return srgb_of(light_of(picture) @ P3_TO_SRGB.T)


def adobe(picture: np.ndarray) -> np.ndarray:
    return srgb_of((picture / 255.0) ** (563 / 256) @ ADOBE_TO_SRGB.T)


for name, options in (
    ("PNG", {}), ("JPEG", {"quality": 97, "subsampling": 0}), ("WEBP", {"lossless": True}),
    ("TIFF", {}), ("AVIF", {"quality": 100, "subsampling": "4:4:4", "speed": 9}),
):  # fmt: skip

    @kind(f"Display P3's profile, {name}", 1.5)
    def _(name: str = name, options: dict[str, object] = options) -> Made:
        profile = matrix_profile(P3_D50, None)
        return saved(scene(), name, icc_profile=profile, **options), p3(scene())


@kind("Display P3's profile, alpha", 1.5)
def _() -> Made:
    alpha = slope().astype(np.uint8)
    image = Image.fromarray(np.dstack([scene(), alpha]))
    data = saved(image, "PNG", icc_profile=matrix_profile(P3_D50, None))
    return data, on_white(p3(scene()), alpha)


@kind("Display P3's profile, palette", 1)
def _() -> Made:
    image = Image.fromarray(scene()).quantize(256, dither=Image.Dither.NONE)
    data = saved(image, "PNG", icc_profile=matrix_profile(P3_D50, None))
    return data, p3(np.asarray(image.convert("RGB")))


@kind("Adobe RGB's profile", 1)
def _() -> Made:
    return saved(scene(), "PNG", icc_profile=matrix_profile(ADOBE_D50, 563 / 256)), adobe(scene())


@kind("a profile's grey, gamma 1.8", 1)
def _() -> Made:
    data = saved(grey_scene(), "PNG", icc_profile=grey_profile(1.8))
    return data, neutral(srgb_of((grey_scene() / 255) ** (461 / 256)))


@kind("a profile's grey, gamma 1.8, alpha", 1.5)
def _() -> Made:
    alpha = slope().astype(np.uint8)
    image = Image.fromarray(np.dstack([grey_scene(), alpha]), "LA")
    grey = neutral(srgb_of((grey_scene() / 255) ** (461 / 256)))
    return saved(image, "PNG", icc_profile=grey_profile(1.8)), on_white(grey, alpha)


@kind("a profile for RGB on grey", 1)
def _() -> Made:
    data = saved(grey_scene(), "PNG", icc_profile=matrix_profile(ADOBE_D50, 563 / 256))
    return data, adobe(neutral(grey_scene()))


for name, options in (("JPEG", {"quality": 97}), ("TIFF", {})):

    @kind(f"a profile's CMYK, {name}", 1.5)
    def _(name: str = name, options: dict[str, object] = options) -> Made:
        image = Image.fromarray(inks(), "CMYK")
        data = saved(image, name, icc_profile=ink_profile(SHIFT), **options)
        return data, lab_to_srgb(np.array([100.0, 0, 0]) + inks() / 255 @ SHIFT)


@kind("a profile for CMYK on RGB: ignored", note="colour profile for CMYK ignored")
def _() -> Made:
    return saved(scene(), "PNG", icc_profile=ink_profile(SHIFT)), scene()


@kind("a profile for grey on RGB: ignored", note="colour profile for GRAY ignored")
def _() -> Made:
    return saved(scene(), "PNG", icc_profile=grey_profile(1.8)), scene()


@kind("a profile for RGB on CMYK: ignored", note="colour profile for RGB ignored")
def _() -> Made:
    image = Image.fromarray(inks(), "CMYK")
    return saved(image, "TIFF", icc_profile=matrix_profile(P3_D50, None)), printed(inks())


@kind("a broken profile: ignored", note="unreadable colour profile ignored")
def _() -> Made:
    return saved(scene(), "PNG", icc_profile=matrix_profile(P3_D50, None)[:200]), scene()


def coded_png(before: bytes) -> bytes:
    return png(scene().reshape(72, -1), 2, 8, before=before)


GAMMA_18 = chunk(b"gAMA", struct.pack(">I", round(100000 / 1.8)))
SRGB_XY = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
P3_XY = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))


@kind("PNG gAMA alone: ignored")
def _() -> Made:
    return coded_png(GAMMA_18), scene()


@kind("PNG gAMA 1/1.8 and cHRM", 0.6)
def _() -> Made:
    return coded_png(GAMMA_18 + SRGB_XY), srgb_of((scene() / 255) ** 1.8)


@kind("PNG gAMA 1/2.2 and sRGB's cHRM: sRGB")
def _() -> Made:
    return coded_png(chunk(b"gAMA", struct.pack(">I", 45455)) + SRGB_XY), scene()


@kind("PNG gAMA 1/2.2 and P3's cHRM", 0.6)
def _() -> Made:
    return coded_png(chunk(b"gAMA", struct.pack(">I", 45455)) + P3_XY), p3(scene())


@kind("PNG gAMA, cHRM and sRGB: sRGB")
def _() -> Made:
    return coded_png(GAMMA_18 + P3_XY + chunk(b"sRGB", b"\0")), scene()


@kind("PNG cICP: Display P3", 0.6)
def _() -> Made:
    return coded_png(chunk(b"cICP", bytes([12, 13, 0, 1]))), p3(scene())


@kind("PNG cICP: BT.2020 of standard range", 0.6)
def _() -> Made:
    shown = srgb_of(light_of(scene()) @ REC2020_TO_SRGB.T)
    return coded_png(chunk(b"cICP", bytes([9, 14, 0, 1])) + GAMMA_18 + SRGB_XY), shown


@kind("PNG cICP: sRGB, before a profile")
def _() -> Made:
    data = saved(scene(), "PNG", icc_profile=matrix_profile(P3_D50, None))
    return data[:33] + chunk(b"cICP", bytes([1, 13, 0, 1])) + data[33:], scene()


def coded_avif(primaries: int, transfer: int) -> bytes:
    data = saved(scene(), "AVIF", quality=100, subsampling="4:4:4", speed=9)
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


@kind("AVIF nclx: Display P3", 2)
def _() -> Made:
    return coded_avif(12, 13), p3(scene())


@kind("AVIF nclx: BT.709", 2)
def _() -> Made:
    return coded_avif(1, 1), scene()


@kind("JPEG 2000, Display P3's profile", 1)
def _() -> Made:
    return jp2_with(b"\2\0\0" + matrix_profile(P3_D50, None)), p3(scene())


def jp2_with(colour: bytes) -> bytes:
    """A JPEG 2000 file whose colour box holds `colour`."""
    data = saved(scene(), "JPEG2000", irreversible=False)
    at = data.index(b"colr") - 4
    old = struct.unpack(">I", data[at : at + 4])[0]
    box = struct.pack(">I", len(colour) + 8) + b"colr" + colour
    head = data.index(b"jp2h") - 4
    whole = struct.unpack(">I", data[head : head + 4])[0] - old + len(box)
    return data[:head] + struct.pack(">I", whole) + data[head + 4 : at] + box + data[at + old :]
