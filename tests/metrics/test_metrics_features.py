from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.data import Dataset, open_dataset, write_dataset
from limbeck.evaluation import Drawn
from limbeck.kit.rng import generator
from limbeck.metrics import dataset_features, picture_features
from limbeck.nets import Networks
from limbeck.percept import Features
from limbeck.presets import preset
from limbeck.records import ImageInfo, Status


class Counted:
    """`lpips-alex`, counting the images it saw."""

    def __init__(self) -> None:
        self._inner = Features("lpips-alex")
        self.name, self.dim, self.seen = self._inner.name, self._inner.dim, 0

    def __call__(self, pictures: Tensor) -> Tensor:
        self.seen += len(pictures)
        return self._inner(pictures)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


def pixels(count: int = 9) -> Tensor:
    return torch.randint(
        0, 256, (count, 3, 16, 16), dtype=torch.uint8, generator=generator("featurecache")
    )


def written(root: Path, pictures: Tensor) -> Dataset:
    infos = [
        ImageInfo(source=f"{i}.png", id=f"{i:016x}", sha256=f"{i:064x}", status=Status.ACCEPTED)
        for i in range(len(pictures))
    ]
    write_dataset(root, infos, iter(pictures), 16)
    return open_dataset(root)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return written(tmp_path / "data", pixels())


def test_features_are_computed_once(dataset: Dataset, cache: Path) -> None:
    eye = Counted()
    first = dataset_features(dataset, eye, size=16)
    assert first.shape == (9, 1152)
    assert eye.seen == 9
    assert torch.equal(dataset_features(dataset, eye, size=16), first)
    assert eye.seen == 9
    assert len(list(cache.glob("*.safetensors"))) == 1
    assert torch.allclose(first, Features("lpips-alex")(pixels()), atol=1e-4)


def test_batches_change_rounding_alone(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = dataset_features(dataset, Counted(), size=16)
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "other"))
    cut = dataset_features(dataset, Counted(), size=16, batch=2)
    assert torch.allclose(cut, whole, rtol=1e-4, atol=1e-4)


def test_another_size_and_other_rows_are_other_features(dataset: Dataset) -> None:
    eye = Counted()
    whole = dataset_features(dataset, eye, size=16)
    dataset_features(dataset, eye, size=8)
    assert eye.seen == 18
    chosen = [dataset.ids[5], dataset.ids[2]]
    some = dataset_features(dataset, eye, size=16, ids=chosen)
    assert eye.seen == 20
    assert torch.allclose(some, whole[[2, 5]], rtol=1e-4, atol=1e-4)


def test_a_renamed_folder_is_the_same_dataset(dataset: Dataset, tmp_path: Path) -> None:
    eye = Counted()
    dataset_features(dataset, eye, size=16)
    dataset.root.rename(tmp_path / "moved")
    dataset_features(open_dataset(tmp_path / "moved"), eye, size=16)
    assert eye.seen == 9


def test_a_changed_image_forces_recomputation(dataset: Dataset, tmp_path: Path) -> None:
    eye = Counted()
    before = dataset_features(dataset, eye, size=16)
    changed = pixels()
    changed[4] = 255 - changed[4]
    after = dataset_features(written(tmp_path / "again", changed), eye, size=16)
    assert eye.seen == 18
    differs = (before - after).abs().amax(1) > 1e-3
    assert differs.nonzero().flatten().tolist() == [4]


def test_an_image_changed_in_place_is_seen_as_well(dataset: Dataset) -> None:
    eye = Counted()
    before = dataset_features(dataset, eye, size=16)
    shard = np.load(dataset.root / "images-00000.npy", mmap_mode="r+")
    shard[4] = 255 - shard[4]
    shard.flush()
    after = dataset_features(open_dataset(dataset.root), eye, size=16)
    assert eye.seen == 18
    assert not torch.equal(before[4], after[4])


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign"])
def test_a_damaged_file_is_named_and_made_again(
    dataset: Dataset, cache: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("limbeck.logs.warn", said.append)
    eye = Counted()
    first = dataset_features(dataset, eye, size=16)
    (file,) = cache.glob("*.safetensors")
    data = bytearray(file.read_bytes())
    if damage == "flipped":
        data[-3] ^= 0x40
    elif damage == "foreign":
        dataset_features(dataset, eye, size=8)
        data = bytearray(next(f for f in cache.glob("*") if f != file).read_bytes())
        eye.seen -= 9
    file.write_bytes({"cut": data[:-100], "empty": b""}.get(damage, bytes(data)))
    assert torch.equal(dataset_features(dataset, eye, size=16), first)
    assert eye.seen == 18
    assert len(said) == 1
    assert str(file) in said[0]
    dataset_features(dataset, eye, size=16)
    assert eye.seen == 18


def test_a_cache_that_cannot_be_written_costs_only_a_line(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[str] = []
    monkeypatch.setattr("limbeck.logs.warn", said.append)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path / "file"))
    assert len(dataset_features(dataset, Counted(), size=16)) == 9
    assert "not kept" in said[0]


def test_without_a_key_or_with_unknown_features_nothing_is_kept(cache: Path) -> None:
    eye = Counted()
    picture_features([pixels()], eye, None)
    eye.name = "my-own"
    picture_features([pixels()], eye, {"pictures": "these"})
    assert eye.seen == 18
    assert not cache.exists()


def test_pictures_in_the_cache_are_not_painted_again() -> None:
    painted = 0

    def batches() -> Iterator[Tensor]:
        nonlocal painted
        painted += 1
        yield pixels()

    key = {"generator": "g", "seeds": "0-8"}
    first = picture_features(batches(), Counted(), key)
    assert torch.equal(picture_features(batches(), Counted(), key), first)
    assert painted == 1
    picture_features(batches(), Counted(), {**key, "seeds": "1-9"})
    assert painted == 2


def test_a_key_tells_generators_seeds_and_truncations_apart() -> None:
    config = preset("smoke").net
    one, two = (Networks.create(config, seed=s).eval() for s in (0, 1))
    drawn = [
        Drawn(one, 8),
        Drawn(two, 8),
        Drawn(one, 9),
        Drawn(one, 8, first=8),
        Drawn(one, 8, psi=0.5, truncation="global"),
        Drawn(one, 8, psi=0.7, truncation="global"),
        Drawn(one, 8, size=32),
    ]
    keys = [tuple(sorted(d.key.items())) for d in drawn]
    assert len(set(keys)) == len(keys)
    assert Drawn(one, 8).key == drawn[0].key


def test_smaller_pictures_are_enlarged() -> None:
    networks = Networks.create(preset("smoke").net, seed=0).eval()
    small, large = (torch.cat(list(Drawn(networks, 5, size=size))) for size in (8, 32))
    assert (small.shape[-1], large.shape[-1], large.dtype) == (16, 32, torch.uint8)
    back = F.avg_pool2d(large.float(), 2)
    assert (back - small.float()).abs().mean() < 0.05 * small.float().std()


def test_pictures_are_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = Networks.create(preset("smoke").net, seed=0).eval()
    held = Drawn(networks, 70)
    once = torch.cat(list(held))
    assert once.shape == (70, 3, 16, 16)
    assert once.dtype == torch.uint8
    assert torch.equal(torch.cat(list(held)), once)
    assert torch.equal(torch.cat(list(held.first(66))), once[:66])
    monkeypatch.setattr("limbeck.evaluation.generated._HELD_BYTES", 0)
    assert torch.equal(torch.cat(list(Drawn(networks, 70))), once)
    assert torch.equal(torch.cat(list(Drawn(networks, 70).first(3))), once[:3])
