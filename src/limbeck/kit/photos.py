"""What decoding a photo means everywhere: formats, size limit, eight bits, and sRGB."""

import io
from functools import cache

import numpy as np
from PIL import Image, ImageCms

from limbeck.kit.memory import short_of_memory

MAX_PIXELS = 64_000_000
"""Width times height of the largest image that is decoded."""
# Others (EPS, PDF, ...) would start programs of the system.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "HEIF")
_SPARE = 64 << 20


class NoPhoto(ValueError):
    """Pixels that are no photo's."""


@cache
def photo_formats() -> tuple[str, ...]:
    """Names of the formats that are read here, for `PIL.Image.open`; HEIF where it is installed."""
    try:
        import pillow_heif
    except ImportError:
        pass
    else:
        pillow_heif.register_heif_opener()
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def eight_bit(image: Image.Image) -> Image.Image:
    """Any mode -> L, RGB or CMYK without alpha, which is laid on white; 16 bits are scaled to 8.

    Raises:
        NoPhoto: 16-bit integers below 0, or floats outside [0, 255].
    """
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float64)
        low, high = float(values.min()), float(values.max())
        limit = 65535.0 if image.mode.startswith("I") else 1.0 if high <= 1 else 255.0
        if not (low >= 0 and high <= limit):
            raise NoPhoto(f"mode {image.mode} with values from {low:g} to {high:g}")
        return Image.fromarray(np.round(values * (255 / limit)).astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """L, RGB or CMYK with an embedded ICC profile -> (sRGB image, note).

    No profile means sRGB. One that is unreadable or of another space is ignored; the note says so.

    Raises:
        MemoryError: there is too little memory to convert.
    """
    if not profile:
        return image.convert("RGB"), ""
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space == "RGB" and image.mode == "L":
            image = image.convert("RGB")
        if {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(space) != image.mode:
            return image.convert("RGB"), f"colour profile for {space} ignored"
        target = ImageCms.createProfile("sRGB")
        turned = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        if short_of_memory(2 * image.width * image.height * 4 + _SPARE):
            raise MemoryError(str(error)) from error
        return image.convert("RGB"), f"unreadable colour profile ignored: {error}"[:200]
    return (image.convert("RGB"), "") if turned is None else (turned, "")
