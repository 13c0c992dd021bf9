"""Parts made by a real Ray, started on this machine: the dataset is that of one run."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ingestion_scenes import scene

from limbeck.config import DataConfig
from limbeck.data import open_dataset
from limbeck.errors import DataError, UsageError
from limbeck.ingestion import Shard, ingest, ingest_by_ray, ray_job

CONFIG = DataConfig(size=32, crop="center")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ray") / "photos"
    root.mkdir()
    for seed in range(6):
        scene(seed, 160).save(root / f"{seed}.png")
    shutil.copy(root / "0.png", root / "same.png")
    scene(1, 160).save(root / "like.jpg", quality=60)
    (root / "cut.png").write_bytes((root / "2.png").read_bytes()[:9000])
    return root


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'limbeck[ray]'")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("cluster")
def test_parts_made_by_ray_are_the_dataset_of_one_run(photos: Path, tmp_path: Path) -> None:
    by_ray = ingest_by_ray(photos, tmp_path / "by-ray", CONFIG, 4)
    alone = ingest(photos, tmp_path / "alone", CONFIG)
    assert by_ray.model_copy(update={"seconds": 0}) == alone.model_copy(update={"seconds": 0})
    one, other = open_dataset(tmp_path / "alone"), open_dataset(tmp_path / "by-ray")
    assert one.listed() == other.listed()
    rows = np.arange(len(one))
    assert np.array_equal(one.at(128)[rows], other.at(128)[rows])
    place = tmp_path / "by-ray-parts"
    made = {p.name: (p / "done.json").stat().st_mtime_ns for p in place.iterdir()}
    assert len(made) == 4
    shutil.rmtree(place / "000002")
    ingest_by_ray(photos, tmp_path / "again", CONFIG, 4, place=place)
    now = {p.name: (p / "done.json").stat().st_mtime_ns for p in place.iterdir()}
    assert [name for name in made if made[name] != now[name]] == ["000002"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("cluster")
def test_what_is_wrong_in_a_task_is_told_as_elsewhere(photos: Path, tmp_path: Path) -> None:
    labelled = CONFIG.model_copy(update={"class_from": "folder"})
    with pytest.raises(DataError, match="lie in no folder"):
        ingest_by_ray(photos, tmp_path / "d", labelled, 2)
    assert not (tmp_path / "d").exists()


def test_without_ray_it_is_said_what_to_install(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(UsageError, match=r"Ray is not installed\n.*limbeck\[ray\]"):
        ingest_by_ray(photos, tmp_path / "d", CONFIG, 2)
    assert not list(tmp_path.iterdir())


def test_a_task_gives_its_error_back_in_words(photos: Path, tmp_path: Path) -> None:
    labelled = CONFIG.model_copy(update={"class_from": "folder"})
    failure = ray_job._part(photos, tmp_path / "p", labelled, Shard(0, 1), {})
    assert failure is not None
    assert (failure[0], "lie in no folder" in failure[1]) == ("DataError", True)
    assert ray_job._part(photos, tmp_path / "p", CONFIG, Shard(0, 1), {}) is None
