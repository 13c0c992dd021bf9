"""What a folder is, how far a training is, and what to do next."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from limbeck import fsio, logs
from limbeck.cli import app
from limbeck.cli.describe import describe, training_in
from limbeck.cli.inputs import networks_folder, run_folder
from limbeck.errors import DataError, UsageError


@pytest.fixture
def stopped(smoke: Any, tmp_path: Path) -> Path:
    """A training that was stopped: what a signal leaves, no done.json."""
    folder = tmp_path / "it's nets"
    shutil.copytree(smoke.run / "raw", folder)
    (folder / "done.json").unlink()
    (state,) = sorted(folder.glob("state-*"))[-1:]
    saved = fsio.read_json(state / "state.json")
    saved["config"]["train"]["kimg"] = 50
    fsio.write_json(state / "state.json", saved)
    return folder


def test_a_stopped_training_says_how_far_it_is(stopped: Path) -> None:
    training = training_in(stopped)
    assert training is not None
    assert (training.images, training.target, training.done) == (256, 50_000, False)
    last = stopped / "nets-000000256"
    with pytest.raises(DataError) as caught:
        networks_folder(stopped)
    assert caught.value.what == (
        f"training in {stopped} is unfinished (0.256 of 50 kimg, last snapshot nets-000000256)"
    )
    assert logs.command("limbeck", "train", "DATA", "--out", stopped) in caught.value.do
    assert f"or give {last} to use that snapshot" in caught.value.do
    assert networks_folder(last) == last


def test_scoring_with_a_stopped_training_says_it(smoke: Any, stopped: Path, tmp_path: Path) -> None:
    args = ["score", str(smoke.run / "data"), str(stopped), "--out", str(tmp_path / "scores")]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 3
    assert "is unfinished (0.256 of 50 kimg" in result.stderr


def test_a_training_without_a_snapshot_says_so(stopped: Path) -> None:
    for folder in (*stopped.glob("nets-*"), *stopped.glob("state-*")):
        shutil.rmtree(folder)
    with pytest.raises(DataError, match=r"unfinished \(0\.256 kimg\) and has no snapshot yet"):
        networks_folder(stopped)


def test_a_training_at_half_its_size_says_how_far_it_is(stopped: Path, tmp_path: Path) -> None:
    whole = tmp_path / "grows"
    shutil.copytree(stopped, whole / "half")
    training = training_in(whole)
    assert training is not None
    assert (training.folder, training.images, training.done) == (whole, 256, False)
    assert training.snapshots[-1] == whole / "half" / "nets-000000256"


def test_a_run_that_was_stopped_in_its_first_training_names_the_run(
    smoke: Any, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(smoke.run, run)
    for name in ("kept", "modes", "samples", "model", "report"):
        shutil.rmtree(run / name)
    (run / "raw" / "done.json").unlink()
    with pytest.raises(DataError) as caught:
        networks_folder(run)
    assert "unfinished (0.256 of 0.256 kimg" in caught.value.what
    command = logs.command("limbeck", "resume", run)
    assert f"finish it with {command}, or give " in caught.value.do


def test_a_stopped_training_is_described(stopped: Path) -> None:
    found = describe(stopped)
    assert found is not None
    lines = [str(line) for line in found.lines]
    assert found.values["complete"] is False
    assert lines[0] == f"{stopped}: a training"
    assert lines[1] == "  unfinished: 0.256 of 50 kimg"
    assert lines[2].startswith("  snapshots: nets-")
    assert "nets-000000256; best figure of quality: nets-" in lines[2]
    assert "are missing" in lines[3]
    assert found.then.startswith(logs.command("limbeck", "train", "DATA", "--out", stopped))


@pytest.mark.parametrize(
    ("part", "kind", "fact"),
    [
        ("data", "a dataset", "photos of "),
        ("raw", "a training", "finished: 0.256 kimg"),
        ("raw/nets-000000256", "a snapshot", "16 x 16 px; holds G, D"),
        ("scores", "the scores", "recommended"),
        ("scores/raw-modes", "the modes", "clusters of "),
        ("keep", "a keep list", "photos are kept (rule auto: "),
        ("modes", "the modes", "atlas.png"),
        ("samples", "the samples", "at psi "),
        ("model", "a model", "a generator of 16 x 16 px, encoder, modes; "),
    ],
)
def test_every_folder_is_described(
    part: str, kind: str, fact: str, smoke: Any, tmp_path: Path
) -> None:
    inside = describe(smoke.run / part)
    assert inside is not None
    assert str(inside.lines[0]) == f"{smoke.run / part}: {kind} of the run {smoke.run}"
    assert inside.then == logs.command("limbeck", "status", smoke.run)
    alone = tmp_path / "[/b] alone"
    shutil.copytree(smoke.run / part, alone)
    found = describe(alone)
    assert found is not None
    assert str(found.lines[0]) == f"{alone}: {kind}"
    assert fact in "\n".join(map(str, found.lines))
    assert found.then
    assert found.values["complete"] is True
    assert found.values["next"] == found.then


def test_a_run_and_a_stranger_are_not_described(smoke: Any, tmp_path: Path) -> None:
    assert describe(smoke.run) is None
    assert describe(tmp_path) is None
    assert describe(tmp_path / "none") is None


def test_damage_is_told(smoke: Any, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(smoke.run / "model", folder)
    fsio.write_json(folder / "config.json", {"net": []})
    with pytest.raises(DataError, match="looks like a model but is damaged"):
        describe(folder)


def test_a_stage_given_for_a_run_names_the_run(smoke: Any) -> None:
    with pytest.raises(UsageError, match="is a part of the run"):
        run_folder(smoke.run / "raw")
