"""Charts: nothing is lost, nothing leaves the plot, odd input is survived."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from limbeck.reporting.charts import Chart, curves, figure, histogram, number

_VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80)


def inside(chart: Chart) -> bool:
    """Whether everything lies in the plot, in percent."""
    bars = all(
        b.x >= -0.01 and b.x + b.width <= 100.01 and b.y >= -0.01 and b.y + b.height <= 100.01
        for b in chart.bars
    )
    return bars and all(-0.01 <= t.at <= 100.01 for t in (*chart.x_ticks, *chart.y_ticks))


@example([5e-324], 0.0)
@given(_VALUES, st.floats(-1e6, 1e6))
def test_every_value_has_a_place_in_the_histogram(values: list[float], threshold: float) -> None:
    chart = histogram("h", np.array(values), threshold=threshold, bins=20)
    assert max(b.height for b in chart.bars) == 100
    tallest = len(values) * 100 / sum(b.height for b in chart.bars)  # photos in the tallest bar
    assert tallest == pytest.approx(round(tallest), rel=0.02)
    assert 1 <= round(tallest) <= len(values)
    assert inside(chart)
    assert chart.marker is not None
    assert -0.01 <= chart.marker.at <= 100.01


def test_a_histogram_counts_what_lies_beyond_its_axis() -> None:
    values = np.concatenate([np.linspace(0, 1, 100), [1000.0]])
    chart = histogram("h", values, bins=10)
    alone = chart.bars[-1]
    assert alone.x > 85
    assert sum(b.height for b in chart.bars) / alone.height == pytest.approx(101, rel=0.01)
    assert max(t.at for t in chart.x_ticks) > 50, "one far value does not squeeze the rest"


def test_groups_are_stacked() -> None:
    low, high = np.zeros(30), np.zeros(10)
    chart = histogram("h", np.zeros(40), groups=[("bar", low), ("bar odd", high)], bins=4)
    assert [(b.kind, b.height, b.y) for b in chart.bars] == [
        ("bar", 75.0, 25.0),
        ("bar odd", 25.0, 0.0),
    ]


def test_values_that_are_not_finite_leave_no_bar() -> None:
    chart = histogram("h", np.array([np.nan, np.inf]))
    assert chart.bars == ()
    assert "no finite values" in chart.summary


def test_curves_stay_in_the_plot_and_name_their_ends() -> None:
    chart = curves("loss", [("raw", [0.0, 1.0, 2.0], [5.0, 3.0, 4.0]), ("kept", [1.0], [2.0])])
    points = [tuple(map(float, p.split(","))) for line in chart.lines for p in line.points.split()]
    assert all(0 <= x <= 100 and 0 <= y <= 100 for x, y in points)
    assert "raw ends at 4" in chart.summary
    assert "kept ends at 2" in chart.summary
    assert curves("loss", []).lines == ()
    assert curves("flat", [("raw", [0.0, 1.0], [3.0, 3.0])]).lines


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04213, "0.0421"), (12345.6, "12,346"), (0.0, "0"), (float("nan"), "-"), (2e-5, "2.0e-05")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(14.7286, "14.73"), (0.0, "0"), (12345.6, "12,346"), (-3.81649, "-3.816"), (14.8, "14.80")],
)
def test_figures_that_lie_close_are_told_apart(value: float, text: str) -> None:
    assert figure(value) == text
