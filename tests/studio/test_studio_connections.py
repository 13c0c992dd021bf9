"""Connections that are held for nothing end, and others are served meanwhile."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvicorn

from limbeck.studio import connections
from limbeck.studio.connections import Connection
from limbeck.studio.guard import Receive, Scope, Send

ASK = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
LARGE = bytes(8 * 2**20)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers `/large` with 8 MiB, and all else with two bytes once the body has come."""
    while (await receive()).get("more_body"):
        pass
    body = LARGE if scope["path"] == "/large" else b"ok"
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    for start in range(0, len(body), 2**18):
        part, more = body[start : start + 2**18], start + 2**18 < len(body)
        await send({"type": "http.response.body", "body": part, "more_body": more})


def served(work: Callable[[Callable[[], Awaitable[Client]]], Awaitable[None]]) -> None:
    """Run a client's `work` beside a server; it is given a way to connect."""

    async def both() -> None:
        config = uvicorn.Config(
            app, port=0, http=Connection, ws="none", log_level="error", lifespan="off",
            limit_concurrency=50, timeout_keep_alive=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        opened: list[Client] = []

        async def connect() -> Client:
            own = socket.socket()
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
            own.connect(("127.0.0.1", port))
            own.setblocking(False)
            opened.append(await asyncio.open_connection(sock=own))
            return opened[-1]

        try:
            await work(connect)
        finally:
            for _, writer in opened:
                writer.transport.abort()
            server.should_exit = True
            await task

    asyncio.run(both())


async def answer(client: Client) -> bytes:
    """The first bytes of an answer; none where the connection was closed."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(client[0].read(65536), 10)
    return b""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD", 0.2)
    monkeypatch.setattr(connections, "STALLED", 1.0)


@pytest.mark.parametrize("first", [b"", ASK[:-2], ASK + ASK[:9]])
@pytest.mark.usefixtures("quick")
def test_a_head_that_does_not_come_is_not_waited_for(first: bytes) -> None:
    async def work(connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client[1].write(first)
        while found := await answer(client):
            assert found.startswith(b"HTTP/1.1 200")

    served(work)


@pytest.mark.usefixtures("quick")
def test_drops_of_a_head_gain_no_time() -> None:
    async def work(connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        ended = asyncio.create_task(answer(client))
        for _ in range(40):
            client[1].write(b"x")
            await asyncio.sleep(0.05)
            if ended.done():
                return
        raise AssertionError("it is still open")

    served(work)


@pytest.mark.usefixtures("quick")
def test_who_does_not_read_is_dropped_and_who_reads_slowly_is_not() -> None:
    async def work(connect: Callable[[], Awaitable[Client]]) -> None:
        client, slow = await connect(), await connect()
        for _, writer in (client, slow):
            writer.write(ASK.replace(b"/ ", b"/large ", 1))
        got = 0
        while got < len(LARGE):
            part = await slow[0].read(2**19)
            assert part, "a slow reader was dropped"
            got += len(part)
            await asyncio.sleep(0.01)
        await asyncio.sleep(2.2)
        got = 0
        with contextlib.suppress(ConnectionError):
            while part := await client[0].read(2**20):
                got += len(part)
        assert got < len(LARGE)

    served(work)


def test_where_many_wait_the_oldest_goes_and_a_friend_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "MOST", 10)

    async def work(connect: Callable[[], Awaitable[Client]]) -> None:
        body = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n"
        held = []
        for n in range(80):
            held.append(await connect())
            held[-1][1].write((b"", ASK[:-2], body)[n % 3])
        friend = await connect()
        friend[1].write(ASK)
        assert (await answer(friend)).startswith(b"HTTP/1.1 200")
        assert await answer(held[0]) == b""

    served(work)
