"""Films: the right count, size, rate and colours; whole or not at all."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from limbeck.editing import FilmForm, check_film, film_kind, write_film, write_frames
from limbeck.errors import DataError, UsageError

COLOURS = [(220, 40, 40), (40, 200, 60), (50, 60, 210), (200, 200, 40), (120, 120, 120)]


def frames(side: int = 32) -> Iterator[Tensor]:
    for colour in COLOURS:
        yield torch.tensor(colour, dtype=torch.uint8)[:, None, None].expand(3, side, side)


def near(image: Image.Image, colour: tuple[int, int, int], by: int) -> bool:
    middle = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    assert isinstance(middle, tuple)
    return all(abs(a - b) <= by for a, b in zip(middle, colour, strict=True))


def test_webp_has_all_frames_at_their_time(tmp_path: Path) -> None:
    out = tmp_path / "a.webp"
    write_film(frames(), 5, out, FilmForm(fps=24))
    with Image.open(out) as film:
        assert film.n_frames == 5
        assert film.size == (256, 256)
        assert film.info["loop"] == 0
        total = 0
        for number, colour in enumerate(COLOURS):
            film.seek(number)
            film.load()
            assert near(film, colour, 6)
            total += film.info["duration"]
    assert total == 208  # 5 / 24 s in whole milliseconds
    assert [path.name for path in tmp_path.iterdir()] == ["a.webp"]


def test_frames_are_taken_one_at_a_time(tmp_path: Path) -> None:
    alive = 0

    class Counted(torch.Tensor):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    most = 0

    def counted() -> Iterator[Tensor]:
        nonlocal alive, most
        for frame in frames():
            alive += 1
            most = max(most, alive)
            yield frame.clone().as_subclass(Counted)

    write_film(counted(), 5, tmp_path / "a.webp", FilmForm(scale=1))
    assert most <= 2


def test_one_frame_alone_is_a_film_too(tmp_path: Path) -> None:
    write_film(iter([next(frames())]), 1, tmp_path / "a.webp", FilmForm(scale=1))
    with Image.open(tmp_path / "a.webp") as film:
        assert near(film, COLOURS[0], 6)


@pytest.mark.parametrize(("side", "fps"), [(32, 24.0), (33, 12.5)])
def test_mp4_plays_and_has_count_size_rate_and_colours(
    side: int, fps: float, tmp_path: Path
) -> None:
    av = pytest.importorskip("av", reason="needs pip install 'limbeck[video]'")
    out = tmp_path / "a.mp4"
    write_film(frames(side), 5, out, FilmForm(fps=fps, scale=3, resample="nearest"))
    with av.open(str(out)) as film:
        (stream,) = film.streams.video
        even = 3 * side + 3 * side % 2
        assert (stream.width, stream.height, stream.frames) == (even, even, 5)
        assert stream.codec.name == "h264"
        assert stream.pix_fmt == "yuv420p"
        assert float(stream.average_rate) == fps
        assert float(stream.duration * stream.time_base) == pytest.approx(5 / fps, abs=1e-3)
        planes = [frame.to_ndarray(format="yuv420p") for frame in film.decode(video=0)]
        assert stream.codec_context.colorspace == 1  # BT.709
    for yuv, (red, green, blue) in zip(planes, COLOURS, strict=True):
        light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        found = yuv[:even], yuv[even : even + even // 4], yuv[even + even // 4 :]
        wanted = (
            16 + light * 219 / 255,
            128 + (blue - light) / 1.8556 * 224 / 255,
            128 + (red - light) / 1.5748 * 224 / 255,
        )
        assert [float(np.median(plane)) for plane in found] == pytest.approx(wanted, abs=3)


def test_frames_as_pngs(tmp_path: Path) -> None:
    made = write_frames(frames(), tmp_path, FilmForm(scale=2, resample="nearest"))
    assert [path.name for path in made] == [f"frame-{n:06d}.png" for n in range(5)]
    with Image.open(made[2]) as image:
        assert image.size == (64, 64)
        assert near(image, COLOURS[2], 0)
    write_frames(frames(), tmp_path, FilmForm())
    with Image.open(made[2]) as image:
        assert image.size == (32, 32)


def test_sizes() -> None:
    form = FilmForm()
    assert [form.factor("webp", side) for side in (16, 32, 64, 100, 256, 1024)] == [
        16,
        8,
        4,
        3,
        1,
        1,
    ]
    assert form.factor("png", 32) == 1
    assert FilmForm(scale=5).factor("png", 32) == 5
    for bad in ({"fps": 0}, {"fps": float("nan")}, {"scale": 0}, {"resample": "cubic"}):
        with pytest.raises(UsageError):
            FilmForm(**bad)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="too large"):
        FilmForm(scale=400).factor("webp", 64)


def test_kinds(tmp_path: Path) -> None:
    assert film_kind(Path("a.WEBP")) == "webp"
    assert film_kind(Path("a.mp4")) == "mp4"
    assert film_kind(Path("frames")) == "png"
    with pytest.raises(UsageError, match="no film is written as") as caught:
        film_kind(Path("a.avi"))
    assert ".webp" in caught.value.do
    with pytest.raises(UsageError, match="name of a folder"):
        write_film(frames(), 5, tmp_path / "frames", FilmForm())


def test_without_the_extra_nothing_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "av" else real(n))
    drawn: list[int] = []

    def watched() -> Iterator[Tensor]:
        drawn.append(1)
        yield from frames()

    with pytest.raises(UsageError, match="PyAV, which is not installed") as caught:
        write_film(watched(), 5, tmp_path / "a.mp4", FilmForm())
    assert "pip install 'limbeck[video]'" in caught.value.do
    assert ".webp" in caught.value.do
    assert not drawn
    check_film(tmp_path / "a.webp")


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    out = tmp_path / "a.webp"
    out.write_bytes(b"mine")
    with pytest.raises(DataError, match="is there already") as caught:
        check_film(out)
    assert "--overwrite" in caught.value.do
    with pytest.raises(DataError, match="is there already"):
        write_film(frames(), 5, out, FilmForm())
    assert out.read_bytes() == b"mine"
    write_film(frames(), 5, out, FilmForm(scale=1), overwrite=True)
    assert out.read_bytes() != b"mine"
    folder = tmp_path / "b.webp"
    folder.mkdir()
    with pytest.raises(DataError, match="is there already"):
        check_film(folder, overwrite=True)
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(DataError, match="not made by limbeck"):
        check_film(tmp_path / "frames")


@pytest.mark.parametrize("name", ["a.webp", "a.mp4"])
def test_ctrl_c_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    if name.endswith("mp4"):
        pytest.importorskip("av", reason="needs pip install 'limbeck[video]'")
    out = tmp_path / name
    out.write_bytes(b"before")

    def stopped() -> Iterator[Tensor]:
        for number, frame in enumerate(frames()):
            if number == 3:
                raise KeyboardInterrupt
            yield frame

    with pytest.raises(KeyboardInterrupt):
        write_film(stopped(), 5, out, FilmForm(), overwrite=True)
    assert out.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == [name]
