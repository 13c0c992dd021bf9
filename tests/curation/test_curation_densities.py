from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr

from limbeck.curation import densities
from limbeck.curation.densities import (
    fit_components,
    gaussian_distance,
    hellinger,
    residual_distance,
    typical,
)
from limbeck.curation.neighbours import Neighbours
from limbeck.fsio import Scratch
from limbeck.kit.rows import StoredRows
from limbeck.metrics import auroc, weighted_mean

Spaces = dict[str, np.ndarray]


def crowd(odd: float, count: int = 800, seed: int = 8) -> tuple[Spaces, np.ndarray]:
    """Two spaces of photos that vary along some directions, and a share of `odd` along others."""
    random = np.random.default_rng(seed)
    outliers = np.arange(count) >= round((1 - odd) * count)
    spaces = {}
    for name, width in (("a", 240), ("b", 180)):
        spectrum = np.exp(-np.arange(width) / 20)
        turn = np.linalg.qr(random.normal(size=(width, width)))[0]
        plain = random.normal(size=(count, width)) * spectrum
        far = (random.normal(size=(count, width)) * spectrum) @ turn
        x = np.where(outliers[:, None], 0.8 * plain + 0.6 * far, plain)
        spaces[name] = (x + 0.1 * random.normal(size=x.shape)).astype(np.float32)
    return spaces, outliers


@pytest.mark.parametrize("odd", [0.1, 0.3, 0.4])
def test_outliers_do_not_bend_what_is_typical(odd: float) -> None:
    spaces, outliers = crowd(odd)
    once = {name: residual_distance(x, fit_components(x, 64)) for name, x in spaces.items()}
    found = typical(spaces, seed=0).distances
    assert list(found) == ["a_gauss", "a_ppca", "b_gauss", "b_ppca"]
    bent, straight = (auroc(weighted_mean(list(c.values())), outliers) for c in (once, found))
    assert straight > max(bent, 0.9)


def test_rounds_are_what_unbends(monkeypatch: pytest.MonkeyPatch) -> None:
    spaces, outliers = crowd(0.4)

    def apart() -> float:
        u = weighted_mean(list(typical(spaces, seed=0).distances.values()))
        return float((np.median(u[outliers]) - np.median(u[~outliers])) / u[~outliers].std())

    found = apart()
    monkeypatch.setattr(densities, "ROUNDS", -1)
    assert found > 1.5 * apart()


def test_a_photo_is_never_measured_by_a_fit_to_itself() -> None:
    """With as many directions as photos, a fit to all of them would leave no residual at all."""
    random = np.random.default_rng(3)
    x = random.normal(size=(60, 500)).astype(np.float32)
    found = typical({"a": x}, seed=1).distances["a_ppca"]
    assert found.min() > 0.5 * 500


def test_the_same_seed_gives_the_same_distances() -> None:
    spaces, _ = crowd(0.1, 200)
    one, again, other = (typical(spaces, seed=s).distances["a_gauss"] for s in (4, 4, 5))
    assert_allclose(one, again)
    assert np.abs(one - other).max() > 1e-6


@pytest.mark.parametrize("count", [1, 2, 7, 39, 41])
def test_few_photos_have_finite_distances(count: int) -> None:
    spaces = {name: x[:count] for name, x in crowd(0.1)[0].items()}
    for values in typical(spaces, seed=0).distances.values():
        assert values.shape == (count,)
        assert np.isfinite(values).all()
    alike = {"a": np.ones((count, 9), np.float32)}
    for values in typical(alike, seed=0).distances.values():
        assert np.abs(values).max() < 1e-12


def test_weights_count_photos() -> None:
    x = np.random.default_rng(6).normal(size=(300, 12)).astype(np.float32)
    twice = np.concatenate([x[:100], x])
    weights = np.where(np.arange(300) < 100, 2.0, 1.0)
    a, b = fit_components(twice, 5), fit_components(x, 5, weights)
    assert_allclose(a.mean, b.mean, atol=1e-9)
    assert_allclose(a.std, b.std, rtol=1e-9)
    assert_allclose(a.variance, b.variance, rtol=1e-9)
    few = np.where(np.arange(300) < 16, 1.0, 1e-9)
    assert fit_components(x, 12, few).axes.shape[1] == 4


def test_gaussian_distance_is_the_full_mahalanobis_distance_when_all_axes_stay() -> None:
    random = np.random.default_rng(1)
    x = (random.normal(size=(400, 6)) @ random.normal(size=(6, 6))).astype(np.float32)
    found = gaussian_distance(x, fit_components(x, 6))
    centred = x - x.mean(0, dtype=np.float64)
    inverse = np.linalg.inv(centred.T @ centred / len(x))
    assert_allclose(found, np.einsum("ni,ij,nj->n", centred, inverse, centred), rtol=1e-4)
    assert_allclose(found.mean(), 6, rtol=1e-4)


def test_residual_vanishes_inside_the_plane_and_sees_what_leaves_it() -> None:
    random = np.random.default_rng(2)
    plane = random.normal(size=(2, 8))
    x = random.normal(size=(200, 2)) @ plane
    normal = np.linalg.svd(plane)[2][-1]
    x[0] += 4 * normal
    found = residual_distance(x.astype(np.float32), fit_components(x.astype(np.float32), 2))
    assert found.argmax() == 0
    assert found[0] > 50 * np.median(found[1:])


def test_scale_and_shift_of_single_features_do_not_matter() -> None:
    random = np.random.default_rng(3)
    x = random.gamma(2, size=(300, 12)).astype(np.float32)
    other = (x * random.uniform(0.5, 20, 12) + random.normal(size=12)).astype(np.float32)
    for distance in (gaussian_distance, residual_distance):
        a, b = (distance(f, fit_components(f, 5)) for f in (x, other))
        assert spearmanr(a, b).statistic > 0.9999


def test_hellinger_keeps_directions_and_forgets_strength() -> None:
    x = np.array([[1.0, 4.0, 0.0], [10.0, 40.0, 0.0], [0.0, 0.0, 0.0]], np.float32)
    found = hellinger(x)
    assert_allclose(found[0], np.sqrt([0.2, 0.8, 0.0]), rtol=1e-6)
    assert_allclose(found[1], found[0], rtol=1e-6)
    assert_allclose(found[2], 0)


def test_there_are_never_more_axes_than_a_quarter_of_the_photos() -> None:
    x = np.random.default_rng(4).normal(size=(40, 30)).astype(np.float32)
    fitted = fit_components(x, 128)
    assert fitted.axes.shape == (30, 10)
    assert fitted.first(3).axes.shape == (30, 3)
    assert gaussian_distance(x, fitted).std() > 1


def test_fewer_photos_than_features_have_the_components_of_their_covariance() -> None:
    x = np.random.default_rng(5).normal(size=(40, 60)).astype(np.float32) * np.arange(1, 61)
    fitted = fit_components(x.astype(np.float32), 128)
    z = (x - x.mean(0)) / x.std(0)
    values, vectors = np.linalg.eigh(z.T @ z / 40)
    assert_allclose(fitted.variance, values[::-1][:10], rtol=1e-5)
    assert_allclose(np.abs((fitted.axes.numpy() * vectors[:, ::-1][:, :10]).sum(0)), 1, rtol=1e-5)
    assert_allclose(fitted.axes.T @ fitted.axes, np.eye(10), atol=1e-9)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_photos_and_constant_features_give_finite_numbers(count: int) -> None:
    x = np.ones((count, 9), np.float32)
    x[:, 0] = np.arange(count)
    fitted = fit_components(x, 4)
    assert fitted.axes.shape[1] <= 1
    assert np.isfinite(gaussian_distance(x, fitted)).all()
    assert np.isfinite(residual_distance(x, fitted)).all()


def test_where_a_mode_was_taken_for_outliers_only_the_lonely_lose_weight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spaces, outliers = crowd(0.2, 400)
    like = np.where(np.arange(400) >= 390, 30.0, 1 + 0.1 * np.random.default_rng(0).random(400))
    near = Neighbours.of(spaces["a"], seed=0)
    seen: list[np.ndarray] = []
    measure = densities._distances

    def recorded(parts: Spaces, weights: np.ndarray, *rest: np.ndarray) -> dict[str, np.ndarray]:
        seen.append(weights)
        return measure(parts, weights, *rest)

    monkeypatch.setattr(densities, "_distances", recorded)
    typical(spaces, [replace(near, like=like)], seed=0)
    first, again = seen[:7], seen[7:]
    assert len(again) == len(first)  # the outliers lie near their like: all over again
    assert first[-1][outliers].max() < 0.1
    assert again[-1][390:].max() < 0.1
    assert again[-1][320:390].min() > 0.5
    typical(spaces, [replace(near, like=np.where(outliers, 30.0, like))], seed=0)
    assert len(seen) == 3 * 7


def kinds(odd: float, count: int, seed: int = 5) -> tuple[Spaces, np.ndarray]:
    """Two spaces of photos of one kind and a share of `odd` of eight small, dense, far kinds."""
    random = np.random.default_rng(seed)
    kind = np.where(np.arange(count) < round((1 - odd) * count), -1, np.arange(count) % 8)
    spaces = {}
    for name, width in (("a", 240), ("b", 180)):
        spectrum = np.exp(-np.arange(width) / 20)
        away = random.normal(size=width) * spectrum * 2  # and kinds are nearer to one another
        centres = away + random.normal(size=(8, width)) * spectrum
        turn = np.linalg.qr(random.normal(size=(width, width)))[0]
        plain = random.normal(size=(count, width)) * spectrum
        far = (random.normal(size=(count, width)) * spectrum) @ turn
        x = np.where(kind[:, None] < 0, plain, centres[kind] + 0.6 * far)
        spaces[name] = (x + 0.1 * random.normal(size=x.shape)).astype(np.float32)
    return spaces, kind >= 0


def test_where_half_are_outliers_of_several_kinds_a_core_is_typical() -> None:
    spaces, outliers = kinds(0.5, 1600)
    near = [Neighbours.of(x, seed=0) for x in spaces.values()]
    found = typical(spaces, near, seed=0)
    assert found.core.mean() == pytest.approx(0.4)
    assert outliers[found.core].mean() < 0.05
    bent = typical(spaces, seed=0)
    assert bent.core.all()
    straight, before = (
        auroc(weighted_mean(list(t.distances.values())), outliers) for t in (found, bent)
    )
    assert straight > max(0.97, before)
    few = {name: x[::2] for name, x in spaces.items()}
    assert typical(few, [Neighbours.of(x, seed=0) for x in few.values()], seed=0).core.all()


def test_where_few_are_outliers_all_photos_are_typical() -> None:
    spaces, _ = kinds(0.1, 1600)
    near = [Neighbours.of(x, seed=0) for x in spaces.values()]
    assert typical(spaces, near, seed=0).core.all()


def test_the_tail_of_one_group_is_not_many_outliers(monkeypatch: pytest.MonkeyPatch) -> None:
    spaces, _ = kinds(0.0, 1600)
    near = [Neighbours.of(x, seed=0) for x in spaces.values()]
    monkeypatch.setattr(densities, "are_many", lambda odd, near: True)
    assert typical(spaces, near, seed=0).core.all()  # the spaces do not agree on what is far
    spaces, _ = kinds(0.5, 1600)
    near = [Neighbours.of(x, seed=0) for x in spaces.values()]
    assert not typical(spaces, near, seed=0).core.all()
    assert typical({"a": spaces["a"]}, near[:1], seed=0).core.all()  # one space has none to agree


def test_features_on_disk_give_the_same_distances_to_the_bit(tmp_path: Path) -> None:
    spaces, _ = crowd(0.1, 1300)
    with Scratch(tmp_path) as disk:
        stored = {name: StoredRows(disk) for name in spaces}
        for name, x in spaces.items():
            for start in range(0, len(x), 100):
                stored[name].append(x[start : start + 100])
        near = [[Neighbours.of(x, seed=0) for x in some.values()] for some in (spaces, stored)]
        for one, other in zip(*near, strict=True):
            assert_array_equal(one.like, other.like)
            assert_array_equal(one.most, other.most)
            flags = one.like > np.median(one.like)
            assert_array_equal(one.company(flags), other.company(flags))
        found, again = (typical(s, n, seed=0) for s, n in zip((spaces, stored), near, strict=True))
    for name, distance in found.distances.items():
        assert_array_equal(distance, again.distances[name])
    assert_array_equal(found.core, again.core)


def test_fits_to_a_sample_rank_photos_as_fits_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    spaces, outliers = crowd(0.1, 3000)
    whole, other = (weighted_mean(list(typical(spaces, seed=s).distances.values())) for s in (0, 1))
    fitted = []
    kept = fit_components
    monkeypatch.setattr(
        densities, "fit_components",
        lambda x, most, weights: fitted.append(len(x)) or kept(x, most, weights),
    )  # fmt: skip
    monkeypatch.setattr(densities, "_FIT_AT_MOST", 750)
    some = weighted_mean(list(typical(spaces, seed=0).distances.values()))
    assert set(fitted) == {750}
    assert spearmanr(whole, some).statistic > 0.85
    assert spearmanr(whole, some).statistic > spearmanr(whole, other).statistic - 0.05
    assert abs(auroc(whole, outliers) - auroc(some, outliers)) < 0.02
