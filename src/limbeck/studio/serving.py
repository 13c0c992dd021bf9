"""Starting and ending the studio's server."""

import secrets
import socket
import webbrowser
from pathlib import Path

import uvicorn

from limbeck import logs
from limbeck.errors import UsageError
from limbeck.studio.app import make_app
from limbeck.studio.connections import Connection
from limbeck.studio.guard import Door, is_loopback
from limbeck.studio.place import Pen, open_place

_AT_ONCE = 500  # requests and connections, beyond which 503 is answered; see also connections.MOST
_IDLE = 20  # seconds for which a connection is held between two requests
_HEAD = 32768  # bytes of a request's head
_LAST = 5  # seconds that requests have to end after Ctrl-C


def serve(
    path: Path | str,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    beside: tuple[Path, ...] = (),
    directions: tuple[Path, ...] = (),
    device: str = "auto",
    open_browser: bool = False,
) -> None:
    """Show a run or a model in the browser, until Ctrl-C.

    Args:
        path: a run, a model folder, or a model of the hub.
        host: where to listen. Anything but loopback asks every visitor for a token, which is
            printed once.
        port: 0 = any that is free.
        beside: runs whose trainings are shown beside this one's.
        directions: folders of directions to edit with, beside those in the run and its model.
        device: auto, cpu, cuda or mps.
        open_browser: open the page there.

    Raises:
        DataError: neither a run nor a model lies there.
        UsageError: the host or the port cannot be listened on.
    """
    place = open_place(path, beside)
    with _listening(host, port) as listener:
        token = None if is_loopback(host) else secrets.token_urlsafe(24)
        door = Door(host, listener.getsockname()[1], token)
        pen = Pen(place.root)
        try:
            app = make_app(place, pen, door, device=device, directions=directions)
            logs.say("studio of ", logs.bold(place.root), ": ", logs.bold(door.address))
            if token:
                logs.say("other machines reach it; whoever has this address may decide and upload")
            if pen.why_never:
                logs.warn(f"{pen.why_never}: this studio shows, and decides nothing")
            logs.say("Ctrl-C ends it; every decision is on disk already")
            if open_browser:
                webbrowser.open(door.address)
            config = uvicorn.Config(
                app, log_level="error", access_log=False, http=Connection, ws="none",
                server_header=False, date_header=False, limit_concurrency=_AT_ONCE,
                timeout_keep_alive=_IDLE, h11_max_incomplete_event_size=_HEAD,
                timeout_graceful_shutdown=_LAST,
            )  # fmt: skip
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            pen.close()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once (TCP_NODELAY) only where the protocol is named
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}",
            "give another --port (0 = any that is free), or a --host of this machine",
        ) from None
    return listener
