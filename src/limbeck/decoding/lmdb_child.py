"""The child that reads an LMDB: the library maps the file, and a damaged one takes it down."""

import os
import signal
import sys
from contextlib import suppress
from typing import Any

from limbeck.sandbox import Garbled, limit_process, receive, say_nothing, send

MOST_KEYS = 10_000_000
AT_ONCE = 2_000
MOST_ANSWER = 1 << 30


def main() -> None:
    """Say that it is ready, then answer requests on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    import lmdb

    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    say_nothing()
    limit_process(None)  # the file is mapped, however large it is
    with suppress(Garbled, BrokenPipeError):
        send(answers, {"ready": True})
        words, _ = receive(requests, 0)
        try:
            base = lmdb.open(
                words["open"], subdir=words["folder"], readonly=True, lock=False, readahead=False,
                create=False, max_dbs=0,
            )  # fmt: skip
            with base.begin(buffers=True) as reading:
                send(answers, {"opened": True})
                while True:
                    words, load = receive(requests, 4096)
                    send(answers, *_answer(reading, words, load))
        except (lmdb.Error, OSError) as error:
            send(answers, {"error": f"{type(error).__name__}: {error}"[:300]})
    sys.exit(0)


def _answer(reading: Any, words: dict[str, Any], load: bytes) -> tuple[dict[str, Any], bytes]:
    """Keys after one, with the sizes of their values; or the value of a key."""
    if words["do"] == "get":
        value = reading.get(load)
        return ({"none": True}, b"") if value is None else ({}, bytes(value))
    cursor = reading.cursor()
    keys: list[bytes] = []
    sizes: list[int] = []
    here = cursor.set_range(load) if load else cursor.first()
    if here and load and bytes(cursor.key()) == load:
        here = cursor.next()
    while here and len(keys) < AT_ONCE:
        keys.append(bytes(cursor.key()))
        sizes.append(len(cursor.value()))
        here = cursor.next()
    return {"keys": [len(key) for key in keys], "sizes": sizes}, b"".join(keys)
