"""Connections that nobody can hold for nothing: uvicorn's own, with limits of patience and number.

uvicorn waits for ever for the head of a request and for a client that does not read its answer, and
answers 503 to everybody once its limit of connections is reached. Here both waits end, and where
connections are many the one that has waited longest for its client goes.
"""

import asyncio
import time

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD = 10.0
"""Seconds in which the head of a request must have come."""
STALLED = 30.0
"""Seconds in which a client must have taken some of its answer."""
MOST = 120
"""Connections; beyond it, room is made."""


class Connection(H11Protocol):
    """One client's connection."""

    _timer: asyncio.TimerHandle | None = None
    _since = 0.0
    _untaken = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come: it has `HEAD` seconds to ask."""
        super().connection_made(transport)
        self._since = time.monotonic()
        if len(self.connections) > MOST:
            self._make_room()
        self._allow(HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        super().connection_lost(exc)
        self._calm()

    def data_received(self, data: bytes) -> None:
        """A part of a request: the clock runs until its head is whole."""
        super().data_received(data)
        if self._waits_for_head():
            if self._timer is None:
                self._allow(HEAD)
        elif not self.flow.write_paused:
            self._calm()

    def on_response_complete(self) -> None:
        """An answer is given; what of it is still on its way must be taken."""
        self._since = time.monotonic()
        super().on_response_complete()
        if self.transport.is_closing():
            self._allow(STALLED)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is written for."""
        super().pause_writing()
        self._allow(STALLED)

    def resume_writing(self) -> None:
        """It reads."""
        super().resume_writing()
        self._calm()
        if self._waits_for_head():
            self._allow(HEAD)

    def timeout_keep_alive_handler(self) -> None:
        """Nothing more was asked: end, once the last answer is taken."""
        super().timeout_keep_alive_handler()
        self._allow(STALLED)

    @property
    def waits(self) -> bool:
        """Whether it is the client's turn, to send or to read."""
        return self._waits_for_head() or self.cycle.more_body or self.flow.write_paused

    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> None:
        waiting = [
            one
            for one in self.connections
            if one is not self
            and isinstance(one, Connection)
            and one.waits
            and not one.transport.is_closing()
        ]
        if waiting:
            min(waiting, key=lambda one: one._since).transport.abort()

    def _allow(self, seconds: float) -> None:
        self._calm()
        self._untaken = self.transport.get_write_buffer_size()
        self._timer = self.loop.call_later(seconds, self._end)

    def _calm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        """Time is over; a client that takes a long answer slowly is given more."""
        self._timer = None
        left = self.transport.get_write_buffer_size()
        if 0 < left < self._untaken:
            self._allow(STALLED)
        else:
            self.transport.abort()
