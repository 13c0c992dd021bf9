"""The child: decodes one photo after another, within limits, and writes to nothing but its pipe."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from limbeck.decoding.decode import (
    Rejected,
    glance,
    square,
    stored_box,
    strict_pillow,
    upright_box,
    upright_size,
)
from limbeck.decoding.embedded_facts import embedded_facts
from limbeck.decoding.measures import scores_of
from limbeck.kit.memory import short_of_memory
from limbeck.kit.photos import photo_formats
from limbeck.sandbox import Garbled, clock, limit_process, receive, say_nothing, send
from limbeck.verdicts import Reason

SECONDS = 8.0
"""Processor time that decoding a photo may take."""
BYTES = 2 << 30
"""Memory that it may take, beside what the child takes at rest."""
MOST_LOAD = 1 << 30
_SPARE = 64 << 20

Answer = tuple[dict[str, Any], bytes]


def main() -> None:
    """Say that it is ready, then answer requests on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    say_nothing()
    photo_formats()
    own = limit_process(BYTES)
    data = b""
    with strict_pillow(), suppress(Garbled, BrokenPipeError):
        send(answers, {"ready": True})
        while True:
            words, load = receive(requests, MOST_LOAD)
            if words["new"]:
                data = load
            _answer(answers, words, data, own)


def _answer(pipe: IO[bytes], words: dict[str, Any], data: bytes, own: bool) -> None:
    work = _WORK[words["do"]]
    clock(SECONDS)
    try:
        said, load = _sure(lambda: work(data, words))
    except Rejected as why:
        said, load = {"rejected": why.reason.value, "detail": why.detail}, b""
    except MemoryError:
        said, load = {"memory": "ours" if own else "the machine's"}, b""
    clock(0)
    send(pipe, said, load)


def _sure(attempt: Callable[[], Answer]) -> Answer:
    """The result, or a verdict in which lack of memory has no part.

    Decoders call a file damaged when they cannot get memory, each in its own words. So a verdict of
    damage is checked by a second attempt, and by asking for memory.
    """
    try:
        return attempt()
    except Rejected as why:
        if why.reason not in (Reason.CORRUPT, Reason.UNSUPPORTED):
            raise
    try:
        return attempt()
    except Rejected as why:
        if short_of_memory(_SPARE):
            raise MemoryError(why.detail) from why
        raise


def _size(data: bytes, words: dict[str, Any]) -> Answer:
    return {"size": upright_size(data)}, b""


def _upright_box(data: bytes, words: dict[str, Any]) -> Answer:
    left, top, right, bottom = words["box"]
    return {"box": upright_box(data, (left, top, right, bottom))}, b""


def _stored_box(data: bytes, words: dict[str, Any]) -> Answer:
    left, top, right, bottom = words["box"]
    return {"box": stored_box(data, (left, top, right, bottom))}, b""


def _facts(data: bytes, words: dict[str, Any]) -> Answer:
    return {"facts": asdict(embedded_facts(data))}, b""


def _glance(data: bytes, words: dict[str, Any]) -> Answer:
    image = glance(data, words["longest"])
    return {"size": image.size}, image.tobytes()


def _square(data: bytes, words: dict[str, Any]) -> Answer:
    left, top, right, bottom = words["box"]
    found = square(data, (left, top, right, bottom), words["side"])
    width, height = words["of"]
    scores = scores_of(found.pixels, width, height, right - left)
    return {"note": found.note, "format": found.format, "scores": scores}, found.pixels.tobytes()


_WORK: dict[str, Callable[[bytes, dict[str, Any]], Answer]] = {
    "size": _size, "facts": _facts, "upright box": _upright_box, "stored box": _stored_box,
    "glance": _glance, "square": _square,
}  # fmt: skip


def limits() -> str:
    """What is limited on this system, in words."""
    limited = Path("/proc/self/statm").exists() and sys.platform.startswith("linux")
    if limited:
        return f"child processes of {BYTES >> 30} GiB, {SECONDS:g} s of processor time a photo"
    return "child processes; this system does not limit their memory"
