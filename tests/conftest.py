"""What every test shares: which marks run by default, threads, and one small finished run.

A test marked `slow`, `gpu`, `network`, `browser` or `fuzz` is left out unless the `-m` expression
names its mark: `pytest -m slow`, `pytest -m "gpu or slow"`, `pytest -m "slow and parity"`.
"""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from development import DOGS
from finished_run import Smoke

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small tensors: more threads are slower
# Compiled once: else every child process, and every session, compiles all that it imports anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

ON_REQUEST = ("slow", "gpu", "network", "browser", "fuzz")
SMOKE_PHOTOS = 72
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 1000.0  # seconds; the time-out of a test is over before, where it is on


def pytest_configure(config: pytest.Config) -> None:
    """Files go to workers (pytest-xdist) in their order: else those of few tests come last, which
    may take longest, and one worker is left with them. No drawn example has to be fast."""
    from hypothesis import settings

    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False
    settings.register_profile("limbeck", settings(), deadline=None)
    settings.load_profile("limbeck")


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


@pytest.fixture(scope="session", autouse=True)
def lasting_decoders() -> Iterator[None]:
    """Photos of all tests are decoded by the same few child processes."""
    from lasting_decoders import SHELF, LastingChild

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("limbeck.decoding.children.Child", LastingChild)
        yield
    SHELF.clear()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this session that all its workers (pytest-xdist) see."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


def made_once(shared: Path, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that whichever worker comes first fills, while the others wait."""
    out, done, failed = (shared / f"{name}{end}" for end in ("", ".done", ".failed"))
    until = time.monotonic() + PATIENCE
    try:
        out.mkdir()
    except FileExistsError:
        while not done.exists():
            assert not failed.exists(), f"{name} could not be made; see where it was tried first"
            assert time.monotonic() < until, f"{name} is not made by whoever began it"
            time.sleep(0.1)
        return out
    try:
        make(out)
    except BaseException:
        failed.touch()
        raise
    done.touch()
    return out


@pytest.fixture(scope="session")
def crawl(shared: Path) -> Path:
    """A small drawn crawl: photos/ and truth.jsonl. Read-only for tests."""
    from limbeck.demo import draw_crawl

    def draw(out: Path) -> None:
        draw_crawl(out, count=SMOKE_PHOTOS, seed=0, workers=1)

    return made_once(shared, "crawl", draw)


@pytest.fixture(scope="session")
def smoke(crawl: Path, shared: Path) -> Smoke:
    """One whole run on that crawl, made once a session. Read-only for tests."""
    from typer.testing import CliRunner

    from limbeck.cli import app

    photos = crawl / "photos"
    args = ["run", str(photos), "--out", str(shared / "smoke" / "run")]
    args += ["--preset", "smoke", "--device", "cpu", "--json"]

    def run(out: Path) -> None:
        result = CliRunner().invoke(app, args)
        assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
        (out / "said.json").write_text(result.stdout.splitlines()[-1], encoding="utf-8")

    made = made_once(shared, "smoke", run)
    values = json.loads((made / "said.json").read_text(encoding="utf-8"))
    truth = crawl / "truth.jsonl"
    return Smoke(photos=photos, truth=truth, run=made / "run", args=args, values=values)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Headless Chromium; a test that asks for it is marked `browser`."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is absent: pip install 'limbeck[browser]'"
    )
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser on this machine: install one of {', '.join(BROWSERS)}")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()
