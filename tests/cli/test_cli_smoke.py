"""The command line end to end on one small run (fixture `smoke`), verb by verb."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from running import limbeck

from limbeck import fsio
from limbeck.artefacts.run import STAGES, RunDir
from limbeck.kit.memory import available_memory


def finished(run: Path) -> dict[str, str]:
    """Stage -> digest of its done.json, which holds the moment it was finished."""
    return {
        name: fsio.sha256_file(run / name / "done.json")
        for name in STAGES
        if (run / name / "done.json").exists()
    }


def test_a_run_ends_with_all_it_promises(smoke: Any) -> None:
    values, run = smoke.values, smoke.run
    assert set(values["stages"]) == set(STAGES)
    assert set(values["stages"].values()) == {"done"}
    assert values["listed"] == values["kept"] + values["dropped"]
    assert Path(values["report"]).read_text(encoding="utf-8").startswith("<!")
    for name in ("config.json", "generator.safetensors", "encoder.safetensors", "README.md"):
        assert (run / "model" / name).stat().st_size > 0
    counts = RunDir(run).done("data")
    assert counts is not None
    assert counts.summary["listed"] == len(list(smoke.photos.iterdir()))


def test_the_same_command_does_nothing_twice(smoke: Any, tmp_path: Path) -> None:
    before, command = finished(smoke.run), smoke.again(tmp_path / "run")
    assert limbeck(*command)["stages"] == smoke.values["stages"]
    assert finished(tmp_path / "run") == before


def test_status_shows_every_stage(smoke: Any) -> None:
    answer = limbeck("status", smoke.run)
    assert answer["complete"] is True
    assert [row["stage"] for row in answer["stages"]] == list(STAGES)
    assert all(row["bytes"] > 0 for row in answer["stages"])


def test_status_of_a_broken_run_names_the_next_command(smoke: Any, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(smoke.run, copy)
    (copy / "modes" / "done.json").unlink()
    shutil.rmtree(copy / "report")
    answer = limbeck("status", copy)
    states = {row["stage"]: row["state"] for row in answer["stages"]}
    assert (states["modes"], states["report"], states["raw"]) == ("partial", "missing", "done")
    assert answer["complete"] is False
    assert answer["next"] == f"limbeck resume {copy}"


def test_a_dry_run_of_a_finished_run_has_nothing_to_do(smoke: Any, tmp_path: Path) -> None:
    before = finished(smoke.run)
    plan = dict(limbeck(*smoke.args[:-1], "--dry-run")["plan"])
    assert list(plan) == list(STAGES)
    assert set(plan.values()) == {"done"}
    fresh = limbeck(
        "run", smoke.photos, "--out", tmp_path / "new", "--preset", "smoke", "--dry-run"
    )
    assert {state for _, state in fresh["plan"]} == {"to do"}
    assert not (tmp_path / "new").exists()
    assert finished(smoke.run) == before


def test_verbs_one_by_one_make_what_the_run_makes(smoke: Any, tmp_path: Path) -> None:
    data, nets, scores, keep = (tmp_path / name for name in ("data", "nets", "scores", "keep"))
    counts = limbeck("ingest", smoke.photos, "--out", data, "--preset", "smoke")
    assert counts["listed"] == (
        counts["accepted"] + sum(counts["rejected"].values()) + counts["opted_out"]
        + counts["failed"]
    )  # fmt: skip
    same = ("--preset", "smoke", "--device", "cpu")
    trained = limbeck("train", data, "--out", nets, *same, "--kimg", "0.032")
    assert trained["images"] == 32
    scored = limbeck("score", data, nets, "--out", scores, "--device", "cpu")
    assert scored["images"] == counts["accepted"]
    assert {"recommended", "lpips", "gen_residual_ppca"} <= set(scored["columns"])
    assert 0 <= scored["near"] <= 1
    kept = limbeck("keep", scores, "--out", keep, "--fraction", "0.5")
    assert kept["kept"] == (counts["accepted"] + 1) // 2
    again = limbeck("keep", scores, "--out", keep, "--count", "20")
    assert again["kept"] == 20
    small = limbeck("train", data, "--ids", keep, "--out", tmp_path / "k", *same, "--kimg", "0.016")
    assert small["images"] == 16


@pytest.mark.parametrize("source", ["model", "kept", "."])
def test_pictures_from_a_model_a_training_or_a_run(smoke: Any, tmp_path: Path, source: str) -> None:
    out = tmp_path / "s"
    answer = limbeck(
        "sample", smoke.run / source, "--seeds", "0-2,9", "--out", out, "--device", "cpu"
    )
    assert (answer["seeds"], answer["truncation"]) == (4, "multimodal-lpips")
    pictures = sorted(out.rglob("seed*.png"))
    assert len(pictures) == 4
    with Image.open(pictures[0]) as picture:
        assert picture.size == (16, 16)


def test_one_seed_one_picture_from_every_door(smoke: Any, tmp_path: Path) -> None:
    for name, source, seeds in (("a", "model", "5"), ("b", "kept", "3-6")):
        limbeck(
            "sample", smoke.run / source, "--seeds", seeds, "--out", tmp_path / name,
            "--truncation", "global", "--device", "cpu",
        )  # fmt: skip
    (alone,) = (tmp_path / "a").rglob("seed*5.png")
    (among,) = (tmp_path / "b").rglob("seed*5.png")
    with Image.open(alone) as one, Image.open(among) as other:
        gaps = [abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True)]
    assert max(gaps) <= 1


def test_modes_again_in_picture_space(smoke: Any, tmp_path: Path) -> None:
    answer = limbeck(
        "modes", smoke.run / "kept", "--out", tmp_path / "m", "--clusters", 3, "--space", "lpips",
        "--set", "modes.samples=64", "--set", "modes.exemplars=2", "--device", "cpu",
    )  # fmt: skip
    assert (answer["clusters"], answer["space"], sum(answer["sizes"])) == (3, "lpips", 64)


def test_labels_reach_evaluation_and_report_only(smoke: Any, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(smoke.run, copy)
    answer = limbeck("evaluate", copy, "--labels", smoke.truth)
    assert answer["metrics"]
    assert (copy / "metrics" / "metrics.jsonl").exists()
    page = Path(limbeck("report", copy, "--labels", smoke.truth)["report"])
    assert page.read_text(encoding="utf-8") != Path(smoke.values["report"]).read_text("utf-8")


def test_doctor_and_weights() -> None:
    free = available_memory()
    answer = limbeck("doctor", "--device", "cpu")
    assert free is None or 0.5 < answer["memory_available_bytes"] / free < 2
    assert answer["device"] == "cpu"
    assert answer["precision"] in ("bf16", "fp32")
    here = limbeck("weights", "list")["weights"]
    assert answer["weights"] == here
    (shipped,) = [name for name, present in here.items() if "alex" in name and present]
    assert limbeck("weights", "verify", shipped)["verified"] == [shipped]
