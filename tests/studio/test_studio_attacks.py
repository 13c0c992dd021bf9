"""What attackers of the whole studio found: each is answered in words, and the studio goes on."""

import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image

from limbeck.artefacts.scores import read_scores
from limbeck.studio import edit_photos
from limbeck.studio.live_training import LiveTraining
from limbeck.studio.painter import Painter
from limbeck.studio.place import Busy, Pen, open_place, turn
from tests.model.model_small import small_pipeline
from tests.studio.conftest import Opens
from tests.studio.edit_small import BASE, photo, studio

TABLE = "/api/curate/table"


def test_a_folder_that_is_gone_is_not_made_again(opens: Opens, table_run: Path) -> None:
    page = opens(table_run)
    ids = read_scores(table_run / "scores").ids
    away = table_run.rename(table_run.with_name("away"))
    state = page.get("/api/state").json()
    assert (state["writable"], state["why"]) == (False, "the folder is gone")
    refused = page.post("/api/curate/decide", json={"photos": [ids[0]], "keep": True})
    assert refused.status_code == 423
    assert page.get(TABLE).status_code == 409
    assert not table_run.exists()
    away.rename(table_run)
    assert page.get(TABLE).status_code == 200
    assert page.get("/api/state").json()["writable"]


def test_what_the_disk_refuses_is_told_in_words(opens: Opens, table_run: Path) -> None:
    page = opens(table_run)
    away = (table_run / "keep").rename(table_run / "away")
    (table_run / "keep").symlink_to("keep")
    answer = page.get(TABLE)
    assert answer.status_code == 409
    assert "disk" in answer.json()["error"] or "read" in answer.json()["error"]
    (table_run / "keep").unlink()
    away.rename(table_run / "keep")
    assert page.get(TABLE).status_code == 200


def test_overrides_that_are_damaged_by_hand_are_told_by_line(opens: Opens, table_run: Path) -> None:
    page = opens(table_run)
    one = read_scores(table_run / "scores").ids[0]
    assert page.get(TABLE).status_code == 200
    file = table_run / "keep" / "overrides.csv"
    file.write_text(f"photo,keep,reason\n{one},keep,\n{one},perhaps,\n")
    for answer in (
        page.get(TABLE),
        page.post("/api/curate/decide", json={"photos": [one], "keep": True}),
    ):
        assert answer.status_code == 409
        assert "overrides.csv:3" in answer.json()["error"]
    assert "perhaps" in file.read_text(), "a person's file is not overwritten"
    file.write_text(f"photo,keep,reason\n{one},drop,mine\n")
    assert page.get(TABLE).json()["decided"] == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_list_that_is_a_pipe_is_not_waited_for(opens: Opens, table_run: Path) -> None:
    (table_run / "keep" / "keep.csv").unlink()
    os.mkfifo(table_run / "keep" / "keep.csv")
    assert opens(table_run).get("/api/curate/list.csv").status_code == 409


@pytest.mark.parametrize("reason", ["=HYPERLINK(1)", " @SUM(1)", "+1", "-1"])
def test_a_reason_that_a_spreadsheet_would_compute_is_refused(
    opens: Opens, table_run: Path, reason: str
) -> None:
    page = opens(table_run)
    body = {"photos": [read_scores(table_run / "scores").ids[0]], "keep": True, "reason": reason}
    answer = page.post("/api/curate/decide", json=body)
    assert answer.status_code == 422
    assert "formula" in answer.json()["error"]
    assert not (table_run / "keep" / "overrides.csv").exists()


def test_a_sheet_that_leads_elsewhere_is_not_shown(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "private.png")
    Image.new("RGB", (4, 4)).save(raw / "grid-1.png")
    (raw / "grid-2.png").symlink_to(tmp_path / "private.png")
    training = LiveTraining(raw)
    training.look()
    assert [images for _, _, images in training.pictures] == [1]


def test_who_comes_beyond_the_places_is_told_to_wait() -> None:
    places = threading.BoundedSemaphore(2)
    with turn(places), turn(places), pytest.raises(Busy), turn(places):
        raise AssertionError("it got in")
    with turn(places), turn(places):
        pass


def test_few_wait_to_write(table_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limbeck.studio.place._WRITERS", 1)
    pen = Pen(table_run)
    with pen.writing(), pytest.raises(Busy), pen.writing():
        raise AssertionError("it got in")
    with pen.writing():
        pen.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attacked") / "model"
    small_pipeline().save_pretrained(folder)
    return folder


def test_few_wait_for_the_networks(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limbeck.studio.painter._USERS", 1)
    painter = Painter(open_place(model), "cpu")
    with painter.pipeline(), pytest.raises(Busy), painter.first():
        raise AssertionError("it got in")


def test_few_photos_wait_to_be_decoded(model: Path) -> None:
    with studio(model) as client, ExitStack() as taken:
        for _ in range(4):
            taken.enter_context(turn(edit_photos._SENT))
        answer = client.post(f"{BASE}/photos", content=photo())
        assert answer.status_code == 503
        assert answer.json()["do"]
        taken.close()
        assert client.post(f"{BASE}/photos", content=photo()).status_code == 200
