"""Kinds of image files: each makes a file, and what it shows computed without the decoder."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.decoding.drawn_files import scene

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    `make` gives a file and what it shows, [72, 104, 3] in [0, 255]; `most` is the mean error that
    is allowed, `note` what the decoder says of it.
    """

    name: str
    make: Callable[[], tuple[bytes, NDArray[np.generic]]]
    most: float
    note: str


KINDS: dict[str, Kind] = {}

Make = Callable[[], tuple[bytes, NDArray[np.generic]]]


def kind(name: str, most: float = 0.3, note: str = "") -> Callable[[Make], Make]:
    """Enter a function into KINDS."""

    def enter(make: Make) -> Make:
        assert name not in KINDS, name
        KINDS[name] = Kind(name, make, most, note)
        return make

    return enter


def on_white(colours: NDArray[np.generic], alpha: NDArray[np.generic], most: float = 255) -> Floats:
    """[H, W, 3] and [H, W] in [0, most] -> the colours laid on white."""
    share = np.asarray(alpha, dtype=float)[..., None] / most
    return np.asarray(np.asarray(colours, dtype=float) * share + 255 * (1 - share))


def neutral(values: NDArray[np.generic]) -> Floats:
    """[H, W] -> [H, W, 3]."""
    return np.repeat(np.asarray(values, dtype=float)[..., None], 3, axis=2)


def sixteen() -> NDArray[np.int64]:
    """The scene in 16 bits, with fractions of an eighth bit that matter."""
    y, x = np.mgrid[0 : scene().shape[0], 0 : scene().shape[1]]
    odd = (37 * x + 101 * y) % 257 - 128
    return np.asarray((scene().astype(int) * 257 + odd[..., None]).clip(0, 65535))


def eight_of(values: NDArray[np.generic]) -> Floats:
    """16 bits -> 8, rounded."""
    return np.asarray(np.rint(np.asarray(values, dtype=float) * 255 / 65535))


def inks() -> NDArray[np.uint8]:
    """uint8 [72, 104, 4]: cyan, magenta, yellow, black; 255 is all of it."""
    light = scene().astype(float)
    black = (255 - light.max(2)) * 0.6
    rest = 255 * (1 - light / (255 - black)[..., None]).clip(0, 1)
    return np.rint(np.dstack([rest, black])).astype(np.uint8)


def printed(cmyk: NDArray[np.generic]) -> Floats:
    """Inks -> RGB as browsers show them without a profile."""
    left = 255 - np.asarray(cmyk, dtype=float)
    return np.asarray(left[..., :3] * left[..., 3:] / 255)


def to_ycc(rgb: NDArray[np.generic]) -> Floats:
    """RGB -> YCbCr of JFIF, full range."""
    r, g, b = np.moveaxis(np.asarray(rgb, dtype=float), 2, 0)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    return np.dstack([luma, 128 + (b - luma) / 1.772, 128 + (r - luma) / 1.402])


def from_ycc(ycc: NDArray[np.generic]) -> Floats:
    """The way back, clipped."""
    luma, blue, red = np.moveaxis(np.asarray(ycc, dtype=float), 2, 0)
    r, b = luma + 1.402 * (red - 128), luma + 1.772 * (blue - 128)
    g = (luma - 0.299 * r - 0.114 * b) / 0.587
    return np.dstack([r, g, b]).clip(0, 255)


def light_of(values: NDArray[np.generic]) -> Floats:
    """sRGB numbers in [0, 255] -> light in [0, 1]."""
    v = np.asarray(values, dtype=float) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def srgb_of(light: NDArray[np.generic]) -> Floats:
    """Light -> sRGB numbers, clipped."""
    v = np.asarray(light, dtype=float).clip(0, 1)
    return np.asarray(255 * np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055))


# Published matrices: linear light of the space -> linear sRGB (both D65).
P3_TO_SRGB = np.array(
    [[1.2249402, -0.2249402, 0], [-0.0420570, 1.0420570, 0], [-0.0196376, -0.0786361, 1.0982736]]
)
ADOBE_TO_SRGB = np.array(
    [[1.3983557, -0.3983557, 0], [0, 1, 0], [0, -0.0429290, 1.0429290]]
)  # fmt: skip
REC2020_TO_SRGB = np.array(
    [[1.6604910, -0.5876411, -0.0728499], [-0.1245505, 1.1328999, -0.0083494],
     [-0.0181508, -0.1005789, 1.1187297]]
)  # fmt: skip
LAB_D50_TO_SRGB = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540],
     [0.0719453, -0.2289914, 1.4052427]]
)  # fmt: skip
D50 = np.array([0.96422, 1.0, 0.82521])


def lab_to_srgb(lab: NDArray[np.generic]) -> Floats:
    """CIE L*a*b* (D50) [H, W, 3] -> sRGB numbers."""
    L, a, b = np.moveaxis(np.asarray(lab, dtype=float), 2, 0)
    fy = (L + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2) * D50
    return srgb_of(xyz @ LAB_D50_TO_SRGB.T)


def srgb_to_lab(rgb: NDArray[np.generic]) -> Floats:
    """The way back."""
    xyz = light_of(rgb) @ np.linalg.inv(LAB_D50_TO_SRGB).T / D50
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    )
