import pytest
import torch
from torch import Tensor

from limbeck.errors import DataError, UsageError
from limbeck.kit.rng import generator
from limbeck.metrics import (
    compare_sets,
    feature_kind,
    frechet_distance,
    kernel_distance,
    manifold_overlap,
    present_features,
)
from limbeck.percept import Features


def normal(count: int, name: str) -> Tensor:
    return torch.randn(count, 8, generator=generator("comparing", name))


def test_every_figure_is_that_of_its_function() -> None:
    real, fake = normal(80, "real"), normal(60, "fake") + 0.2
    found = compare_sets(real, fake, features="inception", seed=3)
    assert found.fid == frechet_distance(real, fake)
    assert (found.kid, found.kid_spread) == kernel_distance(real, fake, seed=3)
    overlap = manifold_overlap(real[torch.linspace(0, 79, 60).round().long()], fake)
    assert found.each == 60
    assert (found.precision, found.recall) == (overlap.precision, overlap.recall)
    assert (found.density, found.coverage) == (overlap.density, overlap.coverage)
    assert (found.features, found.real, found.fake, found.seed) == ("inception", 80, 60, 3)
    assert "299" in found.resize
    assert (found.rounds, found.spread) == (0, {})


def test_the_same_seed_gives_the_same_figures() -> None:
    real, fake = normal(60, "real"), normal(60, "fake")
    once = compare_sets(real, fake, features="x", seed=1, spread=3)
    assert compare_sets(real, fake, features="x", seed=1, spread=3) == once
    assert compare_sets(real, fake, features="x", seed=2, spread=3).spread != once.spread
    assert once.resize == "not known"
    assert once.rounds == 3
    assert set(once.spread) == {"fid", "kid", "precision", "recall", "density", "coverage"}


def test_the_spread_is_about_that_of_new_samples() -> None:
    real = normal(200, "real")
    values = torch.tensor(
        [compare_sets(real, normal(200, f"{i}") + 1, features="x").fid for i in range(20)]
    )
    told = compare_sets(real, normal(200, "fake") + 1, features="x", spread=20).spread["fid"]
    assert 0.5 < told / float(values.std()) < 3


def test_too_few_pictures_are_told() -> None:
    with pytest.raises(DataError):
        compare_sets(normal(5, "a"), normal(50, "b"), features="x")


def test_features_whose_weights_are_absent_are_skipped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIMBECK_CACHE", str(tmp_path))
    assert present_features() == ["lpips-alex", "efficientnet-lite0"]
    assert present_features(["inception", "lpips-alex", "lpips-alex"]) == ["lpips-alex"]
    with pytest.raises(UsageError, match="no features 'vgg'"):
        present_features(["vgg"])
    kind = feature_kind("inception")
    assert kind is not None
    assert kind.weights == "inception-fid"
    assert feature_kind("vgg") is None


def test_every_kind_is_one_that_features_know() -> None:
    for name in ("lpips-alex", "lpips-vgg16", "efficientnet-lite0", "inception"):
        assert feature_kind(name) is not None
    assert Features("lpips-alex").dim == 1152


def test_neighbours_decide_among_equally_many() -> None:
    """Coverage by a sample of the same kind is high, whatever the other set's size."""
    few, many = normal(100, "few"), normal(1000, "many")
    fair = compare_sets(many, few, features="x").coverage
    uneven = manifold_overlap(many, few).coverage
    assert fair > 0.85 > 0.5 > uneven
