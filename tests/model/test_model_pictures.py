"""Images of every kind go in, and decode as ingestion decodes photos."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model_small import small_pipeline
from PIL import Image, ImageCms

from limbeck.decoding.decode import centre_box, square, upright_size
from limbeck.errors import DataError, UsageError
from limbeck.model import Pipeline
from limbeck.model.images import centre_square


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return small_pipeline()


def photo(width: int = 48, height: int = 32, mode: str = "RGB") -> Image.Image:
    """Smooth colours that differ in every corner."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [x / width * 255, y / height * 255, (x + y) / (width + height) * 255]
    return Image.fromarray(np.stack(planes, 2).astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def oriented(tag: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = tag
    return encoded(photo(), "JPEG", quality=95, exif=exif)


def see_through() -> bytes:
    image = photo(mode="RGBA")
    image.putalpha(Image.fromarray(np.tile(np.arange(48, dtype=np.uint8) * 5, (32, 1))))
    return encoded(image)


def deep() -> bytes:
    grey = np.linspace(0, 65535, 48 * 32).reshape(32, 48).astype(np.uint16)
    return encoded(Image.fromarray(grey))


def profiled() -> bytes:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return encoded(photo(), "JPEG", quality=95, icc_profile=lab)


FILES = {
    **{f"exif {tag}": oriented(tag) for tag in range(1, 9)},
    "transparent": see_through(),
    "16 bits": deep(),
    "palette": encoded(photo().quantize(32)),
    "grey": encoded(photo(mode="L")),
    "one bit": encoded(photo(mode="1")),
    "cmyk": encoded(photo(mode="CMYK"), "JPEG", quality=95),
    "profile": profiled(),
    "wide": encoded(photo(64, 16)),
    "webp": encoded(photo(), "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_decoded_as_ingestion_decodes_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / "no-suffix"
    path.write_bytes(FILES[name])
    mine = centre_square(path, 16)[0]
    wanted = square(FILES[name], centre_box(*upright_size(FILES[name])), 16).pixels
    assert mine.dtype == torch.uint8
    assert int((mine.int() - torch.from_numpy(wanted).int()).abs().max()) <= 1
    assert torch.equal(centre_square(str(path), 16)[0], mine)
    with Image.open(path) as image:
        assert torch.equal(centre_square(image, 16)[0], mine)


def test_every_kind_of_picture_inverts_alike(pipeline: Pipeline, tmp_path: Path) -> None:
    drawn = pipeline([3], psi=1.0)[0]
    (image,) = pipeline([3], psi=1.0, output="pil")
    image.save(tmp_path / "a.png")
    w, picture, distance = pipeline.invert(drawn)
    array = drawn.permute(1, 2, 0).numpy()
    kinds = (image, array, np.asfortranarray(array), tmp_path / "a.png", str(tmp_path / "a.png"))
    for kind in kinds:
        again = pipeline.invert(kind)
        assert torch.equal(again[0], w)
        assert torch.equal(again[1], picture)
        assert again[2] == pytest.approx(distance, abs=1e-6)


def test_the_inverted_picture_comes_in_every_kind(pipeline: Pipeline) -> None:
    drawn = pipeline([3], psi=1.0)[0]
    w, eight, distance = pipeline.invert(drawn)
    for output in ("float", "pil"):
        again = pipeline.invert(drawn, output=output)  # type: ignore[call-overload]
        assert torch.equal(again[0], w)
        assert again[2] == distance
    real = pipeline.invert(drawn, output="float")[1]
    assert (real.dtype, real.shape) == (torch.float32, (3, 16, 16))
    assert torch.equal(((real + 1) * 127.5).round().to(torch.uint8), eight)
    image = pipeline.invert(drawn, output="pil")[1]
    assert np.array_equal(np.asarray(image), eight.permute(1, 2, 0).numpy())
    with pytest.raises(UsageError, match="choose one of pil"):
        pipeline.invert(drawn, output="jpeg")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "an image of type NoneType"),
        (3, "an image of type int"),
        (b"bytes", "an image of type bytes"),
        ([1, 2], "an image of type int"),
        (np.zeros((4, 4, 3)), r"array float64 \[4, 4, 3\]"),
        (np.zeros((3, 4, 4), np.uint8), r"array uint8 \[3, 4, 4\]"),
        (np.zeros((4, 4), np.uint8), r"array uint8 \[4, 4\]"),
        (np.zeros((0, 4, 3), np.uint8), "an empty image"),
        (torch.zeros(3, 0, 4, dtype=torch.uint8), "an empty image"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), r"uint8 \[2, 3, 4, 4\]"),
    ],
)
def test_what_is_no_picture_is_named(pipeline: Pipeline, given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        pipeline.invert(given)
    assert "give a PIL image or uint8 [3, H, W]" in caught.value.do


def test_files_that_are_no_pictures_are_named(pipeline: Pipeline, tmp_path: Path) -> None:
    def refused(path: Path | str, message: str) -> None:
        with pytest.raises(DataError, match=message) as caught:
            pipeline.invert(path)
        assert caught.value.do

    refused(tmp_path / "absent.jpg", "no such file")
    refused("https://example.org/dog.jpg", "no such file")
    refused("a\0b", "no such file")
    refused("x" * 5000, "cannot be opened")
    refused(tmp_path, "is a folder")
    (tmp_path / "text.png").write_text("no image at all")
    refused(tmp_path / "text.png", "is no image that can be read")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "is no image that can be read")
    (tmp_path / "torn.png").write_bytes(FILES["wide"][:80])
    refused(tmp_path / "torn.png", "is no image that can be read")
    (tmp_path / "script.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    refused(tmp_path / "script.eps", "is no image that can be read")  # would start a program


def test_a_picture_beyond_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "big.png").write_bytes(FILES["wide"])
    monkeypatch.setattr("limbeck.model.images.MAX_PIXELS", 64 * 16 - 1)
    with pytest.raises(DataError, match="64 x 16 pixels, the limit is"):
        centre_square(tmp_path / "big.png", 16)


def test_a_damaged_tag_does_not_refuse_the_picture() -> None:
    image = photo()
    image.info["exif"] = b"Exif\0\0nonsense"
    assert torch.equal(centre_square(image, 16), centre_square(photo(), 16))
