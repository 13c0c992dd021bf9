"""A run with a light table, made in a moment."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from bench.studio import make_run
from limbeck.studio.app import make_app
from limbeck.studio.guard import Door
from limbeck.studio.place import Pen, open_place

DOOR = Door("127.0.0.1", 8765)
Opens = Callable[..., TestClient]


@pytest.fixture
def opens() -> Iterator[Opens]:
    """A page of the studio on a folder; each call opens another studio."""
    pens: list[Pen] = []

    def opened(path: Path, *beside: Path) -> TestClient:
        place = open_place(path, beside)
        pens.append(Pen(place.root))
        app = make_app(place, pens[-1], DOOR, device="cpu")
        headers = {"x-limbeck-studio": "1"}
        return TestClient(app, base_url="http://127.0.0.1:8765", headers=headers)  # type: ignore[arg-type]

    yield opened
    for pen in pens:
        pen.close()


@pytest.fixture
def table_run(tmp_path: Path) -> Path:
    """A run of 60 drawn photos with scores and a keep list, and no networks."""
    make_run(tmp_path / "run", 60)
    return tmp_path / "run"
