"""The tab `runs`: trainings read from their folder while they are written."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi import FastAPI
from starlette.testclient import TestClient

from limbeck import fsio
from limbeck.artefacts.lock import WRITER, Heartbeat, Writer
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.stage import Provenance
from limbeck.config import Config
from limbeck.kit.images import save_png
from limbeck.presets import preset
from limbeck.studio.answers import install_errors
from limbeck.studio.app import make_app
from limbeck.studio.guard import Door
from limbeck.studio.live_rows import POINTS
from limbeck.studio.live_run import named_runs
from limbeck.studio.live_training import sizes_of
from limbeck.studio.place import Pen, Place, open_place
from limbeck.studio.watching import runs_routes

SHEET = torch.zeros((3, 8, 8), dtype=torch.uint8)


def settings(**changes: object) -> Config:
    return preset("smoke").replace(**{"train.kimg": 100.0, "train.grow": 0.0, **changes})


def row(images: int, **more: Any) -> dict[str, Any]:
    return {
        "images": images, "seconds": images / 50, "images_per_second": 50.0, "augment_p": 0.1,
        "loss/G": 1.0 + images / 1e5, "loss/D": 2.0, **more,
    }  # fmt: skip


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(fsio.json_line(each) for each in rows)


def append(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "a") as out:
        out.write(text)


def write_run(root: Path, config: Config | None = None) -> Path:
    """A run whose photos are read, and nothing else."""
    RunDir(root).write(config or settings())
    made = Provenance.of({"source": "a"}, {})
    made.begin(root / "data")
    made.finish(root / "data", "data", started=time.perf_counter() - 3, summary={})
    return root


def writing(root: Path, *, ended: str | None = None, ago: float = 0.0) -> None:
    note = Writer(pid=1, host="here", started="2026", command="limbeck run", ended=ended)
    fsio.write_json(root / WRITER, note.model_dump())
    os.utime(root / WRITER, (time.time() - ago, time.time() - ago))


def client(*roots: Path) -> TestClient:
    app = FastAPI()
    install_errors(app)
    routes = runs_routes(Place(roots[0], RunDir(roots[0]), tuple(roots[1:])))
    assert routes is not None
    app.include_router(routes, prefix="/api/runs")
    return TestClient(app)


def now(page: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.get("/api/runs/now").json()["runs"]
    return found


@pytest.fixture
def run(tmp_path: Path) -> Path:
    root = write_run(tmp_path / "run")
    fsio.write_json(root / "raw" / "begun.json", {})
    append(root / "raw" / "stats.jsonl", lines([row(1000 * i) for i in range(1, 11)]))
    append(root / "raw" / "snapshots.jsonl", lines([{"images": 10000, "kid": 2.0, "spread": 0.9}]))
    save_png(SHEET, root / "raw" / "grid-000010000.png")
    return root


def test_how_far_a_run_is(run: Path):
    writing(run)
    found = now(client(run))[0]
    assert found["name"] == "run"
    assert found["now"] == "raw"
    assert found["writer"]["who"].startswith("process 1 on here")
    states = {stage["name"]: stage["state"] for stage in found["stages"]}
    assert (states["data"], states["raw"], states["kept"]) == ("done", "partial", "missing")
    training = found["trainings"][0]
    assert (training["name"], training["images"], training["target"]) == ("raw", 10_000, 100_000)
    assert training["left"] == pytest.approx(90_000 / 50)
    assert training["warnings"] == []
    assert found["resume"].startswith("limbeck resume ")


def test_later_polls_bring_only_what_is_new(run: Path):
    page = client(run)
    first = page.get("/api/runs/0/raw/curves").json()
    assert first["curves"]["loss/D"] == [[1000.0 * i for i in range(1, 11)], [2.0] * 10]
    assert "augment_p" in first["curves"]
    assert "rec/l1" not in first["curves"]
    version = now(page)[0]["trainings"][0]["version"]
    assert version == first["version"]
    append(run / "raw" / "stats.jsonl", lines([row(11_000)]) + '{"images": 12')
    assert now(page)[0]["trainings"][0]["version"] != version
    asked = {"mark": first["mark"], "after": first["rows"]}
    then = page.get("/api/runs/0/raw/curves", params=asked).json()
    assert then["goes_on"]
    assert then["curves"]["loss/D"] == [[11_000.0], [2.0]]
    whole = page.get("/api/runs/0/raw/curves", params=asked | {"mark": "another"}).json()
    assert not whole["goes_on"]
    assert len(whole["curves"]["loss/D"][0]) == 11


def test_a_training_that_begins_at_half_its_size(tmp_path: Path):
    config = settings(**{"data.size": 64, "net.size": 64, "train.grow": 0.5})
    assert [size.pixels for size in sizes_of(config)] == [64, 32]
    root = write_run(tmp_path / "run", config)
    half = root / "raw" / "half"
    append(half / "stats.jsonl", lines([row(10_000), row(20_000)]))
    append(half / "snapshots.jsonl", lines([{"images": 20_000, "kid": 2.0, "spread": 1.0}]))
    save_png(SHEET, half / "grid-000020000.png")
    page = client(root)
    training = now(page)[0]["trainings"][0]
    assert (training["level"], training["pixels"], training["until"]) == (1, 32, 50_000)
    assert training["left"] == pytest.approx(30_000 / 50)
    first = page.get("/api/runs/0/raw/curves").json()
    assert first["pictures"] == [["grid", 1, 20_000, first["pictures"][0][3]]]
    assert page.get("/api/runs/0/raw/1/grid/20000.png").status_code == 200
    append(root / "raw" / "stats.jsonl", lines([row(i * 10_000) for i in range(1, 7)]))
    append(root / "raw" / "snapshots.jsonl", '{"images": 60000, "kid": 1.0, "spread": 1.0}\n')
    asked = {"mark": first["mark"], "after": first["rows"]}
    then = page.get("/api/runs/0/raw/curves", params=asked).json()
    assert not then["goes_on"]
    assert then["figures"]["kid"] == [[20_000, 60_000, 60_000], [2.0, None, 1.0]]
    assert now(page)[0]["trainings"][0]["level"] == 0


def test_what_training_warns_of_is_told(run: Path):
    bad = {"E/std_ratio": 0.1}
    append(run / "raw" / "stats.jsonl", lines([row(11_000 + i, **bad) for i in range(10)]))
    worse = [{"images": 10_000 + i, "kid": 9.0, "spread": 0.1} for i in range(1, 5)]
    append(run / "raw" / "snapshots.jsonl", lines(worse))
    text = " ".join(now(client(run))[0]["trainings"][0]["warnings"])
    assert "likely collapse" in text
    assert "images get worse" in text
    assert "the encoder gives nearly the same answer" in text


def test_a_run_that_is_only_ingested_and_one_that_vanished(tmp_path: Path):
    roots = [write_run(tmp_path / name) for name in ("here", "gone")]
    page = client(*roots)
    now(page)
    fsio.erase(roots[1], [f.relative_to(roots[1]).as_posix() for f in fsio.files_under(roots[1])])
    here, gone = now(page)
    assert (here["trainings"], here["troubles"], here["writer"]) == ([], [], None)
    assert gone["troubles"] == ["the folder is gone"]


def test_damage_is_named_and_the_rest_is_shown(run: Path):
    (run / "raw" / "done.json").write_text("{}")
    (run / "keep").mkdir()
    (run / "keep" / "begun.json").write_text("{}")
    (run / "keep" / "done.json").write_text("[")
    found = now(client(run))[0]
    assert "raw/done.json" in " ".join(found["troubles"])
    assert "keep/done.json" in " ".join(found["troubles"])
    assert found["trainings"][0]["images"] == 10_000
    (run / "run.json").write_text("{")
    broken = now(client(run))[0]
    assert "run.json" in broken["troubles"][0]
    assert broken["trainings"][0]["target"] is None


@pytest.mark.parametrize(
    ("ended", "ago", "works", "broke"),
    [(None, 0, True, False), (None, 3600, False, True), ("2026", 0, False, False)],
)
def test_who_is_at_work(run: Path, ended: str | None, ago: float, works: bool, broke: bool):
    writing(run, ended=ended, ago=ago)
    found = now(client(run))[0]
    assert (found["writer"] is not None) is works
    assert (found["broken"] is not None) is broke
    assert (run / ".limbeck.lock").exists() is False  # nothing was locked to find out


def test_a_writer_whose_clock_goes_wrong_lives_while_it_beats(run: Path):
    writing(run, ago=3600)
    heart = Heartbeat(run)
    assert not heart.lives()
    os.utime(run / WRITER, (time.time() - 3595, time.time() - 3595))
    assert heart.lives()


def test_stages_with_what_is_stale(run: Path):
    page = client(run)
    states = page.get("/api/runs/0/stages").json()
    assert states["data"] == "done"
    assert page.get("/api/runs/7/stages").status_code == 404


def test_sheets_by_number_alone(run: Path):
    page = client(run)
    found = page.get("/api/runs/0/raw/0/grid/10000.png")
    assert found.content == (run / "raw" / "grid-000010000.png").read_bytes()
    assert "immutable" in found.headers["cache-control"]
    for address in (
        "0/raw/0/grid/10001.png", "0/raw/1/grid/10000.png", "0/kept/0/grid/10000.png",
        "0/raw/0/rec/10000.png", "9/raw/0/grid/10000.png",
    ):  # fmt: skip
        assert page.get(f"/api/runs/{address}").status_code == 404, address
    for address in (
        "0/data/0/grid/10000.png", "0/raw/9/grid/10000.png", "0/raw/0/nets/10000.png",
        "-1/raw/0/grid/10000.png", "0/raw/0/grid/1e4.png", "0/raw/0/grid/9999999999999999.png",
        "x/raw/curves", "0/scores/curves", "0/raw/curves?after=-1",
    ):  # fmt: skip
        assert page.get(f"/api/runs/{address}").status_code == 422, address


def test_a_path_is_refused_by_the_studio(run: Path):
    place = open_place(run)
    pen = Pen(run)
    try:
        app = make_app(place, pen, Door("127.0.0.1", 8765))
        page = TestClient(app, base_url="http://127.0.0.1:8765")
        assert "runs" in page.get("/api/state").json()["tabs"]
        assert page.get("/api/runs/now").status_code == 200
        for address in ("0/..%2f/0/grid/1.png", "0/raw/0/grid/%2e%2e/x.png", "0/raw%5c/curves"):
            assert page.get(f"/api/runs/{address}").status_code == 404
    finally:
        pen.close()


def test_a_damaged_sheet_is_named(run: Path):
    sheet = run / "raw" / "grid-000010000.png"
    sheet.write_bytes(sheet.read_bytes()[:40])
    found = client(run).get("/api/runs/0/raw/0/grid/10000.png")
    assert found.status_code == 409
    assert "raw/grid-000010000.png is damaged" in found.json()["error"]


def test_a_very_large_sheet_is_sent_smaller(run: Path):
    save_png(torch.zeros((3, 64, 2304), dtype=torch.uint8), run / "raw" / "rec-000010000.png")
    found = client(run).get("/api/runs/0/raw/0/rec/10000.png")
    assert found.headers["content-type"] == "image/jpeg"


def test_runs_of_one_name_are_told_apart(tmp_path: Path):
    roots = [tmp_path / "a" / "run", tmp_path / "b" / "run"]
    assert [run.name for run in named_runs(roots)] == ["a/run", "b/run"]
    assert [run.name for run in named_runs([roots[0], tmp_path / "dogs"])] == ["run", "dogs"]
    assert [run.name for run in named_runs([roots[0], roots[0]])] == ["run", "run"]


def test_a_model_with_runs_beside_it_has_the_tab(tmp_path: Path):
    root = write_run(tmp_path / "run")
    assert runs_routes(Place(tmp_path, None, (root,))) is not None
    assert runs_routes(Place(tmp_path, None)) is None


def test_a_poll_of_a_long_training_is_cheap(run: Path):
    append(run / "raw" / "stats.jsonl", lines([row(11_000 + 1000 * i) for i in range(10_000)]))
    page = client(run)
    while True:
        first = page.get("/api/runs/0/raw/curves").json()
        if first["rows"] == 10_010:
            break
    assert all(len(x) <= POINTS for x, _ in first["curves"].values())
    began = time.process_time()
    for i in range(10):
        append(run / "raw" / "stats.jsonl", json.dumps(row(20_000_000 + i)) + "\n")
        now(page)
        asked = {"mark": first["mark"], "after": 10_010 + i}
        assert page.get("/api/runs/0/raw/curves", params=asked).json()["goes_on"]
    assert (time.process_time() - began) / 10 < 0.2  # measured: 0.01
