from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import spearmanr

from limbeck.curation import find_cut
from limbeck.curation.densities import (
    fit_components,
    gaussian_distance,
    hellinger,
    residual_distance,
    trimmed_distance,
)
from limbeck.metrics import fisher, fisher_tails
from limbeck.metrics.fusion import ordinary, rank_share, tail_share


def test_ranks_of_a_known_list_with_ties() -> None:
    assert_allclose(rank_share(np.array([5.0, 1.0, 5.0, 9.0])), [0.625, 0.25, 0.625, 1.0])


def test_fisher_is_its_formula() -> None:
    column = np.array([3.0, 1.0, 2.0])
    expected = [-np.log(1 - r / 3 + 0.5 / 3) for r in (3, 1, 2)]
    assert_allclose(fisher([column]), expected)
    assert_allclose(fisher([column, column]), 2 * np.array(expected))


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_increasing_changes_of_a_column_change_nothing(seed: int, count: int, width: int) -> None:
    random = np.random.default_rng(seed)
    columns = [random.normal(size=count).round(1) for _ in range(width)]
    changed = [np.exp(columns[0]) * 7 - 3, *[c**3 for c in columns[1:]]]
    assert_allclose(fisher(changed), fisher(columns))


@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
@settings(max_examples=40, deadline=None)
def test_odder_everywhere_is_odder_fused(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    columns = [random.normal(size=count) for _ in range(3)]
    columns = [np.append(c, c.max() + 1) for c in columns]
    fused = fisher(columns)
    assert fused.argmax() == count
    turned = fisher([-c for c in columns])
    assert turned.argmin() == count


def test_fusion_does_not_depend_on_the_order_of_photos() -> None:
    random = np.random.default_rng(0)
    columns = [random.normal(size=50) for _ in range(4)]
    order = random.permutation(50)
    assert_allclose(fisher([c[order] for c in columns]), fisher(columns)[order])


def test_nothing_to_fuse_is_an_error() -> None:
    for fuse in (fisher, fisher_tails):
        with pytest.raises(ValueError, match="nothing"):
            fuse([])


def test_the_ordinary_are_found_beside_outliers() -> None:
    random = np.random.default_rng(5)
    mean, spread = ordinary(np.r_[random.normal(3, 2, 19000), random.normal(30, 1, 1000)])
    assert mean == pytest.approx(3, abs=0.2)
    assert spread == pytest.approx(2, abs=0.15)


def test_tail_shares_of_ordinary_photos_are_p_values() -> None:
    p = tail_share(np.random.default_rng(6).lognormal(1, 0.4, 20000))
    for level in (0.01, 0.1, 0.5, 0.9):
        assert (p <= level).mean() == pytest.approx(level, abs=0.02)
    assert p.min() >= 0.5 / 20000
    assert (tail_share(np.full(9, 2.0)) == 0.5).all()
    assert np.isfinite(tail_share(np.zeros(9))).all()
    rounded = 0.3 + 1e-7 * np.random.default_rng(0).normal(size=900)
    assert (tail_share(rounded) == 0.5).all()


@given(st.integers(0, 2**32 - 1), st.integers(5, 60), st.floats(1e-3, 1e3))
@settings(max_examples=40, deadline=None)
def test_units_of_a_column_do_not_matter_and_odder_everywhere_is_odder(
    seed: int, count: int, unit: float
) -> None:
    random = np.random.default_rng(seed)
    columns = [random.lognormal(0, 1, count) for _ in range(3)]
    columns = [np.append(c, c.max() * 2) for c in columns]
    fused = fisher_tails(columns)
    assert fused[count] == fused.max()
    assert (fused >= 0).all()
    assert_allclose(fisher_tails([columns[0] * unit, *columns[1:]]), fused, rtol=1e-6)


def test_tails_see_the_gap_that_ranks_forget() -> None:
    random = np.random.default_rng(7)
    common = random.normal(size=2000)
    odd = np.arange(2000) >= 1800
    columns = [np.exp(0.3 * (common + 0.3 * random.normal(size=2000)) + 2 * odd) for _ in range(5)]
    tails = fisher_tails(columns)
    share = find_cut(tails).share
    assert 0.8 <= share <= 0.9
    assert (tails[odd] > np.quantile(tails, share)).mean() > 0.98
    assert find_cut(fisher(columns)).share > 0.9


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


@pytest.mark.parametrize("distance", [gaussian_distance, residual_distance])
def test_a_crowd_of_odd_photos_cannot_hide_by_bending_the_fit(distance: Any) -> None:
    random = np.random.default_rng(8)
    spread = np.r_[np.full(4, 3.0), np.full(26, 0.5)]
    turn = np.linalg.qr(random.normal(size=(30, 30)))[0]
    ordinary = random.normal(size=(900, 30)) * spread
    crowd = random.normal(size=(100, 30)) * spread + np.r_[np.zeros(20), np.full(10, 1.0)]
    x = (np.r_[ordinary, crowd] @ turn).astype(np.float32)
    odd = np.arange(1000) >= 900
    components = 4 if distance is residual_distance else 30
    plain = auc(distance(x, fit_components(x, components)), odd)
    trimmed = trimmed_distance(x, distance, components)
    assert auc(trimmed, odd) > plain + 0.01
    assert auc(trimmed, odd) > 0.95
    again = trimmed_distance(x[::-1].copy(), distance, components)[::-1]
    assert_allclose(again, trimmed, rtol=1e-6)


def auc(values: np.ndarray, odd: np.ndarray) -> float:
    return float((values[odd][:, None] > values[~odd]).mean())


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
