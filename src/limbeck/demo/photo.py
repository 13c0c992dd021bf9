"""From linear light to a photo: exposure, white balance, tone, grain, lens, and odd formats."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from limbeck.demo.shapes import Array


@dataclass(frozen=True)
class Darkroom:
    """How one photographer's camera turns light into an image.

    Args:
        exposure: factor on the light.
        warmth: of the white balance; positive is orange, negative blue, about -0.2 to 0.2.
        contrast, saturation: 1 leaves them alone.
        vignette: darkening of the corners, 0 to 0.5.
        grain: noise's standard deviation in an image of [0, 1].
        blur: of the whole image in pixels.
    """

    exposure: float = 1.0
    warmth: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0
    vignette: float = 0.15
    grain: float = 0.01
    blur: float = 0.0


def random_darkroom(rng: np.random.Generator) -> Darkroom:
    """A darkroom as different as people's cameras are; one photo in twelve is a poor one."""
    poor = rng.random() < 1 / 12
    return Darkroom(
        exposure=float(np.exp(rng.normal(0, 0.45 if poor else 0.16))),
        warmth=float(rng.normal(0, 0.12 if poor else 0.055)),
        contrast=float(rng.normal(1.06, 0.08)),
        saturation=float(np.clip(rng.normal(1.08, 0.13), 0.6, 1.5)),
        vignette=float(rng.uniform(0, 0.35)),
        grain=float(rng.gamma(1.6, 0.02 if poor else 0.006)),
        blur=float(max(rng.normal(0.9 if poor else -0.25, 0.45), 0)),
    )


def develop(light: Array, size: tuple[int, int], room: Darkroom, rng: np.random.Generator
            ) -> Image.Image:  # fmt: skip
    """Linear light [3, H, W] -> RGB image of size (width, height), reduced by Lanczos."""
    balance = np.array([1 + room.warmth, 1, 1 - 1.2 * room.warmth], np.float32)[:, None, None]
    x = np.maximum(light * (balance * np.float32(room.exposure)), 0)
    x = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)  # a filmic curve (Narkowicz 2015)
    x = np.clip(x, 0, 1) ** np.float32(1 / 2.2)
    grey = x.mean(0, keepdims=True)
    x = grey + (x - grey) * np.float32(room.saturation)
    x = (x - 0.5) * np.float32(room.contrast) + 0.5
    height, width = x.shape[1:]
    u = np.linspace(-1, 1, width, dtype=np.float32)[None]
    v = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = x * (1 - np.float32(room.vignette * 0.5) * (u * u + v * v))
    picture = to_picture(x)
    if room.blur > 0.2:
        picture = picture.filter(ImageFilter.GaussianBlur(room.blur * width / size[0]))
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    if room.grain < 0.002:
        return picture
    y = np.asarray(picture, np.float32)
    noise = rng.standard_normal((size[1], size[0], 1), np.float32) * np.float32(0.75)
    noise = noise + rng.standard_normal(y.shape, np.float32) * np.float32(0.5)
    return Image.fromarray(
        np.clip(y + noise * np.float32(255 * room.grain), 0, 255).astype(np.uint8)
    )


def to_picture(x: Array) -> Image.Image:
    """Display values [3, h, w] in [0, 1] -> RGB image."""
    pixels = np.clip(x * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
