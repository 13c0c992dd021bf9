"""The order of training rows is a pure function of (seed, images seen)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.data import Order
from limbeck.errors import DataError

GOLDEN = [1, 7, 4, 2, 6, 0, 3, 5]


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 40), batch=st.integers(1, 90), seed=st.integers(0, 2**40))
def test_every_epoch_visits_each_row_once(n: int, batch: int, seed: int) -> None:
    order = Order(n, batch, seed)
    calls = -(-3 * n // batch)
    stream = np.concatenate([order.rows(i * batch) for i in range(calls)])
    for epoch in range(3):
        assert sorted(stream[epoch * n : (epoch + 1) * n]) == list(range(n))


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 40), batch=st.integers(1, 90), seen=st.integers(0, 10_000))
def test_pure_and_independent_of_batch(n: int, batch: int, seen: int) -> None:
    walked = Order(n, batch, 7)
    for start in (0, seen + 5 * n, seen // 2):
        walked.rows(start)
    one_by_one = [Order(n, 1, 7).rows(seen + i)[0] for i in range(min(batch, 8))]
    assert walked.rows(seen)[:8].tolist() == one_by_one
    assert walked.rows(seen).tolist() == Order(n, batch, 7).rows(seen).tolist()


def test_epochs_and_seeds_differ() -> None:
    order = Order(1000, 1000, 0)
    assert order.rows(0).tolist() != order.rows(1000).tolist()
    assert order.rows(0).tolist() != Order(1000, 1000, 1).rows(0).tolist()
    assert order.rows(0).dtype == np.int64


def test_the_order_of_today_is_the_order_of_tomorrow() -> None:
    assert Order(8, 8, 0).rows(0).tolist() == GOLDEN


def test_nothing_to_order() -> None:
    for n, batch in [(0, 4), (4, 0)]:
        with pytest.raises(DataError, match="cannot order"):
            Order(n, batch, 0)
    with pytest.raises(ValueError, match="negative"):
        Order(4, 4, 0).rows(-1)
