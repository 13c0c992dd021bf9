import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from limbeck.metrics import agreement, auroc, standardised, weighted_mean


def test_standard_deviations_are_those_of_the_ordinary_half() -> None:
    random = np.random.default_rng(5)
    clean = random.normal(3, 2, 20000)
    dirty = np.r_[clean, random.normal(30, 1, 1000)]
    found = standardised(dirty - 40)
    assert_allclose(found[:20000], (clean - np.median(dirty)) / 2, atol=0.15)
    assert found.max() == 6
    assert standardised(dirty - 40, np.inf).max() > 10


def test_scores_without_negative_values_are_taken_by_their_logarithm() -> None:
    u = np.random.default_rng(6).normal(size=5000)
    assert_allclose(standardised(np.exp(0.4 * u)), standardised(u), atol=1e-9)
    assert_allclose(standardised(7 * np.exp(0.4 * u)), standardised(u), atol=1e-9)


@pytest.mark.parametrize("values", [[], [2.0] * 9, [0.0] * 9, [0.0] * 90 + [1.0] * 10])
def test_a_column_whose_ordinary_half_is_all_alike_says_nothing(values: list[float]) -> None:
    assert standardised(np.array(values)).tolist() == [0.0] * len(values)


def test_what_differs_by_rounding_alone_says_nothing() -> None:
    rounded = 0.3 + 1e-7 * np.random.default_rng(0).normal(size=900)
    assert not standardised(rounded).any()


@given(st.integers(0, 2**32 - 1), st.integers(4, 60))
@settings(max_examples=40, deadline=None)
def test_agreement_with_certain_outliers_is_the_auroc(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=count).round(1)
    odd = np.arange(count) % 3 == 0
    expected = max(2 * auroc(values, odd) - 1, 0)
    assert agreement(values, odd.astype(float)) == pytest.approx(expected, abs=1e-9)


def test_agreement_counts_doubtful_photos_by_their_probability() -> None:
    values, probability = np.array([1.0, 2.0, 2.0, 5.0]), np.array([0.1, 0.5, 0.2, 0.9])
    pairs = [
        (p * (1 - q), (a > b) + 0.5 * (a == b))
        for a, p in zip(values, probability, strict=True)
        for b, q in zip(values, probability, strict=True)
    ]
    expected = sum(w * won for w, won in pairs) / sum(w for w, _ in pairs)
    assert agreement(values, probability) == pytest.approx(2 * expected - 1)


def test_what_contradicts_or_has_nothing_to_agree_with_gets_no_weight() -> None:
    values = np.arange(10.0)
    assert agreement(-values, (values > 7).astype(float)) == 0
    assert agreement(values, np.zeros(10)) == agreement(values, np.ones(10)) == 0


def test_a_weighted_mean_of_columns() -> None:
    random = np.random.default_rng(1)
    a, b = random.lognormal(size=200), random.normal(size=200)
    expected = (3 * standardised(a) + standardised(b)) / 4
    assert_allclose(weighted_mean([a, b], [3, 1]), expected)
    assert_allclose(weighted_mean([a, b], [0, 0]), weighted_mean([a, b]))
    assert_allclose(weighted_mean([a, b]), (standardised(a) + standardised(b)) / 2)
    with pytest.raises(ValueError, match="nothing to fuse"):
        weighted_mean([])
