"""Comparing curves where something is equal: hand-made curves with known answers."""

import numpy as np
import pytest

from studies.equal_precision import curve, frontier, over_runs, ratio_at_equal

PSIS = (0.3, 0.5, 0.7, 1.0)


def test_a_curve_runs_through_its_points_in_any_order() -> None:
    one = curve((1.0, 0.3, 0.7), (0.9, 0.5, 0.7), (0.1, 0.6, 0.4))
    assert one.along.tolist() == [0.5, 0.7, 0.9]
    assert one.at(np.array([0.5, 0.6, 0.7, 0.9])) == pytest.approx([0.6, 0.5, 0.4, 0.1])


def test_noise_in_what_is_equal_is_averaged_out() -> None:
    one = curve(PSIS, (0.1, 0.3, 0.2, 0.4), (1.0, 2.0, 4.0, 5.0))
    assert one.along == pytest.approx([0.1, 0.25, 0.4])  # the two in the wrong order meet
    assert one.value == pytest.approx([1.0, 3.0, 5.0])
    falling = curve((0.5, 1.0), (0.5, 0.3), (1.0, 2.0))
    assert falling.along.tolist() == [0.4]


def test_a_frontier_of_a_trade_is_the_trade() -> None:
    one = frontier((1.0, 0.3, 0.7), (0.5, 0.9, 0.7), (0.6, 0.1, 0.4))
    assert (one.along[0], one.along[-1]) == (0.5, 0.9)
    assert one.at(np.array([0.5, 0.6, 0.7, 0.8, 0.9])) == pytest.approx([0.6, 0.5, 0.4, 0.25, 0.1])


def test_what_is_worse_in_both_is_not_on_the_frontier() -> None:
    """Precision rises to .8 at psi .7 and falls again below: .3 and .5 count for nothing."""
    one = frontier(PSIS, (0.2, 0.6, 0.8, 0.5), (0.0, 0.1, 0.4, 1.0))
    two = frontier((0.7, 1.0), (0.8, 0.5), (0.4, 1.0))
    levels = np.linspace(0.5, 0.8, 7)
    assert (one.along[0], one.along[-1]) == (0.5, 0.8)
    assert one.at(levels) == pytest.approx(two.at(levels), abs=3e-3)
    more = frontier(PSIS, (0.9, 0.6, 0.8, 0.5), (0.3, 0.1, 0.4, 1.0))  # back out beyond it
    assert more.at(np.array([0.85, 0.9])) == pytest.approx([0.3, 0.3], abs=3e-3)


def test_twice_the_recall_is_a_ratio_of_two_whatever_the_strengths() -> None:
    """One method reaches its precisions at other psi; recall is 2 (1 - p) against 1 - p."""
    ours = frontier(PSIS, (0.95, 0.8, 0.6, 0.4), (0.1, 0.4, 0.8, 1.2))
    other = frontier((0.2, 0.6, 1.0), (0.9, 0.7, 0.3), (0.1, 0.3, 0.7))
    found = ratio_at_equal(ours, other)
    assert found is not None
    for name in ("mean", "min", "max", "at_highest"):
        assert found[name] == pytest.approx(2)
    assert found["range"] == pytest.approx([0.4, 0.9])


def test_the_extremes_of_the_ratio_are_those_of_the_common_range() -> None:
    ours = curve((0.5, 1.0), (0.0, 1.0), (1.0, 1.0))
    other = curve((0.5, 1.0), (0.2, 0.8), (1.0, 0.5))
    found = ratio_at_equal(ours, other)
    assert found is not None
    assert (found["min"], found["max"]) == pytest.approx((1.0, 2.0))
    assert found["at_highest"] == pytest.approx(2.0)
    levels = np.linspace(0.2, 0.8, 21)
    assert found["mean"] == pytest.approx((1 / (1 - (levels - 0.2) / 1.2)).mean())


def test_no_common_level_is_no_answer() -> None:
    low = frontier((0.5, 1.0), (0.4, 0.2), (1.0, 1.0))
    high = frontier((0.5, 1.0), (0.9, 0.7), (1.0, 1.0))
    assert ratio_at_equal(low, high) is None
    flat = frontier((0.5, 1.0), (0.1, 0.3), (1.0, 2.0))  # truncation bought nothing
    assert flat.along.tolist() == [0.3]
    assert ratio_at_equal(flat, low) is None
    nothing = frontier((0.5, 1.0), (0.4, 0.2), (0.0, 0.0))
    assert ratio_at_equal(low, nothing) is None


def test_runs_have_a_mean_and_a_spread() -> None:
    def one(value: float) -> dict[str, float]:
        return {"mean": value, "min": value - 1, "max": value + 1, "at_highest": 2.0}

    found = over_runs([one(2.0), one(4.0)])
    assert found["runs"] == 2
    assert found["mean"] == {"mean": 3, "spread": pytest.approx(2**0.5)}
    assert found["at_highest"] == {"mean": 2, "spread": 0}
    assert over_runs([one(2.0)])["min"] == {"mean": 1, "spread": None}
