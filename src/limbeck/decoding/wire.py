"""What parent and child say to one another: a JSON object, then raw bytes, both with their length.

Nothing is unpickled: a decoder that a photo has taken over can send only these.
"""

import json
import struct
from typing import IO, Any

_HEAD = struct.Struct("<IQ")
_MOST_WORDS = 1 << 18


class Garbled(Exception):
    """The other end said nothing, or something that is no message."""


def send(pipe: IO[bytes], words: dict[str, Any], load: bytes | memoryview = b"") -> None:
    """Write a message.

    Raises:
        OSError: the other end is gone.
    """
    text = json.dumps(words).encode()
    pipe.write(_HEAD.pack(len(text), len(load)) + text)
    pipe.write(load)
    pipe.flush()


def receive(pipe: IO[bytes], most: int) -> tuple[dict[str, Any], bytes]:
    """Read a message whose load is at most `most` bytes.

    Raises:
        Garbled: the pipe ended, or this is none.
    """
    sizes = _HEAD.unpack(_exactly(pipe, _HEAD.size))
    if sizes[0] > _MOST_WORDS or sizes[1] > most:
        raise Garbled(f"a message of {sizes[0]} and {sizes[1]} bytes")
    try:
        words = json.loads(_exactly(pipe, sizes[0]))
    except ValueError as error:  # also UnicodeDecodeError
        raise Garbled(str(error)) from error
    if not isinstance(words, dict):
        raise Garbled("no object")
    return words, _exactly(pipe, sizes[1])


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise Garbled("the pipe ended")
    return data
