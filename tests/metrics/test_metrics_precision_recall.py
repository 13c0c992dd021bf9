import numpy as np
import pytest
import torch
from torch import Tensor

from limbeck.errors import DataError
from limbeck.kit.rng import generator
from limbeck.metrics import manifold_overlap
from limbeck.metrics.precision_recall import distance_blocks, nearest, squared_radii


def normal(count: int, dim: int, name: str) -> Tensor:
    return torch.randn(count, dim, generator=generator("manifold", name))


def by_hand(real: Tensor, fake: Tensor) -> tuple[float, float, float, float]:
    """The four figures from their definitions, pair by pair."""
    x, y = real.double().numpy(), fake.double().numpy()
    xx = np.sort(np.linalg.norm(x[:, None] - x[None], axis=2), axis=1)
    yy = np.sort(np.linalg.norm(y[:, None] - y[None], axis=2), axis=1)
    xy = np.linalg.norm(x[:, None] - y[None], axis=2)  # [real, fake]
    precision = (xy <= xx[:, 3][:, None]).any(0).mean()
    recall = (xy <= yy[:, 3][None]).any(1).mean()
    inside = xy <= xx[:, 5][:, None]
    return precision, recall, inside.sum() / (5 * len(y)), inside.any(1).mean()


@pytest.mark.parametrize(("n", "m", "dim", "shift"), [(40, 55, 3, 0.5), (64, 30, 8, 1.0)])
def test_figures_are_their_definitions(n: int, m: int, dim: int, shift: float) -> None:
    real, fake = normal(n, dim, "real"), normal(m, dim, "fake") + shift
    found = manifold_overlap(real, fake)
    figures = (found.precision, found.recall, found.density, found.coverage)
    assert figures == pytest.approx(by_hand(real, fake))
    assert (found.real, found.fake) == (n, m)


def test_figures_of_points_on_a_line() -> None:
    real = torch.arange(12.0)[:, None]  # third nearest other: 2 inside, 3 at an end
    fake = torch.tensor([[0.4], [5.4], [13.4], [40.4]])
    found = manifold_overlap(real, fake)
    # 13.4 lies within 3 of 11 (and 2 of nobody); 40.4 lies in no sphere
    assert found.precision == pytest.approx(3 / 4)
    # k = 5 reaches 3 inside, 5, 4 and 3 from the ends: 0.4 is within 5 spheres (of 0 .. 3), ...
    assert found.density == pytest.approx(by_hand(real, fake)[2])
    assert found.coverage == pytest.approx(by_hand(real, fake)[3])


def test_a_set_overlaps_itself_and_a_far_one_not_at_all() -> None:
    real = normal(50, 6, "real")
    same = manifold_overlap(real, real)
    assert (same.precision, same.recall, same.coverage) == (1, 1, 1)
    assert same.density == pytest.approx(6 / 5)  # itself and its five nearest lie in a sphere
    far = manifold_overlap(real, normal(50, 6, "fake") + 1000)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)


def test_samples_of_one_distribution_reach_the_expected_figures() -> None:
    found = manifold_overlap(normal(1500, 4, "real"), normal(1500, 4, "fake"))
    assert found.density == pytest.approx(1, abs=0.05)
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.02)  # Naeem et al., section 4


def test_a_generator_of_one_mode_is_precise_and_recalls_little() -> None:
    two = torch.cat([normal(80, 4, "a"), normal(80, 4, "b") + 20])
    found = manifold_overlap(two, normal(160, 4, "c"))
    assert found.precision > 0.9
    assert found.recall < 0.55
    assert found.coverage < 0.55


@pytest.mark.parametrize("chunk", [1, 7, 64, 4096])
def test_chunks_do_not_matter(chunk: int) -> None:
    real, fake = normal(90, 5, "real"), normal(70, 5, "fake") + 0.3
    assert manifold_overlap(real, fake, chunk=chunk) == manifold_overlap(real, fake)


def test_an_offset_does_not_cost_the_digits() -> None:
    real, fake = normal(60, 5, "real").double(), normal(60, 5, "fake").double() + 0.3
    assert manifold_overlap(real + 1e6, fake + 1e6) == manifold_overlap(real, fake)


def test_too_few_are_told() -> None:
    with pytest.raises(DataError, match="too few"):
        manifold_overlap(normal(5, 3, "a"), normal(50, 3, "b"))
    with pytest.raises(DataError, match="too few"):
        manifold_overlap(normal(50, 3, "a"), normal(3, 3, "b"))
    with pytest.raises(DataError, match="wanted"):
        manifold_overlap(normal(50, 3, "a"), normal(50, 4, "b"))


def test_neighbours_are_those_of_sorted_distances() -> None:
    a, b = normal(30, 4, "a"), normal(20, 4, "b")
    direct = torch.cdist(a.double(), b.double())
    joined = torch.cat([block for _, block in distance_blocks(a, b, 8)])
    assert torch.allclose(joined.double().sqrt(), direct, atol=1e-5)
    distance, which = nearest(a, b, chunk=8)
    assert torch.equal(which, direct.argmin(1))
    assert torch.allclose(distance, direct.min(1).values, rtol=1e-12)
    own = torch.cdist(a.double(), a.double()).fill_diagonal_(torch.inf)
    assert torch.allclose(nearest(a, a, itself=True)[0], own.min(1).values, rtol=1e-12)
    radii = squared_radii(a, 4, 8).double().sqrt()
    assert torch.allclose(radii, own.sort(1).values[:, :4], atol=1e-5)


def test_a_copy_is_at_exactly_zero_and_counts_as_a_neighbour() -> None:
    a = normal(10, 4, "a") * 1000
    distance, which = nearest(a[3:5], a)
    assert distance.tolist() == [0, 0]
    assert which.tolist() == [3, 4]
    twice = torch.cat([a, a[:1]])
    assert nearest(twice, twice, itself=True)[0][0] == 0
