"""Strangers' photos for the tab `edit`: decoded in a child process, never written to the disk."""

import threading

import torch
from torch import Tensor

from limbeck.decoding import Decoders, Rejected, Stopped, centre_box
from limbeck.errors import DataError
from limbeck.sandbox import NotStarted
from limbeck.studio.place import turn
from limbeck.verdicts import Reason

LEAST = 16
"""Pixels that the shorter side of a photo has at least."""
_WORDS = {
    Reason.NOT_AN_IMAGE: "this is no image",
    Reason.UNSUPPORTED: "images of this kind cannot be read",
    Reason.CORRUPT: "this image is damaged",
    Reason.TOO_LARGE: "this image has too many pixels",
    Reason.TOO_COSTLY: "this image takes too much to decode",
}
_ONE = threading.Lock()
"""One is decoded at a time: each may take 2 GiB."""
_SENT = threading.BoundedSemaphore(4)
"""That are decoded or wait for it."""


def centre_of(data: bytes, size: int) -> tuple[Tensor, int, int, str]:
    """A photo's centre square, as ingestion decodes and crops it without a detector.

    The child that decodes has 2 GiB, 8 s of processor time and a minute, and writes no file; an
    image has at most 64 megapixels.

    Args:
        data: of the file.
        size: of the square, pixels.

    Returns:
        uint8 [1, 3, size, size]; width and height of the upright photo; what was odd, or empty.

    Raises:
        DataError: says why it cannot be used.
        Busy: too many wait.
    """
    with turn(_SENT), _ONE:
        try:
            with Decoders() as decoders, decoders.opened(data) as photo:
                width, height = photo.upright_size()
                if min(width, height) < LEAST:
                    raise DataError(
                        f"this photo has {width} x {height} pixels",
                        f"give one whose shorter side has {LEAST} or more",
                    )
                square = photo.square(centre_box(width, height), size)
        except Rejected as why:
            words = _WORDS.get(why.reason, "this file cannot be used")
            raise DataError(
                f"{words}: {why.detail}", "give a whole JPEG, PNG, WebP, GIF, BMP or TIFF file"
            ) from None
        except (MemoryError, NotStarted, Stopped) as error:
            raise DataError(
                f"the photo could not be decoded here: {str(error)[:200]}",
                "see whether memory is free, and try again",
            ) from None
    return torch.from_numpy(square.pixels)[None], width, height, square.note
