"""JPEG: samplings, colour transforms and the markers that tell them; MPO."""

import numpy as np
from PIL import Image

from tests.decoding.colour_kinds import from_ycc, inks, kind, neutral, printed, to_ycc
from tests.decoding.drawn_files import adobe, grey_scene, saved, scene, segments, without
from tests.decoding.drawn_jpeg import jpeg

Made = tuple[bytes, np.ndarray]
_FULL = [(1, 1)] * 3


def _bands(picture: np.ndarray) -> list[np.ndarray]:
    return list(np.moveaxis(np.asarray(picture, dtype=float), 2, 0))


@kind("JPEG 4:4:4", 2)
def _() -> Made:
    return saved(scene(), "JPEG", quality=97, subsampling=0), scene()


@kind("JPEG 4:2:0", 2)
def _() -> Made:
    return saved(scene(), "JPEG", quality=97, subsampling=2), scene()


@kind("JPEG progressive", 2)
def _() -> Made:
    return saved(scene(), "JPEG", quality=97, subsampling=0, progressive=True), scene()


for name, first in (("4:2:2", (2, 1)), ("4:4:0", (1, 2)), ("4:1:1", (4, 1)), ("4:1:0", (4, 2))):

    @kind(f"JPEG {name}, no markers", 2)
    def _(first: tuple[int, int] = first) -> Made:
        luma, *chroma = _bands(to_ycc(scene()))
        data = jpeg([luma, *chroma], [first, (1, 1), (1, 1)])
        if first[0] < 4:  # decoders interpolate
            return data, scene()
        return data, from_ycc(np.dstack([luma, *(_coarse(band, *first) for band in chroma)]))


def _coarse(band: np.ndarray, across: int, down: int) -> np.ndarray:
    means = band.reshape(72 // down, down, 104 // across, across).mean((1, 3))
    return means.repeat(down, 0).repeat(across, 1)


@kind("JPEG grey", 2)
def _() -> Made:
    return saved(grey_scene(), "JPEG", quality=97), neutral(grey_scene())


@kind("JPEG RGB, Adobe's marker says so", 2)
def _() -> Made:
    return jpeg(_bands(scene()), _FULL, extra=adobe(0)), scene()


@kind("JPEG YCbCr, Adobe's marker says so", 2)
def _() -> Made:
    return jpeg(_bands(to_ycc(scene())), _FULL, (82, 71, 66), adobe(1)), scene()


@kind("JPEG RGB, components named R, G, B", 2)
def _() -> Made:
    return jpeg(_bands(scene()), _FULL, (82, 71, 66)), scene()


@kind("JPEG CMYK inverted, Adobe's marker", 2)
def _() -> Made:
    data = saved(Image.fromarray(inks(), "CMYK"), "JPEG", quality=97)
    assert sum(marker == 0xEE for marker, _ in segments(data)) == 1
    return data, printed(inks())


@kind("JPEG CMYK inverted, no marker", 2)
def _() -> Made:
    data = saved(Image.fromarray(inks(), "CMYK"), "JPEG", quality=97)
    return without(data, 0xEE), printed(inks())


@kind("JPEG YCCK inverted, Adobe's marker", 2)
def _() -> Made:
    luma = _bands(to_ycc(inks()[..., :3]))
    planes = [*luma, 255 - inks()[..., 3].astype(float)]
    return jpeg(planes, [(1, 1)] * 4, (1, 2, 3, 4), adobe(2)), printed(inks())


@kind("JPEG YCCK inverted, 4:2:0", 2)
def _() -> Made:
    luma = _bands(to_ycc(inks()[..., :3]))
    planes = [*luma, 255 - inks()[..., 3].astype(float)]
    sampling = [(2, 2), (1, 1), (1, 1), (2, 2)]
    return jpeg(planes, sampling, (1, 2, 3, 4), adobe(2)), printed(inks())


@kind("MPO, the first picture", 2)
def _() -> Made:
    other = Image.fromarray(255 - scene())
    options = {"quality": 97, "subsampling": 0}
    return saved(scene(), "MPO", save_all=True, append_images=[other], **options), scene()
