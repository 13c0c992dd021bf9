from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from limbeck.fsio import Scratch
from limbeck.kit.rows import StoredRows, blocks, mean_and_deviation, mean_of


def some(count: int, width: int = 7) -> np.ndarray:
    return np.random.default_rng(count).gamma(2, size=(count, width)).astype(np.float32)


def test_rows_on_disk_are_those_that_were_added(tmp_path: Path) -> None:
    x, y = some(1000), some(1000, 3)
    with Scratch(tmp_path) as disk:
        one, other = StoredRows(disk), StoredRows(disk)
        for start in range(0, 1000, 64):
            one.append(x[start : start + 64])
            other.append(y[start : start + 64])
        assert one.shape == (1000, 7)
        assert other.shape == (1000, 3)
        random = np.random.default_rng(1)
        for rows in (random.permutation(1000), random.integers(0, 1000, 9), np.arange(60, 70)):
            assert_array_equal(one[rows], x[rows])
        assert_array_equal(one[5:700], x[5:700])
        assert_array_equal(other[:], y)
        assert one[np.zeros(0, dtype=np.int64)].shape == (0, 7)
        assert_array_equal(np.concatenate(list(blocks(one, 300))), x)
        with pytest.raises(AssertionError, match="one width"):
            one.append(y)


@pytest.mark.parametrize("count", [1, 1024, 3000])
def test_mean_and_deviation_are_numpys_to_the_bit(count: int) -> None:
    x = some(count, 33)
    mean, deviation = mean_and_deviation(x)
    assert_array_equal(mean, x.mean(0))
    assert_array_equal(deviation, x.std(0))
    assert_array_equal(mean_of(iter(np.split(x, [1]))), x.mean(0, dtype=np.float64))


def test_sums_of_doubles_forget_nothing() -> None:
    x = np.full((200_000, 1), 0.1, dtype=np.float32)
    x[0] = 30_000
    exact = x.astype(np.float64)
    mean, deviation = mean_and_deviation(x, np.float64)
    assert abs(mean[0] / exact.mean() - 1) < 1e-6
    assert abs(deviation[0] / exact.std() - 1) < 1e-6
    short, _ = mean_and_deviation(x)
    assert abs(short[0] / exact.mean() - 1) > 5e-5
