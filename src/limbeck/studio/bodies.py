"""The bodies of requests: each read whole before anybody is asked, within bounds of size, time
and number."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

BODY = 4 * 2**20
UPLOAD = 32 * 2**20
UPLOADS = "/api/edit/photos"
PATIENCE = 20.0
"""Seconds in which the whole body of a request must have come."""
SMALL = 2**18
"""Bytes of a body that may come in any number; of larger ones few at once are held."""
AT_ONCE = 4
"""Larger bodies that are read or worked on at once."""


class Refused(Exception):
    """A body that is not taken: the status, and why."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status, self.what = status, what


def most_of(path: str) -> int:
    """Bytes that a body sent there may have."""
    return UPLOAD if path == UPLOADS else BODY


def check_length(length: str, most: int) -> None:
    """Refuse what says of itself that it is too large.

    Raises:
        Refused: the declared length is no number, or above `most`.
    """
    if not length.isascii() or not length.isdecimal() or len(length) > 12:
        raise Refused(400, "content-length is no number")
    if int(length) > most:
        raise Refused(413, f"more than {most >> 20} MiB")


class Bodies:
    """Reads bodies, a few large ones at once: so memory is bounded, whoever sends."""

    def __init__(self) -> None:
        self._large = 0

    @asynccontextmanager
    async def read(self, receive: Receive, most: int) -> AsyncIterator[bytes | None]:
        """A whole body; None where its sender has gone. A large one keeps its place while inside.

        Raises:
            Refused: it is larger than `most`, too slow, or one large body too many.
        """
        held: list[bytes] = []
        try:
            try:
                whole = await asyncio.wait_for(self._fill(held, receive, most), PATIENCE)
            except TimeoutError:
                raise Refused(408, "the request's body did not come in time") from None
            yield b"".join(held) if whole else None
        finally:
            self._large -= _size(held) > SMALL

    async def _fill(self, held: list[bytes], receive: Receive, most: int) -> bool:
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            part = message.get("body", b"")
            if size + len(part) > most:
                raise Refused(413, f"more than {most >> 20} MiB")
            if size <= SMALL < size + len(part):
                if self._large >= AT_ONCE:
                    raise Refused(503, "too many large uploads at once: try again in a moment")
                self._large += 1
            held.append(part)
            size += len(part)
            if not message.get("more_body", False):
                return True


def _size(parts: list[bytes]) -> int:
    return sum(map(len, parts))


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body in one piece, and then what comes."""
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
