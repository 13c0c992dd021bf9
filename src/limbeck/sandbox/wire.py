"""What parent and child say to one another: a JSON object, then raw bytes, both with their length.

Nothing is unpickled: a decoder that a photo has taken over can send only these.
"""

import json
import os
import select
import struct
from collections.abc import Callable
from typing import IO, Any

_HEAD = struct.Struct("<IQ")
_MOST_WORDS = 1 << 18
_PIECE = 1 << 20
_LOOK = 500  # milliseconds between looks at whether the other end lives


class Garbled(Exception):
    """The other end said nothing, or something that is no message."""


def message(words: dict[str, Any], load: bytes | memoryview = b"") -> bytes:
    """Its beginning: what goes before the load."""
    text = json.dumps(words).encode()
    return _HEAD.pack(len(text), len(load)) + text


def send(
    pipe: IO[bytes],
    words: dict[str, Any],
    load: bytes | memoryview = b"",
    alive: Callable[[], bool] | None = None,
) -> None:
    """Write a message.

    Args:
        pipe: to the other end; with `alive` it need be of a process, and is written past its
            buffer.
        words, load: the message.
        alive: whether the other end lives. A process that it started may hold the pipe when it does
            not.

    Raises:
        OSError: the other end is gone.
        Garbled: it is no longer alive.
    """
    head = message(words, load)
    if alive is None or not hasattr(select, "poll"):
        pipe.write(head)
        pipe.write(load)
        pipe.flush()
        return
    os.set_blocking(pipe.fileno(), False)
    for part in (memoryview(head), memoryview(load)):
        at = 0
        while at < len(part):
            _await(pipe, select.POLLOUT, alive)
            try:
                at += os.write(pipe.fileno(), part[at : at + _PIECE])
            except BlockingIOError:
                continue


def receive(
    pipe: IO[bytes], most: int, alive: Callable[[], bool] | None = None
) -> tuple[dict[str, Any], bytes]:
    """Read a message whose load is at most `most` bytes.

    Args:
        pipe: from the other end.
        most: bytes.
        alive: as of `send`.

    Raises:
        Garbled: the pipe ended, or this is none.
    """
    sizes = _HEAD.unpack(_exactly(pipe, _HEAD.size, alive))
    if sizes[0] > _MOST_WORDS or sizes[1] > most:
        raise Garbled(f"a message of {sizes[0]} and {sizes[1]} bytes")
    try:
        words = json.loads(_exactly(pipe, sizes[0], alive))
    except (ValueError, RecursionError) as error:  # also UnicodeDecodeError
        raise Garbled(str(error)) from error
    if not isinstance(words, dict):
        raise Garbled("no object")
    return words, _exactly(pipe, sizes[1], alive)


def _exactly(pipe: IO[bytes], size: int, alive: Callable[[], bool] | None) -> bytes:
    if alive is None or not hasattr(select, "poll"):
        data = pipe.read(size)
        if len(data) < size:
            raise Garbled("the pipe ended")
        return data
    pieces = []
    while size > 0:
        _await(pipe, select.POLLIN, alive)
        piece = os.read(pipe.fileno(), min(size, _PIECE))
        if not piece:
            raise Garbled("the pipe ended")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _await(pipe: IO[bytes], event: int, alive: Callable[[], bool]) -> None:
    """Until the pipe is ready, while the other end lives."""
    poll = select.poll()
    poll.register(pipe.fileno(), event)
    while not poll.poll(_LOOK):
        if not alive():
            raise Garbled("the other end is dead")
