"""The tab `modes`: what it shows, and that names and marks are on disk when it answers."""

import io
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from fastapi import FastAPI
from filelock import FileLock
from PIL import Image
from starlette.testclient import TestClient

from limbeck import preset
from limbeck.artefacts.mode_marks import load_modes
from limbeck.artefacts.run import MARKS, RunDir
from limbeck.artefacts.stage import Provenance
from limbeck.chain.marking import made_of_modes
from limbeck.config import ModesConfig
from limbeck.latents import ModeCentres, draw_w, embed_w, images_of_seeds, latents_of_seeds
from limbeck.model import Pipeline
from limbeck.modes import find_modes, mark_mode
from limbeck.nets import Networks
from limbeck.percept import LPIPS
from limbeck.records import KeepSummary
from limbeck.studio.answers import install_errors
from limbeck.studio.app import make_app
from limbeck.studio.atlas import cells_of
from limbeck.studio.guard import Door
from limbeck.studio.modes_tab import modes_routes
from limbeck.studio.painter import Painter, Queue
from limbeck.studio.place import STUDIO_LOCK, Pen, open_place

NET = preset("smoke").net
SIZES = [40, 30, 20, 10]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    networks = Networks.create(NET, 0).eval()
    w = draw_w(networks.G_ema.mapping, NET, 4, seed=1)
    embeddings = embed_w(networks.G_ema, LPIPS.load("alex"), w)
    return Pipeline(networks, ModeCentres(w, embeddings, torch.tensor(SIZES)))


class Studio:
    """The tab's routes alone, over a painter that can be looked at."""

    def __init__(self, root: Path) -> None:
        self.place = open_place(root)
        self.pen = Pen(self.place.root)
        self.painter = Painter(self.place, "cpu")
        app = FastAPI()
        install_errors(app)
        app.include_router(modes_routes(self.place, self.pen, self.painter), prefix="/api/modes")
        self.client = TestClient(app)
        self.of = self.get()["of"]

    def get(self, path: str = "") -> Any:
        answer = self.client.get(f"/api/modes{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def picture(self, path: str) -> np.ndarray[Any, Any]:
        answer = self.client.get(f"/api/modes{path}")
        assert answer.status_code == 200, answer.text
        return np.asarray(Image.open(io.BytesIO(answer.content)))

    def post(self, path: str, status: int = 200, **body: Any) -> dict[str, Any]:
        answer = self.client.post(f"/api/modes/{path}", json={"of": self.of, **body})
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def said(self) -> list[tuple[str, str]]:
        return [(one["name"], one["mark"]) for one in self.get()["modes"]]


@pytest.fixture(scope="module")
def saved(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "m"
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture
def root(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "m"))


@pytest.fixture
def studio(root: Path) -> Iterator[Studio]:
    made = Studio(root)
    yield made
    made.pen.close()


def hwc(image: torch.Tensor) -> np.ndarray[Any, Any]:
    return image.permute(1, 2, 0).numpy()


def test_the_app_has_the_tab_where_there_are_modes(
    pipeline: Pipeline, root: Path, tmp_path: Path
) -> None:
    Pipeline(pipeline, None).save_pretrained(tmp_path / "none")  # type: ignore[arg-type]
    for folder, there in ((tmp_path / "none", False), (root, True)):
        pen = Pen(folder)
        app = make_app(open_place(folder), pen, Door("127.0.0.1", 8765), device="cpu")
        client = TestClient(app, base_url="http://127.0.0.1:8765")
        assert ("modes" in client.get("/api/state").json()["tabs"]) == there
        assert client.get("/api/modes").status_code == (200 if there else 404)
        pen.close()


def test_modes_are_listed_with_shares(studio: Studio) -> None:
    found = studio.get()
    assert [one["mode"] for one in found["modes"]] == [0, 1, 2, 3]
    assert [one["share"] for one in found["modes"]] == [0.4, 0.3, 0.2, 0.1]
    assert {one["kept"] for one in found["modes"]} == {None}
    assert not found["then"]
    assert not found["why"]
    assert found["undo"] is None


def test_pictures_are_those_of_the_pipeline(studio: Studio, pipeline: Pipeline) -> None:
    modes = pipeline.modes
    assert modes is not None
    centre = hwc(pipeline.generate(modes.centres[2:3])[0])
    for name in ("small", "large"):
        assert np.array_equal(studio.picture(f"/2/{name}?of={studio.of}"), centre)
    ask = f"of={studio.of}&drawing={studio.of}"
    for seed, psi in ((5, 0.0), (5, 0.4), (2**53 - 1, 1.0)):
        (one,) = images_of_seeds(
            pipeline, [seed], psi=psi, truncation="index", modes=modes, embedder=None, mode_index=2
        )
        got = studio.picture(f"/2/sample?{ask}&seed={seed}&psi={psi}")
        assert np.array_equal(got, hwc(one.image))
    assert np.array_equal(studio.picture(f"/2/sample?{ask}&seed=9&psi=0"), centre)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/4/small?of={of}", 404), ("/8192/small?of={of}", 422), ("/-1/small?of={of}", 422),
        ("/x/small?of={of}", 422), ("/1/small", 422), ("/1/small?of=0123456789abcdef", 404),
        ("/1/small?of=..", 422), ("/1/sample?of={of}&drawing={of}&seed=1&psi=1.1", 422),
        ("/1/sample?of={of}&drawing={of}&seed=1&psi=nan", 422),
        ("/1/sample?of={of}&drawing={of}&seed=-1&psi=0.5", 422),
        ("/1/sample?of={of}&drawing={of}&seed=1&psi=0.5&path=x", 422),
        ("/1/seeds?of={of}&start=1&count=25", 422), ("/1/exemplars/8?of={of}", 404),
        ("/together?of={of}&modes=1&into=1", 422), ("/together?of={of}&modes=1&into=7", 404),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused(studio: Studio, path: str, status: int) -> None:
    assert studio.client.get("/api/modes" + path.format(of=studio.of)).status_code == status


def test_seeds_belong_to_their_mode(studio: Studio, pipeline: Pipeline) -> None:
    assert pipeline.modes is not None
    found = studio.get(f"/1/seeds?of={studio.of}&start=100&count=9")
    assert len(found) == 9
    assert found == sorted(found)
    assert found[0] >= 100
    some = list(range(100, found[-1] + 1))
    w = latents_of_seeds(
        pipeline, some, psi=1.0, truncation="none", modes=None, embedder=None
    )[:, 0]  # fmt: skip
    own = [
        s for s, mode in zip(some, pipeline.modes.nearest_w(w).tolist(), strict=True) if mode == 1
    ]
    assert found == own


def test_every_change_is_on_disk_and_drawn_by_at_once(studio: Studio, root: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    before = studio.get()["drawing"]
    studio.post("name", 422, mode=1, name=name)  # has a =
    name = "<b>lying</b> ‮dogs"
    for path, body in (
        ("name", {"mode": 1, "name": f"  {name} "}), ("mark", {"modes": [3], "mark": "never"}),
        ("mark", {"modes": [1], "mark": "hide"}), ("merge", {"modes": [2], "into": 0}),
    ):  # fmt: skip
        answer = studio.post(path, **body)
        marks = load_modes(root / "modes.safetensors").marks
        said = [(one["name"], one["mark"]) for one in answer["modes"]]
        assert said == [(marks.names.get(n, ""), marks.mark(n)) for n in range(4)]
    assert said == [("", ""), (name, "hide"), ("", "merge:0"), ("", "never")]
    assert answer["drawing"] != before
    with studio.painter.pipeline() as pipeline:
        assert pipeline.modes is not None
        assert pipeline.modes.marks == marks
        assert pipeline.modes.drawn == [0, 1]
    studio.post("clear", modes=[0, 1, 2, 3])
    assert studio.said() == [("", "")] * 4


def test_a_mode_that_is_never_sampled_can_be_looked_at(studio: Studio) -> None:
    ask = f"/3/sample?of={studio.of}&drawing={studio.of}&seed=4&psi=0.3"
    before = studio.picture(ask)
    studio.post("mark", modes=[3], mark="never")
    assert np.array_equal(studio.picture(ask), before)


def test_merged_modes_are_pulled_to_what_was_shown_before(studio: Studio) -> None:
    shown = studio.picture(f"/together?of={studio.of}&modes=3&modes=2&into=1")
    studio.post("merge", modes=[2, 3], into=1)
    ask = f"of={studio.of}&drawing={studio.get()['drawing']}&seed=4&psi=0"
    for mode in (1, 2, 3):
        assert np.array_equal(studio.picture(f"/{mode}/sample?{ask}"), shown)


def test_modes_that_count_as_a_merged_one_follow_it(studio: Studio) -> None:
    studio.post("merge", modes=[3], into=2)
    answer = studio.post("merge", modes=[2], into=0)
    assert answer["what"] == "2 modes merged into mode 0"
    assert [mark for _, mark in studio.said()] == ["", "", "merge:0", "merge:0"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("mark", {"modes": [0, 1, 2, 3], "mark": "never"}, "all modes are marked never"),
        ("merge", {"modes": [0], "into": 2}, "marked never"),
        ("merge", {"modes": [0], "into": 0}, "as itself"),
        ("merge", {"modes": [0], "into": 3}, "which counts as mode 1"),
        ("name", {"mode": 0, "name": "12"}, "cannot be a mode's name"),
        ("name", {"mode": 9, "name": "x"}, "there is no mode 9"),
        ("mark", {"modes": [1], "mark": "never"}, "mode 3 counts as mode 1, which is marked never"),
        ("mark", {"modes": [1], "mark": "merge:0"}, "mark"),
        ("mark", {"modes": [], "mark": "hide"}, "modes"),
    ],
)
def test_rules_are_told_in_words(
    studio: Studio, root: Path, path: str, body: dict[str, Any], words: str
) -> None:
    studio.post("mark", modes=[2], mark="never")
    studio.post("merge", modes=[3], into=1)
    before = (root / MARKS).read_bytes()
    assert words in studio.post(path, 422, **body)["error"]
    assert (root / MARKS).read_bytes() == before


def test_changes_are_taken_back_one_by_one(studio: Studio) -> None:
    studio.post("name", mode=1, name="sitting")
    studio.post("mark", modes=[1, 2], mark="hide")
    studio.post("mark", modes=[2], mark="hide")  # changes nothing: no step
    studio.post("merge", modes=[1], into=0)
    assert studio.get()["undo"] == "mode 1 merged into mode 0"
    studio.post("undo")
    assert studio.said()[1:3] == [("sitting", "hide"), ("", "hide")]
    studio.post("undo")
    assert studio.said()[1:3] == [("sitting", ""), ("", "")]
    studio.post("undo")
    assert studio.said() == [("", "")] * 4
    assert "no change to take back" in studio.post("undo", 422)["error"]


def test_undo_leaves_what_somebody_else_has_said_since(studio: Studio, root: Path) -> None:
    studio.post("mark", modes=[1, 2], mark="hide")
    mark_mode(root, 2, name="standing", mark="never")
    assert studio.said()[2] == ("standing", "never"), "marks.csv is read again"
    studio.post("undo")
    assert studio.said() == [("", ""), ("", ""), ("standing", "never"), ("", "")]


def test_modes_that_were_found_anew_are_not_marked_by_old_numbers(
    studio: Studio, root: Path, pipeline: Pipeline, tmp_path: Path
) -> None:
    studio.post("mark", modes=[1], mark="hide")
    assert pipeline.modes is not None
    others = replace(pipeline.modes, centres=pipeline.modes.centres.flip(0))
    Pipeline(pipeline, others).save_pretrained(tmp_path / "others")  # type: ignore[arg-type]
    for name in ("modes.safetensors", "config.json"):
        shutil.copyfile(tmp_path / "others" / name, root / name)
    assert "others now" in studio.post("mark", 404, modes=[1], mark="never")["error"]
    now = studio.get()
    assert now["of"] != studio.of
    assert now["others"] == 1
    studio.of = now["of"]
    assert "no change" in studio.post("undo", 422)["error"]
    assert studio.said() == [("", "")] * 4


def test_nothing_is_written_where_another_has_the_right(root: Path) -> None:
    with FileLock(root / STUDIO_LOCK, timeout=0):
        studio = Studio(root)
        assert "another studio" in studio.post("mark", 423, modes=[1], mark="hide")["error"]
        assert not (root / MARKS).exists()
        assert studio.picture(f"/1/small?of={studio.of}").shape == (NET.size, NET.size, 3)


def test_a_bad_line_is_told(studio: Studio, root: Path) -> None:
    (root / MARKS).write_text(f"modes,mode,name,mark\n{studio.of},1,,eat\n")
    answer = studio.client.get("/api/modes")
    assert answer.status_code == 409
    assert f"{MARKS}:2" in answer.json()["error"]


@pytest.fixture
def run(pipeline: Pipeline, tmp_path: Path) -> RunDir:
    """A run with modes, samples and a model, as the chain begins and ends them."""
    run = RunDir(tmp_path / "run")
    run.write(preset("smoke"))
    config = ModesConfig(samples=80, clusters=4, space="w", exemplars=6)
    found = find_modes(pipeline, run.modes, config).mode_centres
    Pipeline(pipeline, found).save_pretrained(run.model)  # type: ignore[arg-type]
    for stage, inputs in {**made_of_modes(found), "report": {}}.items():
        made = Provenance.of({"networks": "n", **inputs}, {})
        made.begin(run.root / stage)
        if stage != "model":
            made.finish(run.root / stage, stage, started=time.perf_counter(), summary={})
    return run


def test_a_run_says_what_its_marks_make_stale(run: RunDir) -> None:
    studio = Studio(run.root)
    assert studio.get()["then"] is None
    named = studio.post("name", mode=1, name="sitting")["then"]
    assert named["stages"] == ["model", "report"], "names change no image"
    assert named["command"] == f"limbeck resume {run.root}"
    never = studio.post("mark", modes=[2], mark="never")["then"]
    assert never["stages"] == ["samples", "model", "report"]
    assert (run.modes / MARKS).exists()
    assert not (run.model / MARKS).exists(), "the model takes them when it is made anew"
    with studio.painter.pipeline() as drawing:
        assert drawing.modes is not None
        assert drawing.modes.marks.never == {2}, "the studio draws by them now"
    studio.post("undo")
    assert studio.post("undo")["then"] is None
    studio.pen.close()


def test_modes_of_the_first_training_are_shown_with_what_is_kept_of_each(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    run = RunDir(tmp_path / "run")
    run.write(preset("smoke"))
    Networks.create(NET, 0).save(run.raw / "nets-000000064")
    made = Provenance.of({}, {})
    nets = {"networks": "nets-000000064"}
    made.finish(run.raw, "train", started=time.perf_counter(), summary=nets)
    config = ModesConfig(samples=80, clusters=4, space="w")
    find_modes(pipeline, run.scores / "raw-modes", config)
    run.keep.mkdir()
    rows = {"id": ["a", "b"], "keep": [True, False], "reason": ["", "odd"], "score": [0.0, 1.0]}
    pq.write_table(pa.table(rows), run.keep / "keep.parquet")
    summary = KeepSummary(
        listed=2, kept=1, dropped=1, overridden=0, column="seam", rule="auto", threshold=0.5,
        modes_kept={0: 1.0, 3: 0.25},
    )  # fmt: skip
    made.finish(run.keep, "keep", started=time.perf_counter(), summary=summary.model_dump())
    studio = Studio(run.root)
    assert [one["kept"] for one in studio.get()["modes"]] == [1.0, None, None, 0.25]
    assert studio.get()["then"] is None
    why = studio.get()["why"]
    assert "first training" in why
    assert studio.post("mark", 423, modes=[1], mark="hide")["error"] == why
    studio.pen.close()


def test_members_are_those_that_the_stage_has_drawn(run: RunDir) -> None:
    studio = Studio(run.root)
    cells = cells_of(run.modes / "mode-01.png", NET.size)
    assert studio.get(f"/1/exemplars?of={studio.of}") == len(cells) > 0
    for number, cell in enumerate(cells):
        got = studio.picture(f"/1/exemplars/{number}?of={studio.of}")
        assert np.array_equal(got, hwc(cell))
    (run.modes / "mode-02.png").write_bytes(b"no picture")
    answer = studio.client.get(f"/api/modes/2/exemplars?of={studio.of}")
    assert answer.status_code == 409
    assert "mode-02.png" in answer.json()["error"]
    studio.pen.close()


def test_members_are_drawn_where_the_stage_has_not(studio: Studio) -> None:
    assert studio.get(f"/1/exemplars?of={studio.of}") == 8
    first = studio.picture(f"/1/exemplars/0?of={studio.of}")
    assert not np.array_equal(first, studio.picture(f"/1/exemplars/1?of={studio.of}"))


def test_the_queue_serves_in_the_order_of_asking() -> None:
    queue, served = Queue(), []
    threads = []

    def work(number: int) -> None:
        with queue:
            served.append(number)

    with queue:
        for number in range(5):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            while len(queue._waiting) <= number:
                time.sleep(0.001)
        served.append(-1)
    with queue:
        served.append(5)
    for thread in threads:
        thread.join()
    assert served == [-1, 0, 1, 2, 3, 4, 5]
