"""Comparing curves where something is equal: hand-made curves with known answers."""

import numpy as np
import pytest

from limbeck.bench.equal import curve, over_runs, ratio_at_equal

PSIS = (0.3, 0.5, 0.7, 1.0)


def test_a_curve_runs_through_its_points_in_any_order() -> None:
    one = curve((1.0, 0.3, 0.7), (0.5, 0.9, 0.7), (0.6, 0.1, 0.4), rising=False)
    assert one.along.tolist() == [0.5, 0.7, 0.9]
    assert one.at(np.array([0.5, 0.6, 0.7, 0.9])) == pytest.approx([0.6, 0.5, 0.4, 0.1])


def test_noise_in_what_is_equal_is_averaged_out() -> None:
    one = curve(PSIS, (0.9, 0.7, 0.8, 0.5), (1.0, 2.0, 4.0, 5.0), rising=False)
    assert one.along == pytest.approx([0.5, 0.75, 0.9])  # the two in the wrong order meet
    assert one.value == pytest.approx([5.0, 3.0, 1.0])
    up = curve(PSIS, (0.1, 0.3, 0.2, 0.4), (1.0, 2.0, 4.0, 5.0), rising=True)
    assert up.along == pytest.approx([0.1, 0.25, 0.4])


def test_twice_the_recall_is_a_ratio_of_two_whatever_the_strengths() -> None:
    """One method reaches its precisions at other psi; recall is 2 (1 - p) against 1 - p."""
    ours = curve(PSIS, (0.95, 0.8, 0.6, 0.4), (0.1, 0.4, 0.8, 1.2), rising=False)
    other = curve((0.2, 0.6, 1.0), (0.9, 0.7, 0.3), (0.1, 0.3, 0.7), rising=False)
    found = ratio_at_equal(ours, other)
    assert found is not None
    for name in ("mean", "min", "max", "at_highest"):
        assert found[name] == pytest.approx(2)
    assert found["range"] == pytest.approx([0.4, 0.9])


def test_the_extremes_of_the_ratio_are_those_of_the_common_range() -> None:
    ours = curve((0.5, 1.0), (1.0, 0.0), (1.0, 1.0), rising=False)
    other = curve((0.5, 1.0), (0.8, 0.2), (0.5, 1.0), rising=False)
    found = ratio_at_equal(ours, other)
    assert found is not None
    assert (found["min"], found["max"]) == pytest.approx((1.0, 2.0))
    assert found["at_highest"] == pytest.approx(2.0)
    levels = np.linspace(0.2, 0.8, 21)
    assert found["mean"] == pytest.approx((1 / (1 - (levels - 0.2) / 1.2)).mean())


def test_no_common_level_is_no_answer() -> None:
    low = curve((0.5, 1.0), (0.4, 0.2), (1.0, 1.0), rising=False)
    high = curve((0.5, 1.0), (0.9, 0.7), (1.0, 1.0), rising=False)
    assert ratio_at_equal(low, high) is None
    flat = curve((0.5, 1.0), (0.3, 0.5), (1.0, 2.0), rising=False)  # truncation bought nothing
    assert flat.along.tolist() == [0.4]
    assert ratio_at_equal(flat, low) is None
    nothing = curve((0.5, 1.0), (0.4, 0.2), (0.0, 0.0), rising=False)
    assert ratio_at_equal(low, nothing) is None


def test_runs_have_a_mean_and_a_spread() -> None:
    def one(value: float) -> dict[str, float]:
        return {"mean": value, "min": value - 1, "max": value + 1, "at_highest": 2.0}

    found = over_runs([one(2.0), one(4.0)])
    assert found["runs"] == 2
    assert found["mean"] == {"mean": 3, "spread": pytest.approx(2**0.5)}
    assert found["at_highest"] == {"mean": 2, "spread": 0}
    assert over_runs([one(2.0)])["min"] == {"mean": 1, "spread": None}
