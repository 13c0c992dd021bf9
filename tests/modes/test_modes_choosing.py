"""The number of clusters by coverage."""

import numpy as np
import pytest

from limbeck.modes import choose_count
from limbeck.modes.count import explained, smallest


def blobs(count: int, each: int, seed: int, dims: int = 20, width: float = 0.1) -> np.ndarray:
    random = np.random.default_rng(seed)
    corners = random.normal(size=(count, dims))
    points = np.repeat(corners, each, axis=0) + width * random.normal(size=(count * each, dims))
    return random.permutation(points).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_sixteen_blobs_ask_for_sixteen(seed: int) -> None:
    found = choose_count(blobs(16, 200, seed), seed)
    assert found.chosen == 16
    assert found.counts == [8, 16, 32, 64]  # 3,200 points: 128 clusters would hold 25 each
    gains = np.diff(found.explained)
    assert gains[0] > 0.2
    assert abs(gains[1]) < 0.02


def test_the_share_is_of_held_out_variance() -> None:
    points = blobs(4, 100, 0, width=0.01)
    assert explained(points, 4, 0) == pytest.approx(1, abs=1e-3)
    assert explained(points, 1, 0) == pytest.approx(0, abs=0.02)
    noise = np.random.default_rng(0).normal(size=(200, 50)).astype(np.float32)
    assert explained(noise, 60, 0) < 0.1, "as many means as points explain only what was fitted"
    assert explained(np.ones((40, 3), np.float32), 1, 0) == 1


def test_few_points_ask_for_few_clusters() -> None:
    assert choose_count(blobs(4, 64, 0), 0).chosen == 5  # 256 points, 50 each
    assert choose_count(blobs(2, 10, 0), 0).chosen == 1
    assert choose_count(blobs(8, 50, 0), 0).counts == [8]


def test_the_first_number_whose_doubling_gains_little() -> None:
    counts = [8, 16, 32, 64]
    assert smallest(counts, [0.1, 0.3, 0.31, 0.5]) == 16
    assert smallest(counts, [0.1, 0.119, 0.5, 0.9]) == 8
    assert smallest(counts, [0.1, 0.2, 0.3, 0.4]) == 64
    assert smallest([5], [0.2]) == 5


def test_same_points_same_number() -> None:
    points = blobs(6, 100, 0)
    assert choose_count(points, 1) == choose_count(points, 1)
