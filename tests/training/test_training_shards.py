"""Training from encoded shards: photos are read ahead, the weights are those of the raw store."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from limbeck.artefacts.snapshots import snapshots
from limbeck.data import Dataset, open_dataset, write_dataset
from limbeck.data import dataset as reading
from limbeck.errors import DataError
from limbeck.nets import load_networks
from limbeck.presets import preset
from limbeck.records import StoreKind
from limbeck.training import feed_of, train
from limbeck.training.ahead import Ahead

CONFIG = preset("smoke").replace(
    **{
        "train.kimg": 0.064, "train.snapshot_kimg": 0.064, "train.tick_kimg": 0.032,
        "train.precision": "fp32", "train.batch": 16, "train.microbatch": 8,
        "train.quality_images": 0,
    }
)  # fmt: skip
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def stores(photos: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    """`photos` in both stores, seven images a file. Read-only."""
    root = tmp_path_factory.mktemp("stores")
    for kind in StoreKind:
        write_dataset(
            root / kind, photos.listed(), photos.stored(), photos.size,
            shard_bytes=7 * 3 * photos.size**2, kind=kind,
        )  # fmt: skip
    return {str(kind): open_dataset(root / kind) for kind in StoreKind}


def test_the_weights_are_those_of_the_raw_store(
    stores: dict[str, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a training that began from the other store: the photos are the same to it."""
    raw, shards = stores["raw"], stores["shards"]
    train(raw, CONFIG, tmp_path / "raw")
    train(raw, CONFIG, tmp_path / "both", kimg=0.016)
    monkeypatch.setattr(reading, "RESIDENT_BYTES", 0)
    assert not shards.at(32).resident
    train(shards, CONFIG, tmp_path / "both", kimg=0.064)
    train(shards, CONFIG, tmp_path / "shards")
    ends = [snapshots(tmp_path / name, "nets")[-1] for name in ("raw", "both", "shards")]
    assert {images for images, _ in ends} == {64}
    first, *others = (load_networks(folder).state_dict() for _, folder in ends)
    for other in others:
        assert first.keys() == other.keys()
        assert all(torch.equal(first[name], other[name]) for name in first)


def test_the_feed_is_the_same_in_any_order_of_asking(stores: dict[str, Dataset]) -> None:
    raw = feed_of(stores["raw"].at(32, resident=True), None, CONFIG, CPU)
    tars = feed_of(stores["shards"].at(32, resident=False), None, CONFIG, CPU)
    for images in (0, 16, 32, 48, 16, 32, 0, 160, 176):  # also back, as after a NaN
        for share in (0, 1):
            assert torch.equal(raw(images, share, 2)[0], tars(images, share, 2)[0])


class _Noted:
    """A view that notes what is read, and on which thread; waits where it is told to."""

    resident = False

    def __init__(self) -> None:
        self.read: list[tuple[tuple[int, ...], bool]] = []
        self.go = threading.Event()
        self.go.set()

    def __getitem__(self, rows: np.ndarray) -> Tensor:
        assert self.go.wait(10)
        self.read.append((tuple(rows), threading.current_thread() is threading.main_thread()))
        if -1 in rows:
            raise DataError("images-00000.tar is damaged at row 7")
        return torch.as_tensor(rows)


def test_the_next_rows_are_read_on_another_thread_once() -> None:
    view = _Noted()
    ahead = Ahead(view)  # type: ignore[arg-type]
    assert ahead.take((0, 0, 1), np.array([1, 2])).tolist() == [1, 2]
    ahead.begin((2, 0, 1), np.array([3, 4]), now=0)
    assert ahead.take((2, 0, 1), np.array([3, 4])).tolist() == [3, 4]
    assert view.read == [((1, 2), True), ((3, 4), False)]
    ahead.begin((4, 0, 1), np.array([-1]), now=2)
    with pytest.raises(DataError, match="at row 7"):
        ahead.take((4, 0, 1), np.array([-1]))


def test_two_steps_are_held_at_most() -> None:
    view = _Noted()
    view.go.clear()
    ahead = Ahead(view)  # type: ignore[arg-type]
    for images in (2, 4, 6, 100, 102):
        for share in (0, 1):
            ahead.begin((images, share, 2), np.array([images, share]), now=images - 2)
    assert sorted(ahead._waiting) == [(100, 0, 2), (100, 1, 2), (102, 0, 2), (102, 1, 2)]
    view.go.set()
    assert ahead.take((102, 1, 2), np.array([102, 1])).tolist() == [102, 1]
    assert {rows[0] for rows, _ in view.read} <= {2, 100, 102}, "what was let go is not read"


def test_a_resident_view_is_asked_directly(photos: Dataset) -> None:
    ahead = Ahead(photos.at(32, resident=True))
    ahead.begin((16, 0, 1), np.arange(3), now=0)
    assert not ahead._waiting
    assert ahead.take((16, 0, 1), np.arange(3)).shape == (3, 3, 32, 32)
