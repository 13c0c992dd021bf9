"""Colours of a file -> sRGB: ICC profiles, and the spaces that PNG, AVIF and JPEG 2000 tell.

What counts is what browsers let count: in a PNG cICP, then iCCP, then sRGB, then gAMA and cHRM
together; in AVIF and HEIF the profile, then nclx. Without any of it numbers are sRGB's.
"""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from limbeck.kit.containers import boxes, content, png_chunks, primary_properties
from limbeck.kit.memory import short_of_memory
from limbeck.kit.photos import NoPhoto, in_srgb, on_white, parted

_SPARE = 64 << 20
_ROWS = 64  # converted at once
_D65 = (0.3127, 0.3290)
_SRGB_GAMMA = 0.0  # stands for sRGB's own curve
_XY = {
    1: (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0} | dict.fromkeys((1, 2, 6, 13, 14, 15), _SRGB_GAMMA)
_HDR = {16: "PQ", 18: "HLG"}
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


@dataclass(frozen=True)
class Space:
    """An RGB space: chromaticities (white x, y, red x, y, green, blue) and its curve.

    `gamma` is the power from numbers in [0, 1] to light; 0 stands for the curve of sRGB.
    """

    primaries: tuple[float, ...]
    gamma: float

    def is_srgb(self) -> bool:
        """Whether nothing need be converted."""
        near = np.allclose(self.primaries, _XY[1], atol=0.002)
        return self.gamma == _SRGB_GAMMA and bool(near)

    def to_srgb(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 [H, W, 3] of this space -> sRGB, what lies outside of it clipped."""
        table = _light(np.arange(256) / 255, self.gamma).astype(np.float32)
        source, white = _to_xyz(self.primaries)
        target, d65 = _to_xyz(_XY[1])
        cones = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ d65) / (_BRADFORD @ white))
        matrix = np.linalg.inv(target) @ cones @ _BRADFORD @ source
        matrix = matrix.T.astype(np.float32)
        turned = np.empty_like(pixels)
        for row in range(0, len(pixels), _ROWS):
            light = (table[pixels[row : row + _ROWS]] @ matrix).clip(0, 1)
            low, high = 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055
            turned[row : row + _ROWS] = np.rint(255 * np.where(light <= 0.0031308, low, high))
        return turned


Colours = bytes | Space | None
"""How a file tells its colours: an ICC profile, a space, or not at all."""


def _light(values: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    if gamma != _SRGB_GAMMA:
        return values**gamma
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _pairs(xy: tuple[float, ...]) -> list[tuple[float, float]]:
    return list(zip(xy[::2], xy[1::2], strict=True))


def _to_xyz(xy: tuple[float, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix from linear RGB to XYZ, and XYZ of white."""
    columns = [np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in _pairs(xy)]
    white, primaries = columns[0], np.stack(columns[1:], axis=1)
    return primaries * np.linalg.solve(primaries, white), white


def colours_of(image: Any) -> Colours:
    """How an opened file tells its colours; before it is loaded.

    Raises:
        NoPhoto: they cannot be brought to sRGB: PQ, HLG, narrow range, an unknown space.
    """
    profile = image.info.get("icc_profile") or None
    if getattr(image, "fp", None) is None:
        return profile
    if image.format == "PNG":
        return _png(image, profile)
    if image.format in ("AVIF", "HEIF") and profile is None:
        return _nclx(image)
    if image.format == "JPEG2000" and profile is None:
        return _jp2(image)
    return profile


def _coded(primaries: int, transfer: int) -> Space | None:
    """The space of code points of ITU-T H.273; None for sRGB and for what is left open."""
    if transfer in _HDR:
        raise NoPhoto(f"HDR: its transfer is {_HDR[transfer]}")
    if primaries == 2:
        return None
    if primaries not in _XY or transfer not in _GAMMAS:
        raise NoPhoto(f"colours of primaries {primaries} and transfer {transfer}")
    space = Space(_XY[primaries], _GAMMAS[transfer])
    return None if space.is_srgb() else space


def _png(image: Any, profile: bytes | None) -> Colours:
    for part in png_chunks(image.fp):
        if part.kind == b"cICP" and part.end - part.start == 4:
            primaries, transfer, _, full = content(image.fp, part)
            if not full:
                raise NoPhoto("PNG of narrow range")
            return _coded(primaries, transfer)
        if part.kind == b"IDAT":
            break
    gamma, xy = image.info.get("gamma"), image.info.get("chromaticity")
    if profile or "srgb" in image.info or not gamma or not xy:
        return profile
    # 1 / 2.2 is what PNG tells writers of sRGB to note.
    space = Space(tuple(xy), _SRGB_GAMMA if abs(gamma - 0.45455) < 0.005 else 1 / gamma)
    sound = 0.1 < gamma < 3 and _is_triangle(space.primaries)
    return space if sound and not space.is_srgb() else None


def _is_triangle(xy: tuple[float, ...]) -> bool:
    """Whether three primaries are apart and white is about where whites are."""
    (wx, wy), (rx, ry), (gx, gy), (bx, by) = _pairs(xy)
    area = abs((gx - rx) * (by - ry) - (bx - rx) * (gy - ry))
    inside = all(x >= 0 and y > 0.001 and x + y <= 1.001 for x, y in _pairs(xy))
    return inside and area > 0.02 and 0.2 < wx < 0.5 and 0.2 < wy < 0.5


def _nclx(image: Any) -> Colours:
    for part in primary_properties(image.fp):
        data = content(image.fp, part) if part.kind == b"colr" else b""
        if data[:4] == b"nclx" and len(data) >= 10:
            return _coded(int.from_bytes(data[4:6], "big"), int.from_bytes(data[6:8], "big"))
    return None


def _jp2(image: Any) -> Colours:
    for part in boxes(image.fp):
        data = content(image.fp, part) if part.kind == b"colr" else b""
        if data[:1] in (b"\2", b"\3"):
            return data[3:]
        if data[:1] == b"\1" and len(data) >= 7:
            code = int.from_bytes(data[3:7], "big")
            if code not in (16, 17, 18):  # sRGB, grey, sYCC
                raise NoPhoto(f"JPEG 2000 of colour space {code}")
            return None
    return None


def opaque(image: Image.Image, colours: Colours) -> tuple[Image.Image, Colours, str]:
    """Any mode -> (L, RGB or CMYK, colours that are left to convert, note).

    Alpha is laid on white in sRGB, as browsers do: only then are colours converted here. What has
    none may first be made smaller.

    Raises:
        NoPhoto, MemoryError: as `parted` and `to_srgb`.
    """
    image, alpha = parted(image)
    if alpha is None:
        return image, colours, ""
    note = ""
    if colours:
        image, note = to_srgb(image, colours)
    return on_white(image, alpha), None, note


def to_srgb(image: Image.Image, colours: Colours) -> tuple[Image.Image, str]:
    """L, RGB or CMYK with the colours that its file tells -> (sRGB image, note).

    None means sRGB. A profile that is unreadable or of another kind is ignored; the note says so.

    Raises:
        MemoryError: there is too little memory to convert.
    """
    if isinstance(colours, Space):
        return Image.fromarray(colours.to_srgb(np.asarray(image.convert("RGB")))), ""
    if not colours:
        return image.convert("RGB"), ""
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(colours))
        space = source.profile.xcolor_space.strip()
        if space == "RGB" and image.mode == "L":
            image = image.convert("RGB")
        if {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(space) != image.mode:
            return image.convert("RGB"), f"colour profile for {space} ignored"
        return in_srgb(image, source), ""
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        if short_of_memory(2 * image.width * image.height * 4 + _SPARE):
            raise MemoryError(str(error)) from error
        return image.convert("RGB"), f"unreadable colour profile ignored: {error}"[:200]
