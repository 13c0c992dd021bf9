"""A studio of a small model, and photos that are sent to it."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from starlette.testclient import TestClient

from limbeck.kit.images import to_pil
from limbeck.studio.app import make_app
from limbeck.studio.guard import Door
from limbeck.studio.place import Pen, open_place

BASE = "/api/edit"
ENDED = ("done", "stopped", "failed")


@contextmanager
def studio(folder: Path, *, directions: tuple[Path, ...] = ()) -> Iterator[TestClient]:
    """A client of a studio on that run or model."""
    pen = Pen(folder)
    try:
        app = make_app(
            open_place(folder), pen, Door("127.0.0.1", 8765), device="cpu", directions=directions
        )
        headers = {"x-limbeck-studio": "1"}
        with TestClient(app, base_url="http://127.0.0.1:8765", headers=headers) as client:
            yield client
    finally:
        pen.close()


def photo(width: int = 60, height: int = 40, kind: str = "JPEG", seed: int = 0) -> bytes:
    """A photo's file; its left and right edges are black, its centre square is not."""
    random = torch.Generator().manual_seed(seed)
    colours = torch.randint(100, 256, (3, 4, 4), dtype=torch.uint8, generator=random)
    inner = to_pil(colours).resize((height, height), Image.Resampling.BICUBIC)
    image = Image.new("RGB", (width, height))
    image.paste(inner, ((width - height) // 2, 0))
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()


def sent(client: TestClient, data: bytes, name: str = "dog.jpg") -> dict[str, Any]:
    """What the studio says of a photo."""
    answer = client.post(f"{BASE}/photos", params={"name": name}, content=data)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ended(client: TestClient, path: str, seconds: float = 60) -> dict[str, Any]:
    """What is told of a job when it has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        told: dict[str, Any] = client.get(path).json()
        if told["state"] in ENDED:
            return told
        time.sleep(0.05)
    raise AssertionError(f"{path} goes on: {told}")


def begun(client: TestClient, **start: Any) -> str:
    """The id of a place."""
    answer = client.post(f"{BASE}/places", json=start)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["place"])


def pixels(data: bytes) -> torch.Tensor:
    """An image's file as uint8 [3, S, S]."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    flat = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return flat.view(image.height, image.width, 3).permute(2, 0, 1)
