"""A session at the light table, step by step: `python -m bench.studio_session RUN --out OUT`.

RUN is a finished run (of `limbeck demo`, for one); a copy of it is worked on. In headless Chromium
(extra `browser`) by keyboard and mouse: look at the threshold, move it, decide about twenty photos,
apply, train the second generator on it (`limbeck resume` while the studio shows it), and check that
every word was honoured in the list, in the second training and in the report. Each step is printed
and drawn: OUT/01.png, ...
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.studio import ADDRESS, server
from limbeck.artefacts.keep import read_keep
from limbeck.artefacts.scores import read_scores
from limbeck.data import open_dataset

TWENTY = 20


class Film:
    """The page, and what was done on it."""

    def __init__(self, page: Any, out: Path) -> None:
        self.page = page
        self.out = out
        self.steps: list[str] = []

    def step(self, what: str) -> None:
        """Say and draw where the session stands."""
        self.page.wait_for_timeout(400)
        self.steps.append(what)
        self.page.screenshot(path=self.out / f"{len(self.steps):02d}.png")
        print(f"{len(self.steps):2d}. {what}", flush=True)

    def counts(self) -> str:
        """What the page says of kept and dropped."""
        return " ".join(str(self.page.inner_text(".two-counts")).split())


def decide(film: Film, run: Path) -> dict[str, bool]:
    """Ten photos above the threshold are kept and ten below dropped, by keys alone; from the file,
    not from the page, comes what was said."""
    page = film.page
    page.focus(".gallery")
    page.keyboard.press("t")
    page.locator(".tile.is-edge").click()
    for _ in range(TWENTY // 2):
        page.keyboard.press("k")  # keeps, and goes to the next one
        page.wait_for_timeout(250)
    film.step(f"ten photos right above the threshold kept by the key k: {film.counts()}")
    for _ in range(TWENTY // 2 + 1):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("x")
    for _ in range(TWENTY // 2 - 1):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("x")
    page.keyboard.press("d")
    page.wait_for_timeout(400)
    film.step(f"ten below it selected with x and the arrows, dropped by d: {film.counts()}")
    page.keyboard.press("u")
    page.wait_for_timeout(400)
    film.step(f"taken back by u: {film.counts()}")
    page.locator(".actions input").fill("not a teapot that I want")
    for position in range(TWENTY // 2):
        page.locator(".tile.is-kept:not(.is-said)").nth(position % 3).click()
        page.keyboard.press("d")
        page.wait_for_timeout(250)
    film.step(f"ten photos dropped one by one, with a reason: {film.counts()}")
    with (run / "keep" / "overrides.csv").open(encoding="utf-8") as rows:
        return {row["photo"]: row["keep"] == "keep" for row in csv.DictReader(rows)}


def apply(film: Film) -> str:
    """Apply what the page shows; returns the command that goes on."""
    page = film.page
    page.get_by_role("button", name="Apply …").click()
    page.wait_for_selector("dialog[open] .effects p:not(.waiting)", timeout=60_000)
    effects = page.locator("dialog[open] .effects p:not(.waiting)").all_inner_texts()
    film.step("before applying: " + " / ".join(effects))
    page.locator("dialog[open] button.main").click()
    page.wait_for_selector("dialog[open] .shell code", timeout=60_000)
    film.step(page.inner_text("dialog[open] .effects p.good"))
    command = str(page.inner_text("dialog[open] .shell code"))
    page.locator("dialog[open]").get_by_role("button", name="Close").click()
    return command


def resume(film: Film, run: Path, command: str) -> None:
    """The second training, watched in the tab Runs."""
    page = film.page
    words = [sys.executable, "-m", *command.split()]
    training = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    page.locator("#tab-runs").click()
    time.sleep(25)
    film.step(f"`{command}` at work beside the studio: {page.inner_text('#notice')}")
    if training.wait() != 0:
        raise SystemExit(f"{command} ended with {training.returncode}")
    page.wait_for_timeout(4000)
    film.step("the second training, ended")


def check(run: Path, said: dict[str, bool]) -> dict[str, Any]:
    """Whether every word was honoured."""
    keep = read_keep(run / "keep")
    honoured = sum(keep.kept[photo] is word for photo, word in said.items())
    begun = json.loads((run / "kept" / "begun.json").read_text())["inputs"]["dataset"]
    wanted = open_dataset(run / "data").select(keep.ids).digest
    report = (run / "report" / "index.html").read_text(encoding="utf-8")
    sources = read_scores(run / "scores")
    dropped = [photo for photo, word in said.items() if not word]
    names = [(sources.sources or sources.ids)[sources.row_of[photo]] for photo in dropped]
    return {
        "words": len(said),
        "honoured in keep.parquet": honoured,
        "kept in the list": keep.summary.kept,
        "the second training took exactly this list": begun == wanted,
        "dropped photos named in the report": sum(name in report for name in names),
        "of": len(names),
        "'your own word' in the report": report.count("your own word"),
    }


def main() -> None:
    """Copy, work, check, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    given.out.mkdir(parents=True)
    run = given.out / "run"
    shutil.copytree(given.run, run)
    with server(run), sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{ADDRESS}/#curate")
        page.wait_for_selector(".tile img[src]")
        film = Film(page, given.out)
        film.step(f"the light table opens at the threshold: {film.counts()}")
        box = page.locator(".histogram").bounding_box()
        assert box is not None
        handle = page.locator(".histogram .handle").bounding_box()
        assert handle is not None
        page.mouse.move(handle["x"] + 9, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(handle["x"] - 12, box["y"] + 60, steps=8)
        page.mouse.up()
        film.step(f"the threshold dragged to the left: {film.counts()}")
        said = decide(film, run)
        resume(film, run, apply(film))
        browser.close()
    found = check(run, said)
    print(json.dumps(found, indent=2))
    if found["words"] != TWENTY or found["honoured in keep.parquet"] != TWENTY:
        raise SystemExit("not every word was honoured")


if __name__ == "__main__":
    main()
