"""Many pictures in one answer, each sent once it is drawn.

A record is two little-endian uint32, the bytes of its words and of its picture, then words (JSON)
and picture. A page that goes away ends the drawing: at most the chunk in work is lost.
"""

import io
import json
import logging
import struct
from collections.abc import Callable, Iterator
from typing import Any

from fastapi.responses import StreamingResponse
from torch import Tensor

from limbeck.errors import LimbeckError
from limbeck.kit.images import encode_png, to_pil
from limbeck.studio.place import Busy

_LOSSLESS = 128  # px, up to which a picture is sent as PNG: JPEG shows when pixels are enlarged
_QUALITY = 90


def record(words: dict[str, Any], data: bytes = b"") -> bytes:
    """One record."""
    head = json.dumps(words).encode()
    return struct.pack("<II", len(head), len(data)) + head + data


def picture(words: dict[str, Any], image: Tensor) -> bytes:
    """A record with uint8 [3, H, W] to look at."""
    kind, data = shown(image)
    return record({**words, "type": kind}, data)


def shown(image: Tensor) -> tuple[str, bytes]:
    """Media type and bytes of uint8 [3, H, W] to look at."""
    if max(image.shape[-2:]) <= _LOSSLESS:
        return "image/png", encode_png(image)
    data = io.BytesIO()
    to_pil(image).save(data, "JPEG", quality=_QUALITY)
    return "image/jpeg", data.getvalue()


def stream(make: Callable[[], Iterator[bytes]]) -> StreamingResponse:
    """The records that `make` yields; an error on the way is the last record."""

    def records() -> Iterator[bytes]:
        try:
            yield from make()
        except LimbeckError as error:
            busy = isinstance(error, Busy)
            yield record({"error": error.what, "do": error.do, "busy": busy})
        except Exception as error:
            logging.getLogger("uvicorn.error").exception("the studio failed")
            yield record({"error": f"the studio failed: {type(error).__name__}", "do": ""})

    return StreamingResponse(records(), media_type="application/octet-stream")
