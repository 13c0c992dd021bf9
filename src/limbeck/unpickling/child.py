"""The child: reads one file through a descriptor, writes through another, and can do nothing else.

It is given both open. Once it has mapped the file it may open no other and start no process, and
from then on every event that Python's audit hooks see (an import, a compilation, an execution, a
file, a socket, a library, a process) ends it at once.
"""

import gc
import json
import mmap
import os
import re
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

import numpy as np

from limbeck.sandbox import Garbled, clock, limit_process, message, receive, say_nothing, send
from limbeck.unpickling.found import FoundFile
from limbeck.unpickling.opening import open_networks
from limbeck.unpickling.refusals import Refused, Unknown
from limbeck.unpickling.writing import header, look_through, most_written

_REST = 40 << 20  # bytes that it takes before it reads
_LEAST = 64 << 20
MOST_FACTS = 16 << 20
"""Bytes of the description that it hands back."""
CAUGHT = 70
"""The exit code after an event."""
_PIECE = 16 << 20
_MOST_SO_FAR = re.compile(rb"VmHWM:\s*(\d+) kB")


def seconds(size: int) -> float:
    """Processor time that reading a file of `size` bytes may take."""
    return 4 + size / (40 << 20)


def memory(size: int) -> int:
    """Bytes that reading a file of `size` bytes may take beside the mapped file itself: in all 1.5
    times the file, at least 64 MiB beyond it."""
    return max(size // 2 - _REST, _LEAST)


def main() -> None:
    """Say that it is ready, read one file, answer, and end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    say_nothing()
    warm_up()
    gc.disable()  # many objects, hardly any garbage
    with suppress(Garbled, BrokenPipeError):
        send(answers, {"ready": True})
        words, _ = receive(requests, 0)
        size = words["size"]
        mapped = mmap.mmap(words["file"], size, access=mmap.ACCESS_READ)
        status = _status()
        limit_process(memory(size), written=most_written(size), opened=False)
        clock(seconds(size))
        _watch(answers.fileno())
        said, facts = _answer(memoryview(mapped), words.get("out"))
        send(answers, {**said, "peak": _peak(status)}, facts)
    os._exit(0)  # an orderly end would be an event, too


def warm_up() -> None:
    """What Python and numpy load on first use is loaded now."""
    str(b"a", "raw-unicode-escape")
    str(b"a", "utf-8").encode("latin-1")
    np.isfinite(np.frombuffer(b"\0" * 8, "<f2")).all()
    np.lib.stride_tricks.as_strided(np.zeros(4, "<u2"), (2, 2), (2, 4)).ravel()
    np.zeros((2, 2)).tolist()
    json.dumps({"a": [1.5, "\u00e4"]})
    with suppress(ValueError):
        json.loads("{")


def _watch(answers: int) -> None:
    """End at the first event, and tell the parent which it was."""
    place = b"%" * 60
    told = message({"event": place.decode()})

    def caught(event: str, arguments: tuple[object, ...]) -> NoReturn:
        name = event.replace('"', "?").replace("\\", "?").encode("ascii", "replace")
        os.write(answers, told.replace(place, name[: len(place)].ljust(len(place))))
        os._exit(CAUGHT)

    sys.addaudithook(caught)


def _answer(data: memoryview, out: int | None) -> tuple[dict[str, Any], bytes]:
    try:
        found = open_networks(data)
        facts = json.dumps(found.described(), allow_nan=False).encode()
        if len(facts) > MOST_FACTS:
            raise Refused(f"its description has {len(facts)} bytes")
        _write(found, len(data), out)
    except Refused as why:
        return {
            "refused": why.why[:1000], "offset": why.offset, "opcode": why.opcode,
            "named": why.named, "unknown": isinstance(why, Unknown),
        }, b""  # fmt: skip
    except MemoryError:
        return {"memory": True}, b""
    except OSError as error:
        return {"disk": error.errno}, b""
    except Exception as error:  # told, for a traceback would be an event
        return {"fault": f"{type(error).__name__}: {error}"[:300]}, b""
    return {}, facts


def _write(found: FoundFile, size: int, out: int | None) -> None:
    head = header(found, size)
    if out is None:
        look_through(found, lambda piece: None)
        return

    def write(piece: memoryview) -> None:
        at = 0
        while at < len(piece):
            at += os.write(out, piece[at : at + _PIECE])

    write(memoryview(head))
    look_through(found, write)


def _status() -> int | None:
    """Where this process's memory is told, open; None where the system does not tell."""
    try:
        return os.open("/proc/self/status", os.O_RDONLY)
    except OSError:
        return None


def _peak(status: int | None) -> int:
    """Most memory that this process took so far, the mapped file with it, bytes; 0 = not known."""
    told = os.pread(status, 1 << 16, 0) if status is not None else b""
    found = _MOST_SO_FAR.search(told)
    return int(found[1]) * 1024 if found else 0
