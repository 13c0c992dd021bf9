"""The light table's server: numbers, pictures, decisions, and the rule applied to a run."""

import csv
import io
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from limbeck.artefacts.keep import read_keep
from limbeck.artefacts.lock import hold
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.scores import read_scores
from limbeck.data import open_dataset
from tests.finished_run import Smoke
from tests.studio.conftest import Opens


def said(run: Path) -> dict[str, str]:
    with (run / "keep" / "overrides.csv").open() as rows:
        return {row["photo"]: row["keep"] for row in csv.DictReader(rows)}


def test_the_table_is_that_of_the_run(opens: Opens, table_run: Path) -> None:
    page = opens(table_run)
    scores, keep = read_scores(table_run / "scores"), read_keep(table_run / "keep")
    about = page.get("/api/curate/table").json()
    assert about["photos"] == 60
    assert about["column"] == "recommended"
    assert about["threshold"] == keep.summary.threshold
    assert about["undo"] is None
    ids = np.frombuffer(page.get("/api/curate/ids").content, "<u8")
    assert [f"{one:016x}" for one in ids] == list(scores.ids)
    values = np.frombuffer(page.get("/api/curate/column/recommended").content, "<f8")
    assert np.array_equal(values, scores.column("recommended"))
    kept = np.frombuffer(page.get("/api/curate/kept").content, "u1")
    assert kept.tolist() == [int(keep.kept[photo]) for photo in scores.ids]
    assert page.get("/api/state").json()["tabs"][0] == "curate"


def test_photos_are_their_squares(opens: Opens, table_run: Path) -> None:
    page = opens(table_run)
    dataset = open_dataset(table_run / "data")
    photo = dataset.ids[7]
    answer = page.get(f"/api/curate/photos/{photo}/large.jpg")
    shown = np.asarray(Image.open(io.BytesIO(answer.content)), dtype=float)
    stored = dataset.at(dataset.size, resident=False)[np.array([7])][0].permute(1, 2, 0).numpy()
    assert np.abs(shown - stored).mean() < 6
    assert "immutable" in answer.headers["cache-control"]
    about = page.get(f"/api/curate/photos/{photo}").json()
    assert about["source"] == dataset.infos[7].source
    assert about["word"] is None
    assert page.get(f"/api/curate/photos/{photo}/again.jpg").status_code == 409  # no networks


@pytest.mark.parametrize("photo", ["f" * 16, "x" * 16, "..", "0", "%2e%2e", "F" * 16])
def test_only_ids_of_photos_name_photos(opens: Opens, table_run: Path, photo: str) -> None:
    page = opens(table_run)
    for what in ("", "/small.jpg", "/large.jpg", "/again.jpg"):
        assert page.get(f"/api/curate/photos/{photo}{what}").status_code in (404, 422)


def test_decisions_are_on_disk_when_answered_and_outlive_the_studio(
    opens: Opens, table_run: Path
) -> None:
    page = opens(table_run)
    ids = read_scores(table_run / "scores").ids
    answer = page.post("/api/curate/decide", json={"photos": [ids[3]], "keep": False}).json()
    assert answer["what"] == "1 photo dropped"
    assert answer["said"] == {ids[3]: False}
    assert said(table_run) == {ids[3]: "drop"}
    page.post("/api/curate/decide", json={"photos": ids[:5], "keep": True, "reason": "good"})
    assert said(table_run) == dict.fromkeys(ids[:5], "keep")
    words = np.frombuffer(page.get("/api/curate/words").content, "u1")
    assert words.tolist() == [1] * 5 + [0] * 55
    assert page.post("/api/curate/undo").json()["said"] == {
        photo: (False if photo == ids[3] else None) for photo in ids[:5]
    }
    assert said(table_run) == {ids[3]: "drop"}


def test_a_bad_decision_is_told_in_words(opens: Opens, table_run: Path) -> None:
    page = opens(table_run)
    photo = read_scores(table_run / "scores").ids[0]
    for body in (
        {}, {"photos": [], "keep": True}, {"photos": ["../x"], "keep": True},
        {"photos": [photo], "keep": "perhaps"}, {"photos": [photo], "keep": True, "path": "/etc"},
        {"photos": ["0" * 16], "keep": True},
        {"photos": [photo], "keep": True, "reason": "x" * 201},
        {"photos": [photo], "keep": True, "reason": "a\nb"},
    ):  # fmt: skip
        answer = page.post("/api/curate/decide", json=body)
        assert answer.status_code == 422, body
        assert answer.json()["error"]
    assert not (table_run / "keep" / "overrides.csv").exists()
    assert page.post("/api/curate/undo").status_code == 422


def test_search_finds_names_and_ids(opens: Opens, table_run: Path) -> None:
    page = opens(table_run)
    scores = read_scores(table_run / "scores")
    assert scores.sources is not None

    def rows(text: str) -> list[int]:
        answer = page.get("/api/curate/search", params={"text": text})
        return np.frombuffer(answer.content, "<u4").tolist()

    assert rows("PHOTO-000017") == [17]
    assert rows(scores.ids[4]) == [4]
    assert rows("no such name") == []
    assert len(rows("photo")) == 60
    assert page.get("/api/curate/search", params={"text": "x" * 300}).status_code == 422


def test_photos_are_compared_in_the_background(opens: Opens, table_run: Path) -> None:
    page = opens(table_run)
    photo = read_scores(table_run / "scores").ids[5]
    for _ in range(2000):
        progress = page.get(f"/api/curate/near/{photo}").json()
        if progress["done"] == progress["of"] == 60:
            break
    each = np.frombuffer(page.get(f"/api/curate/near/{photo}/distances").content, "<f4")
    assert each.shape == (60,)
    assert each[5] == 0
    assert (np.delete(each, 5) > 0).all()


def test_a_second_studio_is_read_only_and_says_so(opens: Opens, table_run: Path) -> None:
    first, second = opens(table_run), opens(table_run)
    photo = read_scores(table_run / "scores").ids[0]
    state = second.get("/api/state").json()
    assert (state["writable"], state["why"]) == (False, "another studio is open on this folder")
    refused = second.post("/api/curate/decide", json={"photos": [photo], "keep": True})
    assert refused.status_code == 423
    assert not (table_run / "keep" / "overrides.csv").exists()
    assert first.get("/api/state").json()["writable"]


def test_while_a_stage_runs_nothing_is_decided(opens: Opens, table_run: Path) -> None:
    page = opens(table_run)
    photo = read_scores(table_run / "scores").ids[0]
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from limbeck.artefacts.lock import hold
        with hold(Path(sys.argv[1])):
            print("held", flush=True)
            sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(table_run)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:  # fmt: skip
        assert other.stdout is not None
        other.stdout.readline()
        state = page.get("/api/state").json()
        assert not state["writable"]
        assert str(other.pid) in state["why"]
        refused = page.post("/api/curate/decide", json={"photos": [photo], "keep": True})
        assert refused.status_code == 423
        other.communicate(b"")
    assert page.get("/api/state").json()["writable"]
    assert page.post("/api/curate/decide", json={"photos": [photo], "keep": True}).is_success
    with hold(table_run):
        pass


@pytest.fixture
def run(smoke: Smoke, tmp_path: Path) -> Path:
    shutil.copytree(smoke.run, tmp_path / "run")
    return tmp_path / "run"


def some(page: TestClient) -> list[str]:
    ids = np.frombuffer(page.get("/api/curate/ids").content, "<u8")
    return [f"{one:016x}" for one in ids]


def test_applying_writes_the_list_and_the_rule_and_no_more(opens: Opens, run: Path) -> None:
    page = opens(run)
    ids, before = some(page), read_keep(run / "keep")
    turned = {before.ids[0]: False, before.dropped[0]: True}
    for photo, keep in turned.items():
        page.post("/api/curate/decide", json={"photos": [photo], "keep": keep})
    count = len(before.ids) - 3
    rule = {"column": "auto", "rule": "count", "count": count}
    plan = page.post("/api/curate/plan", json=rule).json()
    assert plan["stages"][:2] == ["kept", "modes"]
    assert any("keep.count" in line for line in plan["lines"])
    trained = (run / "kept" / "done.json").read_bytes()
    answer = page.post("/api/curate/apply", json=rule).json()
    assert answer["then"] == f"limbeck resume {run} --yes"  # the page has shown what that costs
    after = read_keep(run / "keep")
    assert (after.summary.rule, after.summary.listed) == ("count", len(ids))
    assert {photo: after.kept[photo] for photo in turned} == turned
    assert answer["summary"]["kept"] == after.summary.kept
    assert RunDir(run).config().keep.count == count
    assert (run / "run-1.json").exists()
    assert (run / "kept" / "done.json").read_bytes() == trained
    assert set(said(run)) == set(turned)  # a person's file outlives a new list
    assert page.post("/api/curate/undo").is_success
    text = page.get("/api/curate/list.csv").text
    assert len(text.splitlines()) == len(ids) + 1


def test_a_rule_is_applied_though_the_photos_have_moved(opens: Opens, run: Path) -> None:
    values = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(values | {"photos": str(run.parent / "moved")}))
    page = opens(run)
    rule = {"rule": "count", "count": 20}
    plan = page.post("/api/curate/plan", json=rule).json()
    assert "moved" in plan["unknown"]
    assert plan["stages"] == []
    assert page.post("/api/curate/apply", json=rule).json()["then"] == f"limbeck resume {run}"
    assert read_keep(run / "keep").summary.kept == 20


def test_the_reconstruction_is_the_first_generators(opens: Opens, run: Path) -> None:
    page = opens(run)
    answer = page.get(f"/api/curate/photos/{some(page)[0]}/again.jpg")
    assert Image.open(io.BytesIO(answer.content)).size == (RunDir(run).config().net.size,) * 2


@pytest.mark.parametrize(
    "rule",
    [{"rule": "count"}, {"rule": "count", "count": 10**9}, {"rule": "fraction", "fraction": 2},
     {"rule": "nonsense"}, {"rule": "auto", "count": 3}, {"rule": "auto", "column": "nothing"},
     {"rule": "threshold", "threshold": None}],
)  # fmt: skip
def test_a_rule_that_cannot_be_applied_changes_nothing(
    opens: Opens, run: Path, rule: dict[str, object]
) -> None:
    page = opens(run)
    before = (run / "run.json").read_bytes(), (run / "keep" / "keep.parquet").read_bytes()
    assert page.post("/api/curate/apply", json=rule).status_code in (409, 422)
    assert ((run / "run.json").read_bytes(), (run / "keep" / "keep.parquet").read_bytes()) == before
