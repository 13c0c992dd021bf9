"""Ingestion into encoded shards: the dataset of the raw store; grown, joined, foreseen."""

from pathlib import Path

import numpy as np
import pytest
from ingestion_scenes import scene
from typer.testing import CliRunner

from limbeck import fsio
from limbeck.artefacts.stage import read_done
from limbeck.cli import app
from limbeck.config import DataConfig
from limbeck.convert import export_data
from limbeck.data import open_dataset
from limbeck.ingestion import Shard, ingest, ingest_part, preview
from limbeck.metrics import dataset_features, features_of_dataset
from limbeck.percept import Features
from limbeck.records import IngestSummary, StoreKind

CONFIG = DataConfig(size=32, crop="center")
SHARDS = CONFIG.model_copy(update={"store": "shards"})
RAW = CONFIG.model_copy(update={"store": "raw"})


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for seed in range(6):
        scene(seed, 160).save(root / f"{seed}.png")
    scene(0, 160).save(root / "like.jpg", quality=60)
    (root / "notes.txt").write_text("no photo")
    return root


def files(root: Path) -> dict[str, bytes]:
    """All that a dataset is, but for when and how it was made."""
    return {
        file.name: file.read_bytes()
        for file in fsio.files_under(root)
        if file.suffix in (".tar", ".npy", ".parquet", ".jpg")
    }


def test_the_dataset_is_the_raw_one(photos: Path, tmp_path: Path) -> None:
    raw, tars = (ingest(photos, tmp_path / c.store, c) for c in (RAW, SHARDS))
    assert (raw.store, tars.store) == (StoreKind.RAW, StoreKind.SHARDS)
    assert (raw.accepted, raw.rejected) == (tars.accepted, tars.rejected) == (6, tars.rejected)
    one, other = (open_dataset(tmp_path / name, verify=True) for name in ("raw", "shards"))
    assert one.digest == other.digest
    assert np.array_equal(list(one.stored()), list(other.stored()))
    places = {"offset": None, "length": None, "crc32": None}
    assert list(one.listed()) == [info.model_copy(update=places) for info in other.listed()]
    for name in ("crops.jpg", "copies.jpg"):
        assert (tmp_path / "raw" / name).read_bytes() == (tmp_path / "shards" / name).read_bytes()


def test_a_grown_folder_decodes_what_is_new_alone(photos: Path, tmp_path: Path) -> None:
    assert ingest(photos, tmp_path / "d", SHARDS).reused == 0
    scene(20, 160).save(photos / "a-new.png")
    (photos / "1.png").unlink()
    second = ingest(photos, tmp_path / "d", SHARDS)
    assert (second.accepted, second.reused) == (6, 5)
    ingest(photos, tmp_path / "e", SHARDS)
    assert files(tmp_path / "d") == files(tmp_path / "e")


def test_the_store_changes_and_nothing_is_stale(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "d"
    ingest(photos, out, RAW)
    first = open_dataset(out)
    dataset_features(first, Features("lpips-alex"), size=32)
    for config, suffix in ((SHARDS, "tar"), (RAW, "npy"), (SHARDS, "tar")):
        summary = ingest(photos, out, config)
        assert summary.reused == summary.accepted == 6, "no photo is decoded again"
        assert {file.name for file in out.glob("images*")} == {
            f"images-00000.{suffix}", "images.parquet"
        }  # fmt: skip
        data = open_dataset(out, verify=True)
        assert data.digest == first.digest
        assert len(features_of_dataset(data)) == 1, "features are of pixels, however stored"
        before = features_of_dataset(data)[0].stat().st_mtime_ns
        dataset_features(data, Features("lpips-alex"), size=32)
        assert features_of_dataset(data)[0].stat().st_mtime_ns == before


def test_features_see_that_a_shard_was_changed(photos: Path, tmp_path: Path) -> None:
    scene(30, 160).save(photos / "other.png")  # than those of the other tests
    ingest(photos, tmp_path / "d", SHARDS)
    data = open_dataset(tmp_path / "d")
    info = data.infos[2]
    assert info.offset is not None
    path = tmp_path / "d" / "images-00000.tar"
    content = bytearray(path.read_bytes())
    content[info.offset - 100] ^= 1  # in the tar's header: the pixels are whole
    path.write_bytes(content)
    dataset_features(data, Features("lpips-alex"), size=32)
    assert not features_of_dataset(data), (
        "kept under what lies there, not under what index.json says"
    )


@pytest.mark.parametrize(
    ("made", "joined"),
    [
        ("raw", "shards"), ("shards", "auto"),
        pytest.param("shards", "shards", marks=pytest.mark.slow),
        pytest.param("shards", "raw", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_parts_of_any_store_are_joined_into_any(
    photos: Path, tmp_path: Path, made: str, joined: str
) -> None:
    config = CONFIG.model_copy(update={"store": made})
    for number in range(2):
        ingest_part(photos, tmp_path / "parts" / f"{number}", config, Shard(number, 2), threads=1)
    asked = CONFIG.model_copy(update={"store": joined})
    summary = ingest(tmp_path / "parts", tmp_path / "joined", asked)
    whole = ingest(photos, tmp_path / "whole", asked)
    assert summary.model_copy(update={"seconds": 0}) == whole.model_copy(update={"seconds": 0})
    one, other = files(tmp_path / "joined"), files(tmp_path / "whole")
    del other["crops.jpg"]  # it shows originals, which joining does not read
    assert one == other
    assert open_dataset(tmp_path / "joined").kind == ("raw" if joined == "auto" else joined)


def test_auto_goes_by_memory_and_says_so(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ingest(photos, tmp_path / "a", CONFIG).store is StoreKind.RAW
    raw = 7 * 3 * 128**2  # the copy to the eye is not known to be one when the store is chosen
    monkeypatch.setattr("limbeck.data.choosing.whole_memory", lambda: 2 * raw)
    assert ingest(photos, tmp_path / "a", CONFIG).store is StoreKind.RAW
    monkeypatch.setattr("limbeck.data.choosing.whole_memory", lambda: 2 * raw - 2)
    result = CliRunner().invoke(
        app, ["ingest", str(photos), "--out", str(tmp_path / "b"), "--size", "32", "--set",
              "data.crop=center"],
    )  # fmt: skip
    assert result.exit_code == 0
    said = " ".join(result.output.split())
    assert "pixels stored as shards (tars of lossless WebP): raw pixels would take up to" in said
    assert "more than half of the memory here" in said
    done = read_done(tmp_path / "b")
    assert done is not None
    summary = fsio.as_record(done.summary, IngestSummary, "done.json", "")
    assert summary.store is StoreKind.SHARDS
    assert summary.store_why in said


def test_a_preview_knows_what_shards_take(photos: Path, tmp_path: Path) -> None:
    for config in (RAW, SHARDS):
        found = preview(photos, config)
        ingest(photos, tmp_path / config.store, config)
        taken = sum(f.stat().st_size for f in (tmp_path / config.store).glob("images-*"))
        assert found.store == config.store
        assert found.dataset_bytes is not None
        assert found.accepted == 7
        assert found.dataset_bytes * 6 / 7 == pytest.approx(taken, rel=0.1, abs=11_000)


def test_exports_are_the_same(photos: Path, tmp_path: Path) -> None:
    for config in (RAW, SHARDS):
        ingest(photos, tmp_path / config.store, config)
        export_data(tmp_path / config.store, tmp_path / f"{config.store}-out", "imagefolder")
    one, other = (
        {file.name: file.read_bytes() for file in fsio.files_under(tmp_path / f"{name}-out")
         if file.suffix == ".png"}
        for name in ("raw", "shards")
    )  # fmt: skip
    assert one == other
    assert len(one) == 6


def test_what_was_made_before_the_choice_is_current() -> None:
    before = CONFIG.model_dump(exclude={"store"})
    assert CONFIG.made_of() == before
    assert SHARDS.made_of() == before | {"store": "shards"}
