"""config.json of other versions, and of other kinds of networks."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from model_small import small_pipeline

from limbeck.errors import DataError
from limbeck.model import Pipeline, read_config, restate_card

SHIPPED = Path(__file__).parents[2] / "models" / "dogs-64"


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return small_pipeline()


@pytest.fixture(scope="module")
def saved(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "m"
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads((folder / "config.json").read_text())
    change(values)
    (folder / "config.json").write_text(json.dumps(values))


def as_version_1(values: dict[str, Any]) -> None:
    """What limbeck wrote before shards and kinds."""
    for name in ("kind", "measured"):
        del values[name]
    values["format_version"] = 1


def test_version_1_is_read(folder: Path, pipeline: Pipeline) -> None:
    edit(folder, as_version_1)
    back = Pipeline.from_pretrained(folder, device="cpu")
    assert torch.equal(back(range(3)), pipeline(range(3)))
    assert (back.settings, back.licence, back.data, back.measured) == (
        pipeline.settings, pipeline.licence, pipeline.data, ()
    )  # fmt: skip
    assert back.modes is not None
    assert back.E_ema is not None


def test_the_shipped_folder_is_of_version_1_and_opens() -> None:
    values = json.loads((SHIPPED / "config.json").read_text(encoding="utf-8"))
    assert values["format_version"] == 1
    about = read_config(SHIPPED)
    assert (about.format_version, about.kind, about.measured) == (2, "stylegan2", ())
    net = about.net.model_dump(mode="json")
    assert {name: net[name] for name in values["net"]} == values["net"]


def test_a_take_down_writes_what_it_read_as_the_present_version(folder: Path) -> None:
    edit(folder, as_version_1)
    texts = restate_card(folder, 3)
    assert texts is not None
    for name, text in texts.items():
        (folder / name).write_text(text)
    values = json.loads((folder / "config.json").read_text())
    assert (values["format_version"], values["kind"]) == (2, "stylegan2")
    assert values["data"]["taken down"] == 3
    assert "were since taken down: 3" in (folder / "README.md").read_text()
    Pipeline.from_pretrained(folder, device="cpu")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.update(format_version=3, surprise=1, files={}),
         ("format_version 3", "reads 1 to 2", "pip install --upgrade limbeck")),
        (lambda v: v.update(format_version=10**19), ("reads 1 to 2",)),
        (lambda v: v.update(format_version=0), ("no version of the format",)),
        (lambda v: v.update(format_version=True), ("no version of the format",)),
        (lambda v: v.update(format_version="2"), ("no version of the format",)),
        (lambda v: v.update(format_version=None), ("no version of the format",)),
        (lambda v: v.update(format_version=1), ("format_version 1 has no field kind",)),
        (lambda v: v.update(kind="stylegan9-x"), ("kind 'stylegan9-x'", "knows stylegan2",
                                                  "pip install --upgrade limbeck")),
        (lambda v: v.update(kind=["stylegan2"]), ("kind ['stylegan2']",)),
        (lambda v: v.update(measured=[{"fid": 3}]), ("measured.0",)),
    ],
)  # fmt: skip
def test_other_versions_and_kinds_are_refused_in_words(
    folder: Path, change: Callable[[dict[str, Any]], object], words: tuple[str, ...]
) -> None:
    edit(folder, change)
    with pytest.raises(DataError) as caught:
        Pipeline.from_pretrained(folder, device="cpu")
    for word in words:
        assert word in str(caught.value), str(caught.value)
