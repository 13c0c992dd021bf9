import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.curation.rules import (
    find_cut,
    keep_lowest,
    keep_per_mode,
    odd_modes,
    quotas,
    share_count,
)
from limbeck.metrics import fisher


def mixture(odd: float, count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    outliers = round(odd * count)
    return np.r_[random.normal(0, 1, count - outliers), random.normal(4, 1, outliers)]


@pytest.mark.parametrize(
    ("odd", "least", "most"),
    [(0.05, 0.87, 0.95), (0.1, 0.81, 0.9), (0.2, 0.7, 0.8), (0.3, 0.6, 0.7)],
)
@pytest.mark.parametrize("count", [500, 5000])
def test_auto_follows_the_outliers_of_a_mixture(
    odd: float, least: float, most: float, count: int
) -> None:
    for seed in range(5):
        assert least <= find_cut(mixture(odd, count, seed)).share <= most


def test_auto_keeps_most_of_a_clean_set_and_never_less_than_its_limit() -> None:
    for seed in range(5):
        random = np.random.default_rng(seed)
        assert find_cut(random.normal(size=5000)).share == 0.95
        assert find_cut(random.gamma(3, size=5000)).share == 0.95
        assert find_cut(fisher([random.normal(size=5000) for _ in range(5)])).share == 0.95
        assert find_cut(mixture(0.45, 5000, seed)).share == 0.6
        assert find_cut(mixture(0.45, 5000, seed), 0.2, 0.9).share < 0.6


@pytest.mark.parametrize(("odd", "least", "most"), [(0.0, 0.95, 0.95), (0.1, 0.81, 0.9)])
def test_auto_takes_positive_scores_for_log_normal(odd: float, least: float, most: float) -> None:
    """A long tail alone is no outlier: nine tenths of these would lie within it."""
    for seed in range(5):
        assert least <= find_cut(np.exp(0.6 * mixture(odd, 5000, seed))).share <= most


def test_auto_on_fused_columns_that_agree_about_the_outliers() -> None:
    random = np.random.default_rng(0)
    odd = np.arange(4000) >= 3600
    columns = [random.normal(size=4000) + 2.5 * odd for _ in range(5)]
    assert 0.82 <= find_cut(fisher(columns)).share <= 0.93


def test_auto_ignores_shift_and_scale_of_signed_columns_and_scale_of_others() -> None:
    signed = mixture(0.1, 3000, 0)
    assert find_cut(signed).share == find_cut(signed * 13 - 500).share
    positive = np.random.default_rng(1).gamma(2, size=3000)
    assert find_cut(positive).share == find_cut(positive * 64).share


@pytest.mark.parametrize(
    ("values", "share"), [([], 1), ([1.0], 1), ([2.0] * 50, 1), ([0.0] * 90 + [1.0] * 10, 0.95)]
)
def test_auto_on_degenerate_columns_finds_no_cut(values: list[float], share: float) -> None:
    cut = find_cut(np.array(values))
    assert cut.decided_by == "no cut"
    assert cut.share == find_cut(np.array(values)).share == share


def test_a_cut_says_whether_the_shape_or_the_limits_decided() -> None:
    values = mixture(0.1, 5000, 0)
    cut = find_cut(values)
    assert cut.decided_by == "shape"
    assert cut.share == cut.asked
    for least, most in ((0.95, 0.99), (0.6, 0.7)):
        clamped = find_cut(values, least, most)
        assert clamped.decided_by == "clamp"
        assert clamped.asked == cut.asked
        assert clamped.share in (least, most)
    assert find_cut(mixture(0.45, 5000, 0))[:2] == (0.6, "clamp")
    even = np.linspace(1, 2, 5000)
    assert find_cut(even) == (0.95, "no cut", 1.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
@settings(max_examples=80, deadline=None)
def test_a_cut_of_any_finite_scores_is_a_share(values: list[float]) -> None:
    cut = find_cut(np.array(values))
    assert 0.6 <= cut.share <= 1
    assert 0 <= cut.asked <= 1


scores_and_modes = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-3, 3), min_size=n, max_size=n),
        st.lists(st.integers(0, 4), min_size=n, max_size=n),
        st.integers(0, n),
    )
)


@given(scores_and_modes)
@settings(max_examples=80, deadline=None)
def test_keep_lowest_keeps_exactly_that_many_and_the_lowest(
    case: tuple[list[int], list[int], int],
) -> None:
    numbers, _, count = case
    values, ids = np.array(numbers, float), [f"{i:03d}" for i in range(len(numbers))]
    kept = keep_lowest(values, ids, count)
    assert kept.sum() == count
    if 0 < count < len(ids):
        last = max((values[i], ids[i]) for i in np.flatnonzero(kept))
        assert all((values[i], ids[i]) > last for i in np.flatnonzero(~kept))


@given(scores_and_modes)
@settings(max_examples=80, deadline=None)
def test_the_choice_does_not_depend_on_row_order(case: tuple[list[int], list[int], int]) -> None:
    numbers, modes, count = case
    ids = [f"{i:03d}" for i in range(len(numbers))]
    rows = np.random.default_rng(len(ids)).permutation(len(ids))
    values = np.array(numbers, float)

    def chosen(order: np.ndarray, per_mode: bool) -> set[str]:
        names = [ids[i] for i in order]
        if per_mode:
            kept = keep_per_mode(values[order], names, [modes[i] for i in order], count)
        else:
            kept = keep_lowest(values[order], names, count)
        return {names[i] for i in np.flatnonzero(kept)}

    for per_mode in (False, True):
        assert chosen(np.arange(len(ids)), per_mode) == chosen(rows, per_mode)


@given(scores_and_modes)
@settings(max_examples=80, deadline=None)
def test_per_mode_shares_of_ordinary_modes_differ_by_less_than_one_photo(
    case: tuple[list[int], list[int], int],
) -> None:
    numbers, modes, count = case
    values, ids = np.array(numbers, float), [f"{i:03d}" for i in range(len(numbers))]
    kept = keep_per_mode(values, ids, modes, count)
    assert kept.sum() == count
    odd = odd_modes(values, modes, count)
    ordinary = ~np.isin(modes, sorted(odd))
    share = kept[ordinary].sum() / max(ordinary.sum(), 1)
    for mode in set(modes) - odd:
        rows = np.array(modes) == mode
        assert abs(kept[rows].sum() - rows.sum() * share) < 1


def test_a_rare_mode_keeps_its_share_and_a_mode_of_odd_photos_none_by_quota() -> None:
    random = np.random.default_rng(0)
    modes = np.repeat([0, 1, 2], [800, 100, 100])
    values = random.normal(size=1000) + np.repeat([0.0, 1.5, 8.0], [800, 100, 100])
    ids = [f"{i:04d}" for i in range(1000)]
    count = 850
    assert odd_modes(values, modes.tolist(), count) == {2}
    kept = keep_per_mode(values, ids, modes.tolist(), count)
    shares = [float(kept[modes == mode].mean()) for mode in range(3)]
    assert shares[0] == pytest.approx(shares[1], abs=0.01)
    assert shares[2] == 0
    everywhere = keep_lowest(values, ids, count)
    assert everywhere[modes == 1].mean() < shares[1] - 0.1


@given(st.floats(0.001, 1), st.integers(0, 5000))
def test_a_share_is_rounded_to_the_nearest_photo(share: float, total: int) -> None:
    count = share_count(share, total)
    assert 0 <= count <= total
    assert abs(count - share * total) <= 0.5 or (count == 1 and share * total < 1)


def test_quotas_of_a_known_case() -> None:
    assert quotas(5, {0: 6, 1: 3, 2: 1}) == {0: 3, 1: 2, 2: 0}
    assert quotas(10, {0: 6, 1: 3, 2: 1}) == {0: 6, 1: 3, 2: 1}
