import numpy as np
import pytest
from scipy.stats import skewnorm

from limbeck.curation.mixture import APART, fit_mixture


def scores(odd: float, count: int, seed: int, skew: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    outliers = round(odd * count)
    plain = skewnorm.rvs(skew, size=count - outliers, random_state=random)
    far = random.normal(5, 1.5, outliers)
    return np.r_[plain, far], np.arange(count) >= count - outliers


@pytest.mark.parametrize("odd", [0.02, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("count", [400, 4000])
def test_the_share_of_outliers_is_found(odd: float, count: int) -> None:
    for seed in range(3):
        u, truth = scores(odd, count, seed)
        found = fit_mixture(u)
        assert found.share == pytest.approx(odd, abs=0.03 + 20 / count)
        probability = found.outlier(u)
        assert probability[truth].mean() > 0.75
        assert probability[~truth].mean() < 0.07
        assert found.gain > 5


def test_a_skewed_crowd_without_outliers_gains_little() -> None:
    for seed in range(5):
        u, _ = scores(0, 4000, seed, skew=5.0)
        assert fit_mixture(u).gain < 1.5 * np.log(4000)


def test_probabilities_rise_with_the_score_and_vanish_below_the_middle() -> None:
    u, _ = scores(0.2, 2000, 0)
    found = fit_mixture(u)
    grid = np.linspace(-30, 30, 500)
    probability = found.outlier(grid)
    assert (np.diff(probability) >= 0).all()
    assert (probability[grid < 0] == 0).all()
    assert probability[-1] > 0.999
    assert found.outlier(grid[::-1]) == pytest.approx(probability[::-1])
    assert found.outlier(np.zeros(0)).size == 0


def test_outliers_are_far_from_the_ordinary_and_units_do_not_matter() -> None:
    u, _ = scores(0.2, 2000, 1)
    found, moved = fit_mixture(u), fit_mixture(1000 * u - 7)
    assert moved.share == pytest.approx(found.share, abs=1e-3)
    assert moved.mean == pytest.approx(1000 * found.mean - 7, rel=1e-2)
    plain = skewnorm(found.skew, found.location, found.scale)
    assert found.mean >= plain.mean() + APART * plain.std() - 1e-9


def test_a_smallest_share_of_outliers_can_be_asked_for() -> None:
    u, _ = scores(0.3, 2000, 0)
    assert fit_mixture(u, 0.25).share == pytest.approx(fit_mixture(u).share)
    u, _ = scores(0.05, 2000, 0)
    free, many = fit_mixture(u), fit_mixture(u, 0.25)
    assert many.share >= 0.25 > 0.1 > free.share
    assert many.gain < free.gain - 10  # and the likelihood says that there are not so many
    shape = skewnorm.rvs(6, size=2000, random_state=np.random.default_rng(3)) * 2
    assert fit_mixture(shape, 0.25).gain > fit_mixture(shape).gain - 10  # of a tail it says little


def test_scores_that_are_all_alike_have_no_mixture() -> None:
    with pytest.raises(ValueError, match="all alike"):
        fit_mixture(np.ones(50))
