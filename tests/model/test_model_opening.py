"""From what a user names to the model that is meant, or to words that say what lies there."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from model_small import small_pipeline

from limbeck import fsio, preset
from limbeck.artefacts.model_folder import without_folders
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.stage import Provenance
from limbeck.errors import DataError, LimbeckError, UsageError
from limbeck.kit.images import save_png
from limbeck.model import Pipeline
from limbeck.nets import Networks

CONFIG = preset("smoke")


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return small_pipeline()


@pytest.fixture(scope="module")
def saved(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


@pytest.fixture
def run(saved: Path, tmp_path: Path) -> Path:
    """A finished run as far as its folders go."""
    root = tmp_path / "run"
    shutil.copytree(saved, root / "model")
    RunDir(root).write(CONFIG)
    (root / "kept").mkdir()
    (root / "kept" / "stats.jsonl").touch()
    Networks.create(CONFIG.net, 0).save(root / "kept" / "nets-000000064")
    fsio.write_json(root / "data" / "index.json", {"format_version": 1})
    for stage in ("kept", "data", "scores"):
        Provenance.of({}, {}).finish(root / stage, stage, started=0.0, summary={})
    return root


def refused(path: Any, *words: str) -> None:
    with pytest.raises(DataError) as caught:
        Pipeline.from_pretrained(path, device="cpu")
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert caught.value.do


def test_a_run_gives_its_model(run: Path, pipeline: Pipeline) -> None:
    for path in (run, str(run), run / "model"):
        assert torch.equal(Pipeline.from_pretrained(path, device="cpu")([3]), pipeline([3]))


def test_a_run_without_a_model_says_how_to_get_one(run: Path) -> None:
    shutil.rmtree(run / "model")
    refused(run, "is a run without a model yet", "limbeck run", f"limbeck export {run}")
    (run / "model").mkdir()
    refused(run, "is a run without a model yet")
    refused(run / "model", "holds no model, but nothing")


def test_stages_of_a_run_say_what_they_are(run: Path) -> None:
    model = str(run / "model")
    refused(run / "kept", "is a training, not a model folder", "limbeck export", model)
    refused(run / "kept" / "nets-000000064", "is a snapshot of a training", "limbeck export", model)
    refused(run / "data", "is a dataset of photos", "limbeck train", model)
    refused(run / "scores", "is the stage 'scores'", model)


def test_files_say_what_they_are(run: Path, tmp_path: Path) -> None:
    for name in ("network.pkl", "g.PT", "a.pth", "b.ckpt"):
        (tmp_path / name).write_bytes(b"\x80\x04.")
        refused(tmp_path / name, "another tool wrote")
    (tmp_path / "alone.safetensors").write_bytes(b"x")
    refused(tmp_path / "alone.safetensors", "without its config.json beside it")
    refused(
        run / "model" / "generator.safetensors", "one file of a model folder", "give the folder"
    )
    refused(run / "model" / "config.json", "one file of a model folder", str(run / "model"))
    save_png(torch.zeros(3, 8, 8, dtype=torch.uint8), tmp_path / "dog.png")
    refused(tmp_path / "dog.png", "is an image, not a model", "invert")
    (tmp_path / "model.zip").touch()
    refused(tmp_path / "model.zip", "is an archive", "unpack")
    (tmp_path / "notes").touch()
    refused(tmp_path / "notes", "is a file, not a model folder")


def test_nothing_there_and_other_folders(run: Path, tmp_path: Path) -> None:
    refused(tmp_path / "absent", "no such folder", "check the name")
    refused(Path("somebody/dogs-64"), "no such folder", "of the Hugging Face hub is hf://")
    refused("a\0b", "no such folder")
    refused("x" * 5000, "cannot be opened")
    (tmp_path / "photos").mkdir()
    refused(tmp_path / "photos", "holds no model, but nothing")
    for index in range(7):
        (tmp_path / "photos" / f"{index}.jpg").touch()
    refused(tmp_path / "photos", "holds no model, but 0.jpg, 1.jpg", ", ...")
    (run / "run.json").unlink()
    refused(run, "is no model folder", f"give {run / 'model'}")
    (tmp_path / "photos" / "config.json").write_text("{torn")
    refused(tmp_path / "photos", "holds no model")
    for wrong in (None, 3, b"run"):
        with pytest.raises(UsageError, match="from_pretrained got"):
            Pipeline.from_pretrained(wrong)  # type: ignore[arg-type]


def test_whatever_lies_there_the_error_is_limbecks(folder: Path, tmp_path: Path) -> None:
    """A model folder with one file of another kind at each place."""
    for name in ("config.json", "generator.safetensors", "encoder.safetensors"):
        broken = Path(shutil.copytree(folder, tmp_path / f"broken-{name}"))
        (broken / name).unlink()
        (broken / name).mkdir()
        with pytest.raises(LimbeckError):
            Pipeline.from_pretrained(broken, device="cpu")
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps([values]))
    refused(folder, "format is not")


def test_folders_of_the_maker_s_machine_stay_there() -> None:
    config = preset("smoke").replace(
        **{"train.init_from": "/home/me/nets-1", "data.class_from": "/home/me/breeds.csv"}
    )
    told = without_folders(config)
    assert (told.train.init_from, told.data.class_from) == ("nets-1", "breeds.csv")
    assert without_folders(preset("smoke")) == preset("smoke")
