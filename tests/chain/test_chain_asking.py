"""`run` on what is there: goes on, shows what changes cost, asks, refuses."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from chain_fake_stages import draw_photos, install_fakes
from typer.testing import CliRunner

from limbeck.artefacts.run import STAGES
from limbeck.cli import app


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    install_fakes(monkeypatch, took=100.0)
    draw_photos(tmp_path / "photos", 4, seed=0)
    code, _ = _limbeck(
        "run", "photos", "--out", "out", "--preset", "smoke", "--set", "data.min_side=1"
    )
    assert code == 0
    return tmp_path


def _limbeck(*words: str, answer: str | None = None) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, [*words, "--json"], input=answer)
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    return result.exit_code, json.loads(lines[-1]) if lines else {}


def _finished(out: Path) -> dict[str, str]:
    return {name: json.loads((out / name / "done.json").read_text())["finished"] for name in STAGES}


def _inodes(out: Path) -> dict[str, int]:
    return {name: (out / name / "done.json").stat().st_ino for name in STAGES}


@pytest.mark.parametrize(
    "words", [("run", "out"), ("resume", "out"), ("run", "photos", "--out", "out")]
)
def test_a_run_goes_on_with_its_own_options(world: Path, words: tuple[str, ...]) -> None:
    before = _inodes(world / "out")
    code, told = _limbeck(*words)
    assert code == 0, told
    assert _inodes(world / "out") == before


def test_a_changed_option_is_shown_with_its_cost_and_refused(world: Path) -> None:
    before = _inodes(world / "out")
    code, told = _limbeck("run", "out", "--seed", "1")
    assert code == 2
    assert "seed: 0 -> 1" in told["error"]
    assert "makes raw stale, and with it scores, keep, kept" in told["error"]
    assert "of work" in told["error"]
    assert "--yes" in told["do"]
    assert _inodes(world / "out") == before


def test_yes_goes_on_and_going_back_is_free(world: Path) -> None:
    weights = (world / "out/raw/nets-000000003/G.safetensors").read_text()
    assert _limbeck("run", "out", "--seed", "1", "--yes")[0] == 0
    assert (world / "out/raw/nets-000000003/G.safetensors").read_text() != weights
    assert _limbeck("run", "out", "--seed", "0", "--dry-run")[1]["plan"][1] == [
        "raw", "to bring back",
    ]  # fmt: skip
    assert _limbeck("run", "out", "--seed", "0")[0] == 0, "nothing is lost by it: not asked"
    assert (world / "out/raw/nets-000000003/G.safetensors").read_text() == weights


def test_a_threshold_moves_without_another_option(world: Path) -> None:
    code, told = _limbeck("run", "out", "--keep-fraction", "0.75", "--dry-run")
    assert code == 0
    assert told["changes"] == ["keep.fraction: not set -> 0.75", "keep.rule: auto -> fraction"]
    assert told["stale"] == ["keep", "kept", "modes", "samples", "model", "report"]
    assert told["config"]["preset"] == "smoke"


def test_another_preset_asks_everything_anew(world: Path) -> None:
    told = _limbeck("run", "photos", "--out", "out", "--preset", "tiny", "--dry-run")[1]
    assert told["config"]["preset"] == "tiny"
    assert any(change.startswith("net.") for change in told["changes"])


def test_the_first_run_needs_a_place(world: Path) -> None:
    code, told = _limbeck("run", "photos")
    assert code == 2
    assert "--out is missing" in told["error"]


def test_photos_that_moved_are_told(world: Path) -> None:
    shutil.move(world / "photos", world / "elsewhere")
    code, told = _limbeck("resume", "out")
    assert code == 3
    assert "photos" in told["error"]
    assert _limbeck("run", "elsewhere", "--out", "out")[0] == 0


def test_status_says_what_is_superseded(world: Path) -> None:
    assert _limbeck("status", "out")[1]["superseded_bytes"] == 0
    _limbeck("run", "out", "--seed", "1", "--yes")
    told = _limbeck("status", "out")[1]
    assert told["superseded_bytes"] > 0
    assert told["writer"] is None


def test_a_photo_edited_behind_its_times_is_found_by_verify(world: Path) -> None:
    photo = sorted((world / "photos").iterdir())[0]
    facts, pixels = photo.stat(), bytearray(photo.read_bytes())
    other = sorted((world / "photos").iterdir())[1].read_bytes()
    photo.write_bytes((other + bytes(pixels))[: len(pixels)])
    os.utime(photo, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert _limbeck("run", "out", "--dry-run")[1]["plan"][0] == ["data", "done"]
    told = _limbeck("run", "out", "--dry-run", "--verify")[1]
    assert told["plan"][0] == ["data", "to make again"]
    assert _limbeck("run", "out", "--verify")[0] == 2, "a training may have to be made again"
    assert _limbeck("run", "out", "--verify", "--yes")[0] == 0
    assert _limbeck("run", "out", "--verify", "--dry-run")[1]["stale"] == []


def test_what_was_left_out_is_told(world: Path) -> None:
    (world / "photos" / "notes.txt").write_text("no photo")
    words = ["run", "photos", "--out", "other", "--preset", "smoke", "--set", "data.min_side=1"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0
    assert "4 of 5 files are photos to train on" in result.stderr
    assert "no image: 1, e.g. notes.txt" in result.stderr


def test_an_opt_out_line_without_a_photo_is_an_error_if_strict(world: Path) -> None:
    (world / "out.txt").write_text("photo-0-0.png\nnobody.png\n")
    words = ("run", "photos", "--out", "strict", "--preset", "smoke", "--set", "data.min_side=1")
    code, told = _limbeck(*words, "--opt-out", "out.txt", "--strict")
    assert code == 3
    assert "nobody.png" in told["error"]
