import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from finished_run import Smoke
from limbeck import fsio
from limbeck.data import open_dataset
from limbeck.errors import UsageError
from limbeck.evaluation import evaluate

Rows = list[dict[str, Any]]


@pytest.fixture
def run(smoke: Smoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "cache"))
    copy = tmp_path / "run"
    shutil.copytree(smoke.run, copy)
    return copy


def of(rows: Rows, metric: str) -> Rows:
    return [row for row in rows if row["metric"] == metric]


def test_both_generators_are_measured_against_raw_kept_and_clean_photos(
    run: Path, smoke: Smoke
) -> None:
    began = time.process_time()
    rows = evaluate(run, labels=smoke.truth, device="cpu")
    assert time.process_time() - began < 30
    table = of(rows, "set_distance")
    cells = {(r["generator"], r["photos"], r["truncation"], r["psi"]) for r in table}
    ways = [("none", 1.0), ("multimodal-lpips", 0.7)]
    assert cells == {
        (generator, photos, *way)
        for generator in ("raw", "kept")
        for photos in ("raw", "kept", "clean")
        for way in ways
    }
    assert len(table) == len(cells)
    kept = fsio.read_json(run / "keep" / "done.json")["summary"]["kept"]
    for row in table:
        assert row["features"] == "lpips-alex"
        assert row["real"] == row["fake"] <= kept
        assert row["value"] == row["kid"]
        assert row["kid_error"] > 0
        assert row["fid"] > 0
        assert row["held_out"] is False
        assert 0 <= row["precision"] <= 1
        assert row["resize"]
        assert row["command"]
        assert row["machine"]["cpu"]
    assert {row["real"] for row in table if row["photos"] != "clean"} == {kept}
    assert len({row["column"] + row["generator"] for row in table}) == len(table)


def test_variety_and_copies_are_measured(run: Path) -> None:
    rows = evaluate(run, pictures=40, device="cpu")
    assert all(row["photos"] in ("raw", "kept") for row in of(rows, "set_distance"))
    diverse = of(rows, "diversity")
    assert len(diverse) == 6
    for row in diverse:
        assert row["overall"] > 0
        assert row["modes"] >= 1
    dataset = open_dataset(run / "data")
    copies = of(rows, "memorising")
    assert len(copies) == 4
    for row in copies:
        assert row["pictures"] == 40
        assert 0 <= row["value"] <= 1
        assert {pair["photo"] for pair in row["closest"]} <= set(dataset.ids)
        assert all(0 <= pair["seed"] < 40 for pair in row["closest"])
    assert {row["photos"] for row in copies if row["generator"] == "raw"} == {len(dataset)}


def test_the_same_seed_gives_the_same_rows_from_the_cache_or_not(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def measured(seed: int) -> Rows:
        rows = evaluate(run, pictures=24, seed=seed, device="cpu")
        return [{key: row[key] for key in row if key != "date"} for row in rows]

    once = measured(0)
    assert measured(0) == once
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "empty"))
    assert measured(0) == once
    other = of(measured(1), "set_distance")
    assert [row["value"] for row in other] != [row["value"] for row in of(once, "set_distance")]


def test_what_is_not_there_is_left_out(run: Path) -> None:
    shutil.rmtree(run / "kept")
    rows = evaluate(run, pictures=24, device="cpu")
    assert {row["generator"] for row in of(rows, "set_distance")} == {"raw"}
    shutil.rmtree(run / "raw")
    assert [row["metric"] for row in evaluate(run, device="cpu")] == ["lpips_diversity"]


def test_a_handful_of_pictures_is_not_compared(run: Path) -> None:
    assert not of(evaluate(run, pictures=5, device="cpu"), "set_distance")
    with pytest.raises(UsageError, match="at least 1"):
        evaluate(run, pictures=0)
    with pytest.raises(UsageError, match="no features"):
        evaluate(run, features=["vgg"])


def test_how_smooth_images_change_is_measured_where_it_is_asked_for(run: Path) -> None:
    assert not of(evaluate(run, pictures=12, device="cpu"), "path_length")
    rows = of(evaluate(run, pictures=12, device="cpu", smoothness=True), "path_length")
    assert [row["generator"] for row in rows] == ["raw", "kept"]
    for row in rows:
        assert row["value"] > 0
        assert row["error"] > 0
        assert row["pairs"] == 1000
        assert row["features"] in ("lpips-vgg16", "lpips-alex")
