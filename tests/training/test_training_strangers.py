"""Checkpoints that somebody else wrote: sealed anew, and still compared with what they must be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from limbeck import fsio
from limbeck.artefacts.snapshots import snapshots
from limbeck.errors import DataError, LimbeckError
from limbeck.presets import preset
from limbeck.training import TrainState

CONFIG, CPU = preset("smoke", 8), torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    state = TrainState.create(CONFIG, CPU, "photos")
    for optimizer in state.optimizers.values():
        optimizer.step()
    state.images = 8
    state.save(tmp_path / "state-000000008", CONFIG)
    return tmp_path / "state-000000008"


def load(folder: Path) -> TrainState:
    return TrainState.load(folder, CONFIG, CPU, "photos")


def seal(folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> None:
    """Change state.json and make its checksums agree, as an attacker would."""
    about = json.loads((folder / "state.json").read_text())
    about["sha256"] = {name: fsio.sha256_file(folder / name) for name in about["sha256"]}
    change(about)
    about["seal"] = fsio.digest_json({k: v for k, v in about.items() if k != "seal"})
    (folder / "state.json").write_text(json.dumps(about))


def test_a_sound_one_is_read(folder: Path) -> None:
    seal(folder)
    assert load(folder).images == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(images=-8), "images"),
        (lambda v: v.update(images=9), "9 images are no whole steps of 8"),
        (lambda v: v.update(images="8 or so"), "images"),
        (lambda v: v.update(images=2**60), "images"),
        (lambda v: v.update(augment_p=2), "augment_p"),
        (lambda v: v.update(sign_sum=None), "sign_sum"),
        (lambda v: v.update(rollbacks=-1), "rollbacks"),
        (lambda v: v.update(dataset=5), "dataset"),
        (lambda v: v.update(config=[]), "config"),
        (lambda v: v["config"].update(train=5), "config is no configuration"),
        (lambda v: v["config"].pop("net"), "config is no configuration"),
        (lambda v: v["config"].pop("seed"), "seed: None"),
        (lambda v: v.update(sha256={}), "sha256 is of"),
        (lambda v: v["sha256"].update({"../../x": "0"}), "sha256 is of"),
        (lambda v: v.pop("sha256"), "sha256"),
        (lambda v: v.update(surprise=1), "surprise"),
    ],
)
def test_impossible_numbers(
    folder: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    seal(folder, change)
    with pytest.raises(LimbeckError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("G/exp_avg", torch.zeros(3), r"G/exp_avg is \[3\] instead of"),
        ("G/exp_avg", None, "G/exp_avg is missing"),
        ("D/exp_avg_sq", -1.0, "D/exp_avg_sq below zero"),
        ("D/exp_avg", torch.nan, "D/exp_avg not finite"),
        ("pl_mean", torch.zeros(1, dtype=torch.int32), "pl_mean is I32"),
        ("pl_mean", torch.zeros(()), r"pl_mean is \[\] instead of \[1\]"),
        ("more", torch.zeros(1), "more is not part of it"),
        ("E/step", torch.tensor(-1.0), "E/step below zero"),
    ],
)
def test_moments_that_adam_never_has(folder: Path, name: str, value: Any, message: str) -> None:
    path = folder / "optimizers.safetensors"
    tensors: dict[str, Tensor] = load_file(path)
    if value is None:
        del tensors[name]
    else:
        tensors[name] = value if isinstance(value, Tensor) else tensors[name] * 0 + value
    save_file(tensors, path)
    seal(folder)
    with pytest.raises(DataError, match=message):
        load(folder)


def test_networks_of_another_shape(folder: Path) -> None:
    path = folder / "networks/config.json"
    about = json.loads(path.read_text())
    about["net"]["mapping_layers"] = 3_000_000
    path.write_text(json.dumps(about))
    seal(folder)
    with pytest.raises(DataError, match=r"net\.mapping_layers"):
        load(folder)


def test_only_numbered_folders_are_snapshots(tmp_path: Path) -> None:
    names = (
        "state-000000008",
        "state-x",
        "state-",
        "state--8",
        "state-8-old",
        "state-" + "9" * 5000,
    )
    for name in names[:-1]:
        (tmp_path / name).mkdir()
    (tmp_path / "state-000000016").write_text("no folder")
    assert [images for images, _ in snapshots(tmp_path, "state")] == [8]
