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


def mixture(odd: float, count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    outliers = round(odd * count)
    return np.r_[random.normal(0, 1, count - outliers), random.normal(4, 1, outliers)]


@pytest.mark.parametrize(
    ("odd", "count"),
    [(o, n) for o in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5) for n in (300, 5000) if o * n > 20],
)
def test_auto_follows_the_outliers_of_a_mixture(odd: float, count: int) -> None:
    for seed in range(5):
        cut = find_cut(mixture(odd, count, seed))
        assert cut.share == pytest.approx(1 - odd, abs=0.04)
        assert cut.low <= 1 - cut.share <= cut.high
        assert cut.decided_by == "shape"


def test_auto_keeps_a_clean_set() -> None:
    for seed in range(5):
        random = np.random.default_rng(seed)
        for clean in (
            random.normal(size=5000),
            random.gamma(3, size=5000),
            random.lognormal(size=300),
        ):
            assert find_cut(clean).share >= 0.97


def test_auto_takes_positive_scores_for_log_normal() -> None:
    """A long tail alone is no outlier: nine tenths of these would lie within it."""
    for seed in range(5):
        for odd in (0.0, 0.1):
            found = find_cut(np.exp(0.6 * mixture(odd, 5000, seed))).share
            assert found == pytest.approx(1 - odd, abs=0.03)


def test_auto_ignores_shift_and_scale_of_signed_columns_and_scale_of_others() -> None:
    signed = mixture(0.1, 3000, 0)
    assert find_cut(signed).share == pytest.approx(find_cut(signed * 13 - 500).share, abs=2e-3)
    positive = np.random.default_rng(1).gamma(2, size=3000)
    assert find_cut(positive).share == pytest.approx(find_cut(positive * 64).share, abs=2e-3)


@pytest.mark.parametrize("values", [[], [1.0], [2.0] * 50, [0.0] * 90 + [1.0] * 10])
def test_auto_finds_no_cut_where_there_is_none(values: list[float]) -> None:
    assert find_cut(np.array(values)) == (1.0, "no cut", 1.0, 0.0, 0.0)


def test_where_the_groups_overlap_only_what_is_sure_is_dropped() -> None:
    random = np.random.default_rng(0)
    u = np.r_[random.normal(0, 1, 6000), random.normal(2.1, 1.5, 2000)]
    cut = find_cut(u)
    assert cut.asked == 1 - cut.low
    assert 1 - cut.share < 0.06
    assert cut.high > 0.2


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
    assert find_cut(mixture(0.5, 5000, 0), 0.7)[:2] == (0.7, "clamp")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
@settings(max_examples=80, deadline=None)
def test_a_cut_of_any_finite_scores_is_a_share(values: list[float]) -> None:
    cut = find_cut(np.array(values))
    assert 0.4 <= cut.share <= 1
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
