"""A studio as a process of its own, and bytes sent to it as an attacker would: over raw sockets."""

import contextlib
import json
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE = 30.0
PROMPT = 2.0
"""Seconds in which a studio under attack still answers a friend."""


@dataclass
class Answer:
    """What came back: 0 where the connection was closed without a word."""

    status: int
    head: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def __str__(self) -> str:
        if not self.status:
            return "closed"
        try:
            return f"{self.status} {json.loads(self.body)['error']}"[:110]
        except (ValueError, KeyError, TypeError):
            return str(self.status)


@dataclass
class Studio:
    """A running studio and the way to it."""

    process: subprocess.Popen[str]
    port: int
    cookie: str = ""
    token: str = ""
    at_first: dict[str, float] = field(default_factory=dict)

    @property
    def own(self) -> str:
        return f"127.0.0.1:{self.port}"

    def connect(self, seconds: float = PATIENCE) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), seconds)

    def raw(self, data: bytes, seconds: float = PATIENCE) -> Answer:
        """Send bytes as they are, and read one answer."""
        with self.connect(seconds) as wire:
            with contextlib.suppress(OSError):  # refused before all of it was read
                wire.sendall(data)
            return read_answer(wire)

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        method: str = "",
        headers: dict[str, str] | None = None,
        seconds: float = PATIENCE,
    ) -> Answer:
        """A request as the page sends it, with some headers changed ('' = left out)."""
        given = {"host": self.own, "connection": "close"}
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            given |= {
                "content-type": "application/json",
                "content-length": str(len(data)),
                "x-limbeck-studio": "1",
                "origin": f"http://{self.own}",
            }
        if self.cookie:
            given["cookie"] = self.cookie
        given |= headers or {}
        lines = [f"{method or ('POST' if data else 'GET')} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in given.items() if value]
        return self.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + data, seconds)

    def lives(self) -> float:
        """Seconds that /api/state took; inf where it did not answer in time."""
        began = time.perf_counter()
        try:
            good = self.ask("/api/state", seconds=PROMPT).status == 200
        except OSError:
            good = False
        took = time.perf_counter() - began
        return took if good and took <= PROMPT else float("inf")

    def memory(self) -> dict[str, float]:
        """MiB now and at the most (Linux)."""
        words = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        found = {line.split(":")[0]: line.split()[1] for line in words if line.startswith("Vm")}
        return {"now": int(found["VmRSS"]) / 1024, "most": int(found["VmHWM"]) / 1024}


def read_answer(wire: socket.socket) -> Answer:
    """One answer up to its declared end, or to the end of the connection."""
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            if not (part := wire.recv(65536)):
                return Answer(0, {}, b"")
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        found = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        wanted = int(found.get("content-length", "-1"))
        while wanted < 0 or len(body) < wanted:
            if not (part := wire.recv(65536)):
                break
            body += part
        return Answer(int(status.split()[1]), found, body)
    except ConnectionError:
        return Answer(0, {}, b"")


def closes(wire: socket.socket, within: float) -> bool:
    """Whether the studio ends this connection in time."""
    until = time.monotonic() + within
    while (left := until - time.monotonic()) > 0:
        if not select.select([wire], [], [], left)[0]:
            return False
        try:
            if not wire.recv(65536):
                return True
        except ConnectionError:
            return True
    return False


@contextmanager
def studio(root: Path, *options: str, log: Path | None = None) -> Iterator[Studio]:
    """`limbeck studio` on a folder, ready to answer; what it prints goes to `log`."""
    command = [sys.executable, "-m", "limbeck", "studio", str(root), "--port", "0", *options]
    where = log or root.parent / "studio.log"
    with where.open("w") as words:
        process = subprocess.Popen(command, stderr=words, stdout=words, text=True)
    try:
        found = until(lambda: _address(process, where), 60)
        made = Studio(process, int(found[1]), token=found[2] or "")
        yield made
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _address(process: subprocess.Popen[str], log: Path) -> re.Match[str] | None:
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text())
    if process.poll() is not None:
        raise SystemExit(f"the studio ended at once: {text}")
    found = re.search(r"http://[^:]+:(\d+)/(?:\?token=([\w-]{32}))?", text.replace("\n", ""))
    if found is None:
        return None
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(found[1])), 1):
        return found
    return None


def until(found: Callable[[], T | None], seconds: float) -> T:
    """What `found` gives in the end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (one := found()) is not None:
            return one
        time.sleep(0.1)
    raise SystemExit("it took too long")
