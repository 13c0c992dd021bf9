"""Weights in several files: the same networks, and nothing that contradicts itself is read."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from model_small import small_pipeline
from safetensors.torch import load_file, save_file

from limbeck.artefacts.snapshots import is_model
from limbeck.errors import DataError, UsageError
from limbeck.fsio import sha256_file
from limbeck.model import Pipeline

INDEX = "generator.safetensors.index.json"
MOST = 20_000


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return small_pipeline()


@pytest.fixture(scope="module")
def saved(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "m"
    pipeline.save_pretrained(folder, max_shard_size=MOST)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def shards(folder: Path, part: str = "generator") -> list[Path]:
    return sorted(folder.glob(f"{part}-*.safetensors"))


def test_the_shards_are_the_network(saved: Path, pipeline: Pipeline) -> None:
    index = json.loads((saved / INDEX).read_text())
    tensors = {}
    for number, path in enumerate(shards(saved), 1):
        assert path.name == f"generator-{number:05d}-of-{len(shards(saved)):05d}.safetensors"
        held = load_file(path)
        size = sum(t.numel() * t.element_size() for t in held.values())
        assert size <= MOST or len(held) == 1
        assert {name for name, file in index["weight_map"].items() if file == path.name} == set(
            held
        )
        tensors.update(held)
    assert len(shards(saved)) > 2
    assert len(shards(saved, "encoder")) > 1
    wanted = pipeline.G_ema.state_dict()
    assert tensors.keys() == wanted.keys() == index["weight_map"].keys()
    assert all(torch.equal(tensors[name], wanted[name]) for name in wanted)
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    assert index["metadata"] == {"total_size": total}


def test_it_is_a_model_folder_like_another(
    saved: Path, folder: Path, pipeline: Pipeline, tmp_path: Path
) -> None:
    assert is_model(saved)
    back = Pipeline.from_pretrained(saved, device="cpu")
    assert torch.equal(back(range(3)), pipeline(range(3)))
    assert back.E_ema is not None
    back.save_pretrained(folder)
    assert not shards(folder), "the older files went"
    whole = Pipeline.from_pretrained(folder, device="cpu")
    assert torch.equal(whole(range(3)), pipeline(range(3)))
    back.save_pretrained(tmp_path / "half", dtype="float16", max_shard_size=MOST)
    assert len(shards(tmp_path / "half")) < len(shards(saved))
    assert Pipeline.from_pretrained(tmp_path / "half", device="cpu").config.size == 16


def edit(folder: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file and make config.json agree, as an attacker would."""
    values = json.loads((folder / name).read_text())
    change(values)
    (folder / name).write_text(json.dumps(values))
    if name != "config.json":
        resign(folder, name)


def resign(folder: Path, name: str) -> None:
    facts = {"sha256": sha256_file(folder / name), "bytes": (folder / name).stat().st_size}
    edit(folder, "config.json", lambda v: v["files"].update({name: facts}))


def swap(values: dict[str, Any]) -> None:
    """Two tensors change places in the index."""
    where = values["weight_map"]
    first, last = next(iter(where)), list(where)[-1]
    where[first], where[last] = where[last], where[first]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swap, "does not hold what"),
        (lambda v: v["weight_map"].pop(next(iter(v["weight_map"]))), "does not hold what"),
        (lambda v: v["weight_map"].update(more=next(iter(v["weight_map"].values()))), "more"),
        (lambda v: v["weight_map"].update(more="generator-00099-of-00099.safetensors"),
         "do not name the same files"),
        (lambda v: v["weight_map"].update(more="../../etc/passwd"), r"weight_map\.more"),
        (lambda v: v["weight_map"].update(more="modes.safetensors"), "do not name the same"),
        (lambda v: v["metadata"].update(total_size=1), "total_size 1, the files hold"),
        (lambda v: v["metadata"].update(total_size=-1), "total_size"),
        (lambda v: v["metadata"].update(format="pt"), "metadata.format"),
        (lambda v: v.pop("weight_map"), "weight_map"),
        (lambda v: v.update(weight_map={}), "weight_map"),
    ],
)  # fmt: skip
def test_an_index_that_lies_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit(folder, INDEX, change)
    with pytest.raises(DataError, match=message):
        Pipeline.from_pretrained(folder, device="cpu")


def test_config_names_all_shards_and_their_index(folder: Path) -> None:
    first = shards(folder)[0].name
    kept = (folder / "config.json").read_text()
    for change, message in (
        (lambda v: v["files"].pop(INDEX), "but no generator.safetensors.index.json"),
        (lambda v: v["files"].pop(first), "do not name the same files"),
        (lambda v: v["files"].update({"generator.safetensors": v["files"][first]}), "in shards"),
        (lambda v: [v["files"].pop(p.name) for p in shards(folder)], "but no shards"),
    ):
        edit(folder, "config.json", change)
        with pytest.raises(DataError, match=message):
            Pipeline.from_pretrained(folder, device="cpu")
        (folder / "config.json").write_text(kept)


def test_a_tensor_in_two_shards_or_of_another_shape_is_refused(folder: Path) -> None:
    one, two = shards(folder)[:2]
    first, second = load_file(one), load_file(two)
    name = next(iter(first))
    save_file({**second, name: first[name]}, two)
    resign(folder, two.name)
    with pytest.raises(DataError, match=f"{two.name} does not hold"):
        Pipeline.from_pretrained(folder, device="cpu")
    save_file(second, two)
    resign(folder, two.name)
    save_file({**first, name: first[name].flatten()[:-1].clone()}, one)
    resign(folder, one.name)
    with pytest.raises(DataError, match=r"total_size|does not fit net in config\.json"):
        Pipeline.from_pretrained(folder, device="cpu")


@pytest.mark.parametrize("most", [0, -1, 1.5, "2GB", True, None])
def test_a_limit_is_a_number_of_bytes(pipeline: Pipeline, tmp_path: Path, most: Any) -> None:
    with pytest.raises(UsageError, match="max_shard_size"):
        pipeline.save_pretrained(tmp_path / "m", max_shard_size=most)
    assert not (tmp_path / "m" / "config.json").exists()
