"""The studio on 100,000 generated photos: `python bench/studio.py --out OUT [--photos 100000]`.

Makes a run of drawn squares with random scores (once), starts `limbeck studio` on it, and drives
the light table with headless Chromium (extra `browser`; --chromium names the program). Measured:
first paint, frame times while it scrolls, how long a dragged threshold takes to be answered on the
screen, decisions until they are on disk, and kills of the server between decisions. Results:
OUT/studio.json and OUT/studio.md.
"""

import argparse
import csv
import http.client
import itertools
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from limbeck.artefacts.run import RunDir
from limbeck.artefacts.scores import Scores, read_scores
from limbeck.config import KeepConfig
from limbeck.curation import keep
from limbeck.data import write_dataset
from limbeck.presets import preset
from limbeck.records import ImageInfo, Status

SIDE = 64
KILLS = 50
_PORT = 8799
ADDRESS = f"http://127.0.0.1:{_PORT}"


def named(number: int) -> str:
    return f"{number % 97:02d}/photo-{number:06d}.jpg"


def make_run(root: Path, photos: int, name: Callable[[int], str] = named) -> None:
    """A run with `photos` drawn squares, scores with two bumps, sixteen modes, and a keep list."""
    rng = np.random.default_rng(0)
    ids = [f"{number:016x}" for number in rng.choice(2**62, photos, replace=False)]
    infos = [
        ImageInfo(source=name(n), id=photo, sha256=f"{n:064x}",
                  status=Status.ACCEPTED, width=SIDE, height=SIDE)
        for n, photo in enumerate(ids)
    ]  # fmt: skip

    def squares() -> Iterator[torch.Tensor]:
        for start in range(0, photos, 1000):
            coarse = torch.from_numpy(rng.random((min(1000, photos - start), 3, 5, 5)))
            smooth = F.interpolate(coarse, size=SIDE, mode="bicubic").clamp(0, 1)
            yield from (smooth * 255).to(torch.uint8)

    write_dataset(root / "data", infos, squares(), SIDE)
    odd = rng.random(photos) < 0.12
    column = rng.normal(0, 1, photos) + 5 * odd
    columns = {"recommended": column, "lpips": np.exp(0.3 * column + rng.normal(0, 0.3, photos)),
               "x_mode": rng.integers(0, 16, photos)}  # fmt: skip
    sources = [info.source for info in infos]
    scores = Scores.of(tuple(ids), columns, sources=sources)
    (root / "scores").mkdir()
    scores.save(root / "scores")
    RunDir(root).write(preset("smoke"))
    keep(scores, root / "keep", KeepConfig(column="recommended"), modes=scores.modes())


@contextmanager
def server(root: Path, port: int = _PORT) -> Iterator[subprocess.Popen[bytes]]:
    """The studio as its own process, ready to answer."""
    command = [sys.executable, "-m", "limbeck", "studio", str(root), "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _until_it_answers(process, port)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        try:
            _ask("/api/state", port=port)
            return
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None:
                raise SystemExit("the studio ended at once; start it by hand to see why") from None
            time.sleep(0.1)
    raise SystemExit("the studio did not answer within a minute")


def _ask(path: str, body: Any = None, port: int = _PORT) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", "x-limbeck-studio": "1"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def memory(process: int) -> dict[str, float]:
    """MiB of a process now and at its most (Linux)."""
    words = Path(f"/proc/{process}/status").read_text().splitlines()
    found = {line.split(":")[0]: line.split()[1] for line in words if line.startswith("Vm")}
    return {"now": int(found["VmRSS"]) / 1024, "most": int(found["VmHWM"]) / 1024}


_FRAMES = """async (seconds) => {
  const wall = document.querySelector(".gallery");
  const times = [];
  let last = performance.now();
  const until = last + seconds * 1000;
  while (last < until) {
    wall.scrollTop += 90;
    if (wall.scrollTop + wall.clientHeight >= wall.scrollHeight - 2) wall.scrollTop = 0;
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
  }
  return times.slice(5);
}"""
_PICTURE = """async () => {
  const there = () => [...document.querySelectorAll(".tile img[src]")].some((one) => one.complete);
  while (!there()) await new Promise(requestAnimationFrame);
}"""
_DRAG = """async (parts) => {
  const box = document.querySelector(".histogram");
  const shown = document.querySelector(".counts-live");
  const {left, top, width} = box.getBoundingClientRect();
  const tell = (kind, part) => box.dispatchEvent(new PointerEvent(kind, {
    pointerId: 1, bubbles: true, clientX: left + part * width, clientY: top + 9, button: 0}));
  box.setPointerCapture = () => {};
  tell("pointerdown", 0.5);
  const times = [];
  for (const part of parts) {
    const before = shown.textContent;
    const begun = performance.now();
    tell("pointermove", part);
    for (let n = 0; n < 60; n++) {
      await new Promise(requestAnimationFrame);
      if (shown.textContent !== before) break;
    }
    times.push(performance.now() - begun);
  }
  tell("pointerup", 0.5);
  return times;
}"""


def in_browser(root: Path, process: subprocess.Popen[bytes], chromium: str) -> dict[str, Any]:
    """First paint, scrolling, dragging, memory of the page."""
    from playwright.sync_api import sync_playwright

    found: dict[str, Any] = {}
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        paints = []
        for _ in range(5):
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            begun = time.perf_counter()
            page.goto(f"{ADDRESS}/#curate")
            page.wait_for_selector(".tile")
            tiles = time.perf_counter() - begun
            page.evaluate(_PICTURE)
            paints.append((tiles, time.perf_counter() - begun))
            found["first contentful paint, ms"] = page.evaluate(
                "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            )
            if len(paints) < 5:
                page.close()
        found["seconds to the tiles"] = [round(one, 3) for one, _ in paints]
        found["seconds to the first photo"] = [round(one, 3) for _, one in paints]
        frames = page.evaluate(_FRAMES, 12)
        found["frames"] = _spread(frames)
        rng = random.Random(0)
        found["drag"] = _spread(page.evaluate(_DRAG, [rng.random() for _ in range(120)]))
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        found["page, MiB of JavaScript"] = round(metrics["JSHeapUsedSize"] / 2**20, 1)
        found["server, MiB"] = {k: round(v) for k, v in memory(process.pid).items()}
        browser.close()
    return found


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "n": len(ordered),
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "most": round(ordered[-1], 1),
    }


def decisions(root: Path, ids: list[str]) -> dict[str, Any]:
    """Milliseconds until a decision is in overrides.csv, as another process sees it."""
    times = []
    for photo in ids[:60]:
        begun = time.perf_counter()
        seen = threading.Event()
        thread = threading.Thread(target=_watch, args=(root, photo, seen), daemon=True)
        thread.start()
        _ask("/api/curate/decide", {"photos": [photo], "keep": False})
        seen.wait(10)
        times.append((time.perf_counter() - begun) * 1000)
    return _spread(times)


def _watch(root: Path, photo: str, seen: threading.Event) -> None:
    while photo not in _said(root):
        time.sleep(0.002)
    seen.set()


def _said(root: Path) -> dict[str, str]:
    file = root / "keep" / "overrides.csv"
    if not file.exists():
        return {}
    with file.open(encoding="utf-8") as rows:
        return {row["photo"]: row["keep"] for row in csv.DictReader(rows)}


def kills(root: Path, ids: list[str]) -> dict[str, int]:
    """kill -9 of the server at a random moment of a stream of decisions, again and again: of those
    that it acknowledged, how many are missing afterwards."""
    rng = random.Random(0)
    acknowledged: dict[str, str] = {}
    told = lost = 0
    photos = itertools.cycle(ids)
    for _ in range(KILLS):
        with server(root) as process:
            _ask("/api/curate/table")
            threading.Timer(rng.uniform(0.05, 0.6), os.kill, (process.pid, signal.SIGKILL)).start()
            while True:
                photo, word = next(photos), rng.choice(["keep", "drop"])
                try:
                    _ask("/api/curate/decide", {"photos": [photo], "keep": word == "keep"})
                except (OSError, http.client.HTTPException):
                    acknowledged.pop(photo, None)  # killed before it answered: either may stand
                    break
                acknowledged[photo] = word
                told += 1
        said = _said(root)
        lost += sum(said.get(photo) != word for photo, word in acknowledged.items())
    return {"kills": KILLS, "acknowledged": told, "photos": len(acknowledged), "lost": lost}


def main() -> None:
    """Make, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    root: Path = given.out / "run"
    if not (root / "run.json").exists():
        make_run(root, given.photos)
    found: dict[str, Any] = {"photos": given.photos}
    ids = list(read_scores(root / "scores").ids)
    with server(root) as process:
        begun = time.perf_counter()
        _ask("/api/curate/table")
        found["seconds to read the run"] = round(time.perf_counter() - begun, 2)
        found |= in_browser(root, process, given.chromium)
        found["decision on disk, ms"] = decisions(root, ids)
    small = given.out / "small"
    if not (small / "run.json").exists():
        make_run(small, 2000)
    found["kill -9"] = kills(small, list(read_scores(small / "scores").ids))
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "studio.json").write_text(json.dumps(found, indent=2) + "\n")
    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in found.items())]
    (given.out / "studio.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
