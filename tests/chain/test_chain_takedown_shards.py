"""A photo that is taken down from encoded shards is gone, wherever the work is interrupted."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from chain_takedown_run import COPIES, URL, Killed, draw_walk, drawn, link_copy, showing

from limbeck import chain, fsio
from limbeck.artefacts.amending import is_own
from limbeck.artefacts.takedowns import read_takedowns
from limbeck.config import DataConfig
from limbeck.data import Dataset, open_dataset, write_dataset
from limbeck.ingestion import ingest, stage
from limbeck.records import StoreKind

CONFIG = DataConfig(size=32, crop="center", min_side=1, store="shards")
SHARD = 6 * 3 * 64**2  # bytes: six photos
STRIDE = 5  # of the kills that a default run tries; `-m slow` tries them all


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_walk(tmp_path_factory.mktemp("walk") / "photos")


@pytest.fixture(scope="module")
def made(walk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of three tars, which tests copy."""
    out = tmp_path_factory.mktemp("made") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "write_dataset", partial(write_dataset, shard_bytes=SHARD))
        ingest(walk, out, CONFIG)
    return out


@pytest.fixture
def names(tmp_path: Path) -> Path:
    file = tmp_path / "list.txt"
    file.write_text(f"{URL}\n", encoding="utf-8")
    return file


def pixels_of(data: Dataset) -> dict[str, bytes]:
    return {str(i.id): p.tobytes() for i, p in zip(data.infos, data.stored(), strict=True)}


def test_it_is_gone_from_the_shards(made: Path, walk: Path, names: Path, tmp_path: Path) -> None:
    data = link_copy(made, tmp_path / "data")
    assert len(list(data.glob("images-*.tar"))) == 3
    assert {"images-00000.tar", "crops.jpg"} <= showing(data, drawn(3)), "the search finds it"
    before = open_dataset(data)
    gone = {str(info.id) for info in before.listed() if info.source in COPIES}
    (taken,) = (
        packed.data  # type: ignore[union-attr]
        for info, packed in zip(before.infos, before.packed(), strict=True)
        if info.id in gone
    )
    others = {key: value for key, value in pixels_of(before).items() if key not in gone}
    chain.take_down([data], names)
    after = open_dataset(data, verify=True)
    assert after.kind is StoreKind.SHARDS
    assert pixels_of(after) == others
    assert len(others) == len(before) - 1
    assert showing(data, drawn(3)) == set()
    assert showing(data, drawn(4)) == {"images-00000.tar"}
    assert [file.name for file in data.glob("images-*")] == ["images-00000.tar"]
    assert not any(taken in file.read_bytes() for file in fsio.files_under(data))
    assert all(is_own(data, name) for name in ("images-00000.tar", "images.parquet"))
    less = draw_walk(tmp_path / "less")
    for name in COPIES:
        (less / name).unlink()
    ingest(less, tmp_path / "never", CONFIG)
    assert after.digest == open_dataset(tmp_path / "never").digest
    again = ingest(walk, data, CONFIG)
    assert (again.opted_out, again.accepted, again.reused) == (3, len(others), len(others))
    assert np.array_equal(list(open_dataset(data).stored()), list(after.stored()))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(
    "part", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, STRIDE))]
)
def test_killed_anywhere_a_second_call_finishes(
    made: Path, names: Path, tmp_path: Path, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMBECK_QUIET", "1")
    monkeypatch.setattr(fsio, "_fsync", lambda path: None)  # a killed process, no lost power
    wanted = link_copy(made, tmp_path / "wanted")
    chain.take_down([wanted], names)
    old, new = open_dataset(made).digest, open_dataset(wanted).digest
    number, states = 1 + part, set()
    while True:
        data = link_copy(made, tmp_path / f"data-{number}")
        if not Killed(names, data).at(number):
            break
        fsio.recover(data)
        states.add(open_dataset(data, verify=True).digest)
        chain.take_down([data], names)
        assert open_dataset(data, verify=True).digest == new, f"kill {number}"
        assert [file.name for file in data.glob("images-*")] == ["images-00000.tar"]
        assert showing(data, drawn(3)) == set()
        assert read_takedowns(data)[-1].finished is not None
        number += STRIDE
    assert number > 2 * STRIDE
    assert states == {old, new}
