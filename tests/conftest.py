"""What every test shares: which marks run by default, threads, and one small finished run.

A test marked `slow`, `gpu`, `network`, `browser` or `fuzz` is left out unless the `-m` expression
names its mark: `pytest -m slow`, `pytest -m "gpu or slow"`, `pytest -m "slow and parity"`.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from development import DOGS
from finished_run import Smoke

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small tensors: more threads are slower

ON_REQUEST = ("slow", "gpu", "network", "browser", "fuzz")
SMOKE_PHOTOS = 72


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    named = set(re.findall(r"\w+", str(config.getoption("markexpr", default="") or "")))
    left_out = [
        item
        for item in items
        if any(item.get_closest_marker(mark) and mark not in named for mark in ON_REQUEST)
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        dropped = set(left_out)
        items[:] = [item for item in items if item not in dropped]
    no_dogs = pytest.mark.skip(reason="the development photos are not here (LIMBECK_DOGS)")
    for item in items:
        if item.get_closest_marker("dogs") and not DOGS.exists():
            item.add_marker(no_dogs)


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Nothing a test computes lands in the user's cache; the weights that lie there are seen.

    But for the detector's: where it is, photos are cropped by it, and a test must not depend on it.
    """
    from limbeck.percept import cache_folder

    weights, folder = cache_folder() / "weights", tmp_path_factory.mktemp("cache")
    (folder / "weights").mkdir()
    for file in weights.iterdir() if weights.is_dir() else ():
        if file.suffix != ".onnx":
            (folder / "weights" / file.name).symlink_to(file.resolve())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIMBECK_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small drawn crawl: photos/ and truth.jsonl. Read-only for tests."""
    from limbeck.demo import draw_crawl

    out = tmp_path_factory.mktemp("crawl")
    draw_crawl(out, count=SMOKE_PHOTOS, seed=0, workers=1)
    return out


@pytest.fixture(scope="session")
def smoke(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Smoke:
    """One whole run on that crawl, made once a session. Read-only for tests."""
    from typer.testing import CliRunner

    from limbeck.cli import app

    run = tmp_path_factory.mktemp("smoke") / "run"
    photos = crawl / "photos"
    args = ["run", str(photos), "--out", str(run), "--preset", "smoke", "--device", "cpu", "--json"]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    values = json.loads(result.stdout.splitlines()[-1])
    return Smoke(photos=photos, truth=crawl / "truth.jsonl", run=run, args=args, values=values)
