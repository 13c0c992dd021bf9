import importlib

import numpy as np
import pytest
import torch
from torch import Tensor

from limbeck.errors import DataError
from limbeck.kit import distances
from limbeck.kit.rng import generator
from limbeck.metrics import (
    fid_kid,
    frechet_distance,
    kernel_distance,
    kernel_distance_of_all,
    kernel_error,
    manifold_overlap,
)


def gaussian(count: int, spreads: Tensor, axes: Tensor, mean: Tensor, *keys: int | str) -> Tensor:
    """Features whose mean is `mean` and whose covariance is axes^T diag(spreads^2) axes, exactly.

    spreads [R], axes [R, D] orthonormal rows, R < count.
    """
    q = torch.randn(count, len(spreads), dtype=torch.float64, generator=generator(*keys))
    q = torch.linalg.qr(q - q.mean(0)).Q * (count - 1) ** 0.5
    return q * spreads @ axes + mean


def two_gaussians(count: int, dim: int, rank: int, apart: float) -> tuple[Tensor, Tensor, float]:
    """Two sets that share their axes, and their FID: |m|^2 + sum of (s1 - s2)^2."""
    random = generator("gaussians", count, dim, rank)
    axes = torch.linalg.qr(torch.randn(dim, rank, dtype=torch.float64, generator=random)).Q.T
    first = torch.rand(rank, dtype=torch.float64, generator=random) * 3 + 0.1
    factor = 1 + apart * torch.randn(rank, dtype=torch.float64, generator=random)
    second = (first * factor).abs()
    mean = torch.randn(dim, dtype=torch.float64, generator=random) * apart
    zero = torch.zeros(dim, dtype=torch.float64)
    expected = float(mean.square().sum() + (first - second).square().sum())
    a = gaussian(count, first, axes, zero, "a")
    return a, gaussian(count + 7, second, axes, mean, "b"), expected


@pytest.mark.parametrize("apart", [1.0, 0.1, 0.001])
@pytest.mark.parametrize(
    ("count", "dim", "rank"), [(300, 16, 16), (300, 64, 20), (50, 128, 49), (12, 400, 11)]
)
def test_fid_is_the_closed_form_of_two_gaussians(
    count: int, dim: int, rank: int, apart: float
) -> None:
    a, b, expected = two_gaussians(count, dim, rank, apart)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)


def test_fid_of_covariances_that_do_not_commute() -> None:
    random = generator("turned")
    turn = torch.linalg.qr(torch.randn(2, 2, dtype=torch.float64, generator=random)).Q
    a = gaussian(40, torch.tensor([3.0, 1.0]).double(), torch.eye(2).double(), torch.zeros(2), "a")
    b = gaussian(30, torch.tensor([2.0, 0.5]).double(), turn, torch.zeros(2), "b")
    s1, s2 = torch.cov(a.T), torch.cov(b.T)
    # of 2 x 2 matrices: tr (S1 S2)^(1/2) = sqrt(tr S1 S2 + 2 sqrt(det S1 S2))
    shared = ((s1 @ s2).trace() + 2 * (s1.det() * s2.det()).sqrt()).sqrt()
    expected = float(s1.trace() + s2.trace() - 2 * shared)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_fid_of_equal_sets_is_zero_and_of_a_shift_its_square() -> None:
    few = torch.randn(20, 100, generator=generator("few"))
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(few, few.flip(0)) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(few.double(), few.double() + 3) == pytest.approx(900, rel=1e-9)


def test_neither_depends_on_how_it_is_cut_up(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, _ = two_gaussians(300, 16, 16, 0.5)
    whole = frechet_distance(a, b), kernel_distance(a, b, subset_size=40)
    monkeypatch.setattr(fid_kid, "_CHUNK", 17)
    assert frechet_distance(a, b) == pytest.approx(whole[0], rel=1e-10)
    assert kernel_distance(a, b, subset_size=40) == pytest.approx(whole[1], rel=1e-10)


def test_kid_of_two_points_is_its_closed_form() -> None:
    a, b = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([0.0, 1.0, 1.0])
    value, spread = kernel_distance(a.expand(10, 3), b.expand(12, 3), subsets=7)
    expected = (5 / 3 + 1) ** 3 + (2 / 3 + 1) ** 3 - 2 * (2 / 3 + 1) ** 3
    assert value == pytest.approx(expected, rel=1e-12)
    assert spread == pytest.approx(0, abs=1e-12)


def by_hand(x: Tensor, y: Tensor) -> float:
    """Unbiased squared MMD, pair by pair."""

    def k(u: Tensor, v: Tensor) -> float:
        return float((u @ v / len(u) + 1) ** 3)

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(k(u, v) for u in x for v in y) / (n * m)


def test_kid_is_the_mean_over_its_subsets() -> None:
    x = torch.randn(14, 5, dtype=torch.float64, generator=generator("x"))
    y = torch.randn(12, 5, dtype=torch.float64, generator=generator("y")) + 0.3
    random = np.random.default_rng(fid_kid.derive_seed(4, "kernel_distance"))
    in_x = fid_kid._choices(random, 9, 6, 14).bool()
    in_y = fid_kid._choices(random, 9, 6, 12).bool()
    assert (in_x.sum(1) == 6).all()
    assert (in_y.sum(1) == 6).all()
    values = [by_hand(x[a], y[b]) for a, b in zip(in_x, in_y, strict=True)]
    found = kernel_distance(x, y, subsets=9, subset_size=6, seed=4)
    assert found == pytest.approx((np.mean(values), np.std(values)), rel=1e-10)


def test_kid_does_not_see_a_difference_where_there_is_none() -> None:
    x = torch.randn(600, 8, generator=generator("x"))
    y = torch.randn(600, 8, generator=generator("y"))
    value, spread = kernel_distance(x, y)
    assert abs(value) < 3 * spread
    apart, _ = kernel_distance(x, y + 1)
    assert apart > 10 * spread


def test_the_same_seed_gives_the_same_kid() -> None:
    x, y = (torch.randn(60, 8, generator=generator(name)) for name in ("x", "y"))
    before = torch.random.get_rng_state()
    assert kernel_distance(x, y, seed=1) == kernel_distance(x, y, seed=1)
    assert kernel_distance(x, y, seed=1) != kernel_distance(x, y, seed=2)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_cannot_be_compared_is_told() -> None:
    good = torch.zeros(8, 3)
    for bad in (torch.zeros(8, 4), torch.zeros(1, 3), torch.zeros(3)):
        with pytest.raises(DataError, match="cannot be compared"):
            frechet_distance(good, bad)
        with pytest.raises(DataError, match="cannot be compared"):
            kernel_distance(good, bad)
    with pytest.raises(DataError, match="four of each"):
        kernel_distance(good, torch.zeros(3, 3))


@pytest.mark.parity
def test_torchmetrics_gives_the_same_figures() -> None:
    fid = pytest.importorskip("torchmetrics.image.fid")
    kid = pytest.importorskip("torchmetrics.image.kid")

    class Given(torch.nn.Module):
        num_features = 24

        def forward(self, x: Tensor) -> Tensor:
            return x

    x = torch.randn(300, 24, dtype=torch.float64, generator=generator("x"))
    y = torch.rand(200, 24, dtype=torch.float64, generator=generator("y")) * 2
    theirs = fid.FrechetInceptionDistance(feature=Given()).set_dtype(torch.float64)
    theirs.update(x, real=True)
    theirs.update(y, real=False)
    assert frechet_distance(x, y) == pytest.approx(float(theirs.compute()), rel=1e-9)

    random = np.random.default_rng(fid_kid.derive_seed(0, "kernel_distance"))
    in_x = fid_kid._choices(random, 1, 80, 300)[0].bool()
    in_y = fid_kid._choices(random, 1, 80, 200)[0].bool()
    expected = float(kid.poly_mmd(x[in_x], y[in_y]))
    found, _ = kernel_distance(x, y, subsets=1, subset_size=80)
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parity
def test_torch_fidelity_gives_the_same_fid() -> None:
    try:  # it needs a torchvision that loads
        theirs = importlib.import_module("torch_fidelity.metric_fid")
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torch_fidelity does not load: {error}")
    x = torch.randn(300, 24, dtype=torch.float64, generator=generator("x"))
    y = torch.rand(200, 24, dtype=torch.float64, generator=generator("y")) * 2
    statistics = [theirs.fid_features_to_statistics(one) for one in (x, y)]
    (expected,) = theirs.fid_statistics_to_metric(*statistics, False).values()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)


def test_kid_in_closed_form_and_without_bias():
    x, y = torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [1.0]])
    xx, yy = (2 + 1) ** 3, 1
    xy = (1 + 8 + 1 + 27) / 4
    assert kernel_distance_of_all(x, y) == pytest.approx(xx + yy - 2 * xy)
    draws = [torch.randn(2, 60, 8, generator=generator("kid", i)) for i in range(60)]
    same = torch.tensor([kernel_distance_of_all(a, b) for a, b in draws])
    assert abs(float(same.mean())) < 3 * float(same.std()) / 60**0.5
    assert kernel_distance_of_all(draws[0][0], draws[0][1] + 1) > float(same.max())


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_the_error_of_kid_is_how_much_it_varies_over_draws(shift: float) -> None:
    def pair(number: int) -> tuple[Tensor, Tensor]:
        random = generator("kid error", number)
        x, y = torch.randn(2, 200, 12, dtype=torch.float64, generator=random)
        return x, y[:160] + shift

    draws = [pair(number) for number in range(150)]
    found = torch.tensor([kernel_distance_of_all(*one) for one in draws])
    errors = torch.tensor([kernel_error(*one) for one in draws])
    if shift:
        assert float(errors.mean()) == pytest.approx(float(found.std()), rel=0.2)
    else:  # equal sets: the first term of the variance is near 0, so the error is too large
        assert float(errors.mean()) >= float(found.std()) * 0.9


def test_the_error_of_kid_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = torch.randn(2, 90, 8, generator=generator("blocks"))
    whole = kernel_error(x, y[:70])
    monkeypatch.setattr(fid_kid, "_CHUNK", 16)
    assert kernel_error(x, y[:70]) == pytest.approx(whole, rel=1e-9)


def test_rows_a_few_at_a_time_change_rounding_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    real = torch.rand(300, 12, generator=generator("real"))
    fake = torch.rand(200, 12, generator=generator("fake")) ** 1.1

    def figures() -> list[float]:
        overlap = manifold_overlap(real, fake).model_dump().values()
        distance = kernel_distance(real, fake, subsets=10)
        return [frechet_distance(real, fake), *distance, kernel_error(real, fake), *overlap]

    whole = figures()
    for module in (fid_kid, distances):
        monkeypatch.setattr(module, "AT_ONCE", 64)
    assert figures() == pytest.approx(whole, rel=1e-10)
