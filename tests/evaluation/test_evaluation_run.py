import json
from pathlib import Path

import numpy as np
import pytest
import torch

from limbeck import fsio
from limbeck.artefacts.run import RunDir
from limbeck.artefacts.scores import Scores
from limbeck.config import KeepConfig
from limbeck.curation import keep
from limbeck.data import Dataset, open_dataset, write_dataset
from limbeck.errors import DataError
from limbeck.evaluation import evaluate
from limbeck.kit.images import resize_area, save_png, to_float
from limbeck.kit.rng import generator
from limbeck.latents import ModeCentres
from limbeck.metrics import lpips_diversity, nearest_modes
from limbeck.percept import LPIPS
from limbeck.presets import preset
from limbeck.records import ImageInfo, Status

COUNT = 24
COLOURS = torch.tensor([[220, 40, 40], [40, 200, 60], [50, 60, 210]])


def pictures() -> torch.Tensor:
    """Three modes, flat colours with a little grain; mode = index mod 3."""
    random = generator("evaluation-tests")
    base = COLOURS[torch.arange(COUNT) % 3][:, :, None, None].float()
    grain = 12 * torch.randn(COUNT, 3, 16, 16, generator=random)
    return (base + grain).clamp(0, 255).to(torch.uint8)


def photo(index: int) -> str:
    return f"{index:016x}"


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    infos = [
        ImageInfo(source=f"{i}.png", id=photo(i), sha256=f"{i:064x}", status=Status.ACCEPTED)
        for i in range(COUNT)
    ]
    write_dataset(tmp_path / "run" / "data", infos, iter(pictures()), 16)
    return open_dataset(tmp_path / "run" / "data")


@pytest.fixture
def centres() -> ModeCentres:
    """One centre a colour, in another order than the modes, and one that no photo is near."""
    flat = torch.cat([COLOURS[[2, 0, 1]], torch.tensor([[255, 255, 255]])])
    squares = resize_area(flat[:, :, None, None].to(torch.uint8).repeat(1, 1, 16, 16), 64)
    with torch.no_grad():
        embeddings = LPIPS.load("alex").embed(to_float(squares))
    return ModeCentres(torch.zeros(4, 16), embeddings, torch.ones(4, dtype=torch.int64))


@pytest.fixture
def run(dataset: Dataset, centres: ModeCentres, tmp_path: Path) -> Path:
    run_dir = RunDir(tmp_path / "run")
    run_dir.write(preset("smoke"))
    values = np.arange(COUNT, dtype=np.float64)
    scores = Scores.of(dataset.ids, {"lpips": values, "odd": -values}, {"lpips": "", "odd": ""})
    scores.save(run_dir.scores)
    keep(scores, run_dir.keep, KeepConfig(column="lpips", rule="fraction", fraction=0.75))
    centres.save(run_dir.modes / "modes.safetensors")
    for index, picture in enumerate(pictures()[:6]):
        save_png(picture, run_dir.samples / f"seed{index:04d}.png")
    return run_dir.root


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "truth.jsonl"
    rows = [
        {"sha256": f"{i:064x}", "is_outlier": i >= 20, "mode": f"m{i % 3}" if i < 20 else None}
        for i in range(COUNT)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_photos_find_the_centre_of_their_colour(dataset: Dataset, centres: ModeCentres) -> None:
    found = nearest_modes(dataset, centres.embeddings, 16)
    assert [found[photo(i)] for i in range(6)] == [1, 2, 0, 1, 2, 0]
    assert set(found) == set(dataset.ids)


def test_diversity_is_the_mean_over_pairs() -> None:
    few = resize_area(pictures()[:5], 64)
    lpips = LPIPS.load("alex")
    pairs = [(i, j) for i in range(5) for j in range(i)]
    with torch.no_grad():
        direct = [lpips.distance(to_float(few[[i]]), to_float(few[[j]])) for i, j in pairs]
    expected = float(torch.cat(direct).mean())
    assert lpips_diversity(few, batch=2) == pytest.approx(expected, rel=1e-3)
    same = few[:1].repeat(3, 1, 1, 1)
    assert lpips_diversity(same) == pytest.approx(0, abs=1e-5)
    with pytest.raises(ValueError, match="two images"):
        lpips_diversity(few[:1])


def test_a_run_is_measured_and_the_rows_are_kept(run: Path, labels: Path) -> None:
    rows = evaluate(run, labels=labels)
    found = {(row["metric"], row.get("column", row.get("generator"))): row for row in rows}
    assert found["auroc", "lpips"]["value"] == 1
    assert found["auroc", "odd"]["value"] == 0
    kept = found["keep", None]
    assert (kept["listed"], kept["kept"]) == (24, 18)
    assert kept["outliers_removed"] == 1
    assert kept["in_domain_lost"] == pytest.approx(0.1)
    modes = found["modes", "kept"]
    assert (modes["recovered"], modes["true_modes"], modes["purity"]) == (3, 3, 1)
    assert modes["photos"] == 20
    assert found["lpips_diversity", None]["samples"] == 6
    for row in rows:
        assert row["seed"] == 0
        assert row["dataset_photos"] == COUNT
        assert row["machine"]
        assert row["date"]
    assert fsio.read_jsonl(run / "metrics" / "metrics.jsonl") == rows
    again = evaluate(run, labels=labels)
    assert len(fsio.read_jsonl(run / "metrics" / "metrics.jsonl")) == len(rows) + len(again)


def test_without_labels_only_the_pictures_are_measured(run: Path) -> None:
    assert [row["metric"] for row in evaluate(run)] == ["lpips_diversity"]


def test_nothing_to_measure_is_an_error(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a run"):
        evaluate(tmp_path / "run")
    RunDir(tmp_path / "run").write(preset("smoke"))
    with pytest.raises(DataError, match="neither generated images nor labelled photos"):
        evaluate(tmp_path / "run")
