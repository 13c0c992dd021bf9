"""TensorBoard's files say what stats.jsonl says, and cost a training nothing but a little time."""

import io
import json
import shutil
import sys
import types
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from limbeck import logs
from limbeck.artefacts.stage import read_done
from limbeck.cli import app
from limbeck.cli.options import build_config
from limbeck.config import Config
from limbeck.data import Dataset
from limbeck.errors import UsageError
from limbeck.nets import load_networks
from limbeck.presets import preset
from limbeck.training import train, train_slice
from limbeck.training.board import Board, require_tensorboard

MODULE = "torch.utils.tensorboard"


def _config(**changes: object) -> Config:
    base = {"train.kimg": 0.064, "train.snapshot_kimg": 0.032, "train.tick_kimg": 0.016,
            "train.quality_images": 0, "train.precision": "fp32"}  # fmt: skip
    return preset("smoke").replace(**(base | changes))


class Writer:
    """As much of SummaryWriter as is used; what all of them were told is kept in the class."""

    made: list["Writer"]
    broken = False

    def __init__(self, folder: str, purge_step: int | None = None) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.purge_step, self.closed = purge_step, False
        self.numbers: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self.pictures: list[tuple[str, int, tuple[int, ...]]] = []
        Writer.made.append(self)

    def add_scalar(self, name: str, value: float, step: int, when: float) -> None:
        if Writer.broken:
            raise OSError(28, "No space left on device")
        assert not self.closed
        assert when > 1.7e9
        self.numbers[name].append((step, value))

    def add_image(self, name: str, pixels: Any, step: int, dataformats: str) -> None:
        assert dataformats == "HWC"
        self.pictures.append((name, step, pixels.shape))

    def flush(self) -> None: ...

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> type[Writer]:
    """The package, replaced."""
    fake = types.ModuleType(MODULE)
    fake.SummaryWriter = Writer  # type: ignore[attr-defined]
    Writer.made, Writer.broken = [], False
    monkeypatch.setitem(sys.modules, MODULE, fake)
    monkeypatch.setattr(torch.utils, "tensorboard", fake, raising=False)
    return Writer


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is not installed."""
    monkeypatch.setitem(sys.modules, MODULE, None)
    monkeypatch.delattr(torch.utils, "tensorboard", raising=False)


def _rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]


def test_it_says_what_stats_say(writer: type[Writer], photos: Dataset, tmp_path: Path):
    train(photos, _config(**{"train.tensorboard": True}), tmp_path)
    (made,) = writer.made
    rows = _rows(tmp_path)
    assert [row["images"] for row in rows] == [16, 32, 48, 64]
    names = {name for row in rows for name in row} - {"images", "time"}
    assert set(made.numbers) == names
    assert {"loss/G", "seconds", "augment_p", "kimg"} <= names
    for name in names:
        wanted = [(row["images"], row[name]) for row in rows if name in row]
        assert made.numbers[name] == wanted
    seen = [(name, step) for name, step, _ in made.pictures]
    assert seen == [(n, i) for i in (32, 64) for n in ("samples", "reconstructions")]
    with Image.open(tmp_path / "grid-000000064.png") as grid:
        assert made.pictures[2][2] == (grid.height, grid.width, 3)
    assert made.closed


def test_it_changes_no_result_and_makes_nothing_stale(
    writer: type[Writer], photos: Dataset, tmp_path: Path
):
    plain, told = _config(), _config(**{"train.tensorboard": True})
    assert train_slice(plain, 0.064) == train_slice(told, 0.064)
    for config, name in ((plain, "plain"), (told, "told")):
        train(photos, config, tmp_path / name)
    assert not (tmp_path / "plain" / "tensorboard").exists()
    a, b = (
        load_networks(tmp_path / name / "nets-000000064").state_dict() for name in ("plain", "told")
    )
    assert all(torch.equal(a[key], b[key]) for key in a)
    slices = [read_done(tmp_path / name) for name in ("plain", "told")]
    assert slices[0] is not None
    assert slices[1] is not None
    assert slices[0].config_digest == slices[1].config_digest
    train(photos, told, tmp_path / "plain")  # goes on from a checkpoint made without
    assert len(writer.made) == 2


def test_a_session_goes_on_where_the_checkpoint_stands(
    writer: type[Writer], photos: Dataset, tmp_path: Path
):
    train(photos, _config(), tmp_path, kimg=0.032)
    told = _config(**{"train.tensorboard": True})
    train(photos, told, tmp_path, kimg=0.048)
    assert [step for step, _ in writer.made[0].numbers["loss/G"]] == [16, 32, 48]
    assert writer.made[0].purge_step is None
    train(photos, told, tmp_path)
    assert [step for step, _ in writer.made[1].numbers["loss/G"]] == [64]
    assert writer.made[1].purge_step == 49
    assert all(made.closed for made in writer.made)


def test_it_is_closed_when_training_fails(
    writer: type[Writer], photos: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match="roll-backs"):
        train(photos, _config(**{"train.lr": 1e30, "train.tensorboard": True}), tmp_path)
    assert len(writer.made) == 4
    assert all(made.closed for made in writer.made)


def test_a_full_disk_ends_the_board_and_not_the_training(
    writer: type[Writer], photos: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told: list[str] = []
    monkeypatch.setattr(logs, "warn", told.append)
    writer.broken = True
    train(photos, _config(**{"train.tensorboard": True}), tmp_path)
    assert len(_rows(tmp_path)) == 4
    assert ["No space left on device" in text for text in told] == [True]


def test_without_the_package_it_is_refused_at_once(
    absent: None, photos: Dataset, tmp_path: Path
) -> None:
    for refused in (
        require_tensorboard,
        lambda: train(photos, _config(**{"train.tensorboard": True}), tmp_path / "out"),
        lambda: build_config("smoke", seed=0, device="cpu", changes={"train.tensorboard": True}),
        lambda: build_config("smoke", seed=0, device="cpu", pairs=["train.tensorboard=true"]),
    ):
        with pytest.raises(UsageError, match="needs the package tensorboard") as caught:
            refused()
        assert "pip install 'limbeck[tensorboard]'" in caught.value.do
    assert not (tmp_path / "out").exists()
    train(photos, _config(**{"train.kimg": 0.016}), tmp_path / "out")
    assert not Board(tmp_path, 0, wanted=False).close()


def test_the_verb_train_takes_the_option(writer: type[Writer], photos: Dataset, tmp_path: Path):
    args = ["train", str(photos.root), "--out", str(tmp_path / "nets"), "--preset", "smoke"]
    args += ["--kimg", "0.016", "--device", "cpu", "--tensorboard"]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    assert [step for step, _ in writer.made[0].numbers["loss/G"]] == [16]


def test_the_verb_train_refuses_it_without_the_package(
    absent: None, photos: Dataset, tmp_path: Path
):
    args = ["train", str(photos.root), "--out", str(tmp_path / "nets"), "--preset", "smoke"]
    for more in ([], ["--dry-run"]):
        result = CliRunner().invoke(app, [*args, "--tensorboard", *more])
        assert result.exit_code == 2
        assert "limbeck[tensorboard]" in result.stderr
    assert not (tmp_path / "nets").exists()


def test_tensorboard_itself_reads_it_back(photos: Dataset, tmp_path: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told = _config(**{"train.tensorboard": True})
    train(photos, told, tmp_path, kimg=0.048)
    shutil.rmtree(tmp_path / "state-000000048")  # as if it was killed after telling of 48
    train(photos, told, tmp_path)
    board = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"images": 0}).Reload()
    rows = _rows(tmp_path)
    names = {name for row in rows for name in row} - {"images", "time"}
    assert set(board.Tags()["scalars"]) == names
    for name in names:
        found = [(event.step, event.value) for event in board.Scalars(name)]
        wanted = [(row["images"], row[name]) for row in rows if name in row]
        assert [step for step, _ in found] == [step for step, _ in wanted]
        assert np.allclose([v for _, v in found], [v for _, v in wanted], rtol=1e-6)
    shown = board.Images("samples")
    assert [event.step for event in shown] == [32, 64]  # that of 48 was withdrawn
    with Image.open(io.BytesIO(shown[-1].encoded_image_string)) as picture:
        mine = np.asarray(picture.convert("RGB"))
    with Image.open(tmp_path / "grid-000000064.png") as picture:
        assert np.array_equal(mine, np.asarray(picture.convert("RGB")))
