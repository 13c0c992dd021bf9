from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import spearmanr

from limbeck.curation import neighbours
from limbeck.curation.neighbours import Neighbours, are_alike, are_many
from limbeck.metrics import standardised


def test_distances_and_company_by_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(7).normal(size=(50, 6)).astype(np.float32) * 3 + 5
    z = (x - x.mean(0)) / x.std(0)
    every = np.linalg.norm(z[:, None] - z, axis=2)
    inner = np.sort(every, axis=1)
    found = Neighbours.of(x, seed=0)
    for column, rank in ((found.like, 10), (found.crowd, 5), (found.most, 10)):
        assert_allclose(column, inner[:, rank], rtol=1e-4)
    flags = np.arange(50) % 3 == 0
    nearest = np.argsort(every, axis=1)[:, :6]  # itself among them
    assert_allclose(found.company(flags), flags[nearest].mean(1), atol=1e-6)
    assert Neighbours.of(x[:1], seed=0).like.tolist() == [0.0]
    assert Neighbours.of(x[:1], seed=0).company(np.array([True])).tolist() == [1.0]
    monkeypatch.setattr(neighbours, "_AT_MOST", 20)
    some = Neighbours.of(x, seed=0)
    chosen = some._others.numpy()
    assert len(chosen) == 20
    assert_allclose(some.like, np.sort(every[:, chosen], axis=1)[:, 10], rtol=1e-4)
    three = chosen[np.argsort(every[:, chosen], axis=1)[:, :3]]  # a tenth, and perhaps itself
    assert_allclose(some.company(flags), flags[three].mean(1), atol=1e-6)


def test_photos_of_a_kind_are_told_from_outliers() -> None:
    random = np.random.default_rng(2)
    dropped = np.arange(1000) >= 850
    near, far = random.lognormal(0, 0.2, 1000), random.lognormal(0, 0.2, 1000)
    far[dropped] *= 1.5
    assert are_alike(dropped, [near, near])
    assert not are_alike(dropped, [near, far])
    assert not are_alike(dropped, [])
    assert not are_alike(np.zeros(1000, dtype=bool), [near])


def cloud(centres: np.ndarray, each: int, width: float) -> np.ndarray:
    random = np.random.default_rng(4)
    spread = random.normal(size=(len(centres) * each, centres.shape[1])) * width
    return (np.repeat(centres, each, 0) + spread).astype(np.float32)


def test_many_outliers_of_several_kinds_are_no_mode() -> None:
    random = np.random.default_rng(3)
    ordinary = cloud(np.zeros((1, 20)), 600, 1.0)
    kinds = cloud(1 + 1.5 * random.normal(size=(8, 20)), 50, 0.5)  # each a twentieth of all
    dropped = np.arange(1000) >= 600
    space = Neighbours.of(np.concatenate([ordinary, kinds]), seed=0)
    assert are_many(dropped, [space])
    assert not are_many(dropped, [])
    assert not are_many(np.zeros(1000, dtype=bool), [space])
    one = Neighbours.of(cloud(np.zeros((1, 20)), 1000, 1.0), seed=0)
    beyond = standardised(one.crowd, np.inf) - standardised(one.like, np.inf)
    tail = beyond > np.quantile(beyond, 0.78)
    assert one.company(tail)[tail].mean() < 0.3  # where outliers are many, it is higher
    assert not are_many(tail, [one])
    mode = cloud(random.normal(size=(1, 20)) * 2, 400, 0.5)
    assert not are_many(dropped, [Neighbours.of(np.concatenate([ordinary, mode]), seed=0)])
    lonely = replace(space, like=np.where(dropped, 900.0, space.like))
    assert not are_many(dropped, [lonely])  # then the fit to all sees them


def test_some_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    ordinary = random.normal(size=(2700, 12)) * np.exp(-np.arange(12) / 4)
    x = np.concatenate([ordinary, random.normal(size=(300, 12))]).astype(np.float32)
    whole = Neighbours.of(x, seed=0)
    monkeypatch.setattr(neighbours, "_AT_MOST", 1000)
    some = Neighbours.of(x, seed=0)
    for name in ("like", "crowd", "most"):
        assert spearmanr(getattr(whole, name), getattr(some, name)).statistic > 0.95
    assert np.abs(some.most / whole.most - 1).mean() < 0.03  # a fifth of all, whoever stands for it
