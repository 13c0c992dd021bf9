"""Films of frames: a folder of PNGs, an animated WebP, or an mp4 (extra `video`).

Frames are taken one at a time and never held together. A film appears when it is whole.
"""

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from torch import Tensor

from limbeck import fsio
from limbeck.artefacts.folders import check_place
from limbeck.artefacts.new_file import check_free
from limbeck.errors import DataError, UsageError
from limbeck.kit.images import to_pil

Resample = Literal["lanczos", "nearest"]
"""How small frames are enlarged."""
FilmKind = Literal["png", "webp", "mp4"]
WATCHABLE = 256
"""Animations of smaller frames are enlarged to this side at least, by a whole factor."""
_MOST_SIDE = {"png": 65_536, "webp": 16_383, "mp4": 16_384}
_QUALITY, _EFFORT = 85, 4  # of WebP
_CRF = "17"  # of H.264: all but without visible loss
_FILTERS = {"lanczos": Image.Resampling.LANCZOS, "nearest": Image.Resampling.NEAREST}
WALKED = "walk"
"""What done.json calls a folder of frames."""


@dataclass(frozen=True)
class FilmForm:
    """How a film is written.

    Attributes:
        fps: frames a second.
        scale: whole factor by which frames are enlarged; None = animations to `WATCHABLE` at least,
            PNGs not at all.
        resample: how.
    """

    fps: float = 24.0
    scale: int | None = None
    resample: Resample = "lanczos"

    def __post_init__(self) -> None:
        if not 0.1 <= self.fps <= 240:
            raise UsageError(f"{self.fps:g} frames a second", "give 0.1 to 240")
        if self.scale is not None and self.scale < 1:
            raise UsageError(f"scale {self.scale}", "give a whole factor from 1 on")
        if self.resample not in _FILTERS:
            raise UsageError(f"no resampling {self.resample!r}", "choose lanczos or nearest")

    def factor(self, kind: FilmKind, side: int) -> int:
        """By how much frames of this side are enlarged.

        Raises:
            UsageError: the format has no frames that large.
        """
        usual = 1 if kind == "png" else max(1, -(-WATCHABLE // side))
        factor = usual if self.scale is None else self.scale
        if factor * side > _MOST_SIDE[kind]:
            raise UsageError(
                f"frames of {factor * side} px are too large for {kind}", "give a smaller --scale"
            )
        return factor


def film_kind(out: Path) -> FilmKind:
    """What is written to a path: by its suffix, and without one a folder of PNGs.

    Raises:
        UsageError: another suffix.
    """
    suffix = Path(out).suffix.lower()
    if suffix in (".webp", ".mp4"):
        return "webp" if suffix == ".webp" else "mp4"
    if suffix:
        raise UsageError(
            f"{out}: no film is written as {suffix}",
            "give --out NAME.webp or NAME.mp4, or a name without a suffix for a folder of PNGs",
        )
    return "png"


def check_film(out: Path, *, overwrite: bool = False) -> FilmKind:
    """Check, before anything is drawn, that a film can be written there.

    Args:
        out: see `film_kind`.
        overwrite: take the place of a file that is there.

    Raises:
        UsageError: no such kind of film, or what writes it is not installed.
        DataError: something is there already.
    """
    kind = film_kind(out)
    if kind == "mp4":
        require_video()
    if kind == "png":
        check_place(out, WALKED)
    else:
        check_free(out, overwrite=overwrite)
    return kind


def require_video() -> None:
    """Check that mp4 can be written.

    Raises:
        UsageError: PyAV, or its encoder of H.264, is not there.
    """
    do = "pip install 'limbeck[video]', or give --out NAME.webp, which needs nothing"
    if importlib.util.find_spec("av") is None:
        raise UsageError("an mp4 is written by PyAV, which is not installed", do)
    from av.codec import codecs_available

    if "libx264" not in codecs_available:
        raise UsageError("this PyAV has no libx264 to write an mp4 with", do)


def write_film(
    frames: Iterable[Tensor], count: int, out: Path, form: FilmForm, *, overwrite: bool = False
) -> None:
    """Write an animated WebP or an mp4 (H.264, yuv420p, BT.709), all or nothing.

    WebP repeats for ever. An mp4 of an odd side gets one more row or column of the same pixels.

    Args:
        frames: images uint8 [3, S, S].
        count: how many.
        out: `NAME.webp` or `NAME.mp4`.
        form: rate and size.
        overwrite: as `check_film`.

    Raises:
        UsageError: as `check_film`; frames of another size than the first.
        DataError: as `check_film`; it cannot be written.
    """
    kind = check_film(out, overwrite=overwrite)
    if kind == "png":
        raise UsageError(f"{out} is the name of a folder", "give NAME.webp or NAME.mp4")
    write = _write_webp if kind == "webp" else _write_mp4
    with fsio.atomic_file(out) as temporary:
        write(enlarged(frames, kind, form), count, temporary, form.fps)
        check_free(out, overwrite=overwrite)


def write_frames(frames: Iterable[Tensor], folder: Path, form: FilmForm) -> list[Path]:
    """Write `frame-000000.png`, `frame-000001.png`, ... into a folder that is there.

    Returns:
        The files.

    Raises:
        UsageError, DataError: as `write_film`.
    """
    made: list[Path] = []
    for number, image in enumerate(enlarged(frames, "png", form)):
        made.append(folder / f"frame-{number:06d}.png")
        with fsio.atomic_file(made[-1]) as temporary:
            image.save(temporary, "PNG")
    return made


def enlarged(frames: Iterable[Tensor], kind: FilmKind, form: FilmForm) -> Iterator[Image.Image]:
    """uint8 [3, S, S] -> PIL RGB images as they go into the film."""
    for frame in frames:
        image = to_pil(frame)
        factor = form.factor(kind, max(image.size))
        if factor > 1:
            size = (image.width * factor, image.height * factor)
            image = image.resize(size, _FILTERS[form.resample])
        yield image


class _Reel(Image.Image):  # type: ignore[misc]
    """Frames one after another as one PIL image of many; `seek` draws the next one."""

    def __init__(self, images: Iterator[Image.Image], count: int) -> None:
        super().__init__()
        self._images, self.n_frames, self._at = images, count, -1
        self._show(0)

    def _show(self, number: int) -> None:
        if number == self._at + 1:
            current = next(self._images)
            assert self._at < 0 or current.size == self.size, "frames of one size"
            self._size, self._mode, self.im = current.size, current.mode, current.im
            self._at = number

    def seek(self, frame: int) -> None:
        """Frames come in their order, each once; going back at the end changes nothing."""
        self._show(frame)

    def tell(self) -> int:
        """Number of the frame."""
        return 0


def _write_webp(images: Iterator[Image.Image], count: int, path: Path, fps: float) -> None:
    # whole milliseconds, so that the sum is right
    times = [round(1000 * number / fps) for number in range(count + 1)]
    durations = [end - start for start, end in pairwise(times)]
    reel = _Reel(images, count)
    with open(path, "wb") as file:
        reel.save(
            file, "WEBP", save_all=True, duration=durations, loop=0, quality=_QUALITY,
            method=_EFFORT,
        )  # fmt: skip


def _write_mp4(images: Iterator[Image.Image], count: int, path: Path, fps: float) -> None:
    import av

    try:
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as film:
            stream: Any = film.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
            stream.pix_fmt, stream.options = "yuv420p", {"crf": _CRF, "preset": "medium"}
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
            context.color_range = 1  # 16 to 235
            for number, image in enumerate(images):
                pixels = _even(np.asarray(image))
                if number == 0:
                    stream.height, stream.width = pixels.shape[:2]
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
                film.mux(stream.encode(frame))
            film.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise DataError(
            f"the mp4 cannot be written: {error}", "look at the disk, or give .webp"
        ) from error


def _even(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """uint8 [H, W, 3] with one more row and column where there is an odd number."""
    height, width = pixels.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return pixels
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
