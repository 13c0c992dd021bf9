import json
from pathlib import Path

import pytest
import torch

from limbeck.presets import preset
from limbeck.training.state import TrainState
from limbeck.training.stats import Stats, encoder_ratio


@pytest.fixture
def state() -> TrainState:
    return TrainState.create(preset("smoke"), torch.device("cpu"))


def test_the_ratio_needs_both_spreads():
    assert encoder_ratio({"w_std": 0.8}) is None
    assert encoder_ratio({"w_std": 0.8, "E/w_std": 0.4}) == pytest.approx(0.5)


def test_rows_are_means_since_the_last_tick(tmp_path: Path, state: TrainState):
    stats = Stats(tmp_path, 0, 100)
    for value in (1.0, 3.0):
        stats.add({"loss/D": torch.tensor(value)})
    state.images = 16
    stats.tick(state)
    stats.add({"loss/D": torch.tensor(7.0)})
    state.images = 24
    stats.tick(state)
    stats.tick(state)
    rows = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert [(row["images"], row["loss/D"]) for row in rows] == [(16, 2.0), (24, 7.0)]


def test_rows_of_images_that_were_not_saved_go(tmp_path: Path, state: TrainState):
    stats = Stats(tmp_path, 0, 100)
    for images in (8, 16, 24):
        stats.add({"loss/D": torch.tensor(1.0)})
        state.images = images
        stats.tick(state)
    Stats(tmp_path, 16, 100)
    assert len((tmp_path / "stats.jsonl").read_text().splitlines()) == 2


def test_a_collapsed_encoder_is_named_once(
    tmp_path: Path, state: TrainState, capsys: pytest.CaptureFixture[str]
):
    stats = Stats(tmp_path, 0, 1000)
    for tick in range(1, 25):
        stats.add({"w_std": torch.tensor(1.0), "E/w_std": torch.tensor(0.01)})
        state.images = 8 * tick
        stats.tick(state)
    assert capsys.readouterr().err.count("reconstructions may all look alike") == 1


def test_the_display_follows_every_step_and_never_overshoots(tmp_path: Path):
    stats = Stats(tmp_path, 0, 20)
    with stats.display():
        assert stats._task is not None
        assert stats._task.facts().startswith("the first steps take longest, ")
        for images in (8, 16, 24):
            stats.add({"loss/D": torch.tensor(1.0)}, images)
            assert stats._task.done == min(images, 20)
        assert stats._task.facts().startswith("0.02 of 0.02 kimg")
    assert stats._task is None
