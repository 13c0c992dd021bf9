import math

import pytest
import torch

from limbeck.kit.rng import Draws
from limbeck.training.augment import _Coins, _geometry, _moved, adapt_p, augment
from limbeck.training.losses import (
    discriminator_loss,
    feature_distance,
    generator_loss,
    path_lengths,
    path_penalty,
    r1_penalty,
)


def test_logistic_losses_in_closed_form():
    zero = torch.zeros(4, 1)
    assert generator_loss(zero).item() == pytest.approx(math.log(2))
    assert discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert generator_loss(zero + 20).item() < 1e-8 < generator_loss(zero - 20).item()
    assert discriminator_loss(zero + 20, zero - 20).item() < 1e-7


def test_r1_of_a_linear_discriminator_is_its_squared_weight():
    weight = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0))
    x = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    penalty = r1_penalty((x * weight).sum([1, 2, 3])[:, None], x)
    torch.testing.assert_close(penalty, weight.square().sum().expand(5))


def test_path_length_of_a_linear_map():
    g = torch.Generator().manual_seed(0)
    jacobian = torch.randn(3 * 4 * 4, 6, generator=g)
    ws = torch.randn(2, 5, 6, generator=g).requires_grad_(True)
    noise = torch.randn(2, 3, 4, 4, generator=g)
    pictures = (ws.sum(1) @ jacobian.T).reshape(2, 3, 4, 4)
    lengths = path_lengths(pictures, ws, noise)
    wanted = (noise.flatten(1) / 4 @ jacobian).norm(dim=1)
    torch.testing.assert_close(lengths, wanted)


def test_path_penalty_is_the_squared_distance_from_the_mean():
    penalty = path_penalty(torch.tensor([2.0, 4.0]), torch.tensor(1.0))
    assert penalty.item() == pytest.approx((1 + 9) / 2)


def test_feature_distance_has_no_scale():
    a, b = [torch.rand(2, 3, 4, 4)], [torch.rand(2, 3, 4, 4)]
    wanted = feature_distance(a, b)
    torch.testing.assert_close(feature_distance([a[0] * 7], [b[0] * 7]), wanted)
    assert feature_distance(b, b).item() == 0


def test_p_moves_towards_its_target_and_stays_a_probability():
    assert adapt_p(0.0, 1.0, 0.6, 500, 1.0) == pytest.approx(0.5)
    assert adapt_p(0.5, 0.0, 0.6, 500, 1.0) == pytest.approx(0.0)
    assert adapt_p(0.9, 1.0, 0.6, 500, 1.0) == 1.0
    assert adapt_p(0.1, -1.0, 0.6, 500, 1.0) == 0.0


def _pictures(count: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(3)) * 2 - 1


def test_augment_at_p_zero_is_the_input_itself():
    x = _pictures()
    assert augment(x, 0.0, Draws(torch.Generator())) is x


def test_augment_is_a_function_of_its_generator():
    x = _pictures()
    a = augment(x, 0.7, Draws(torch.Generator().manual_seed(1)))
    assert torch.equal(a, augment(x, 0.7, Draws(torch.Generator().manual_seed(1))))
    assert not torch.equal(a, augment(x, 0.7, Draws(torch.Generator().manual_seed(2))))
    assert a.shape == x.shape
    assert torch.isfinite(a).all()


def test_augment_touches_about_as_many_pictures_as_p_says():
    smooth = torch.nn.functional.avg_pool2d(_pictures(200), 5, 1, 2)

    def moved(p: float) -> float:
        out = augment(smooth, p, Draws(torch.Generator().manual_seed(0)))
        identity = augment(smooth, 1e-9, Draws(torch.Generator().manual_seed(0)))
        return ((out - identity).abs().amax([1, 2, 3]) > 1e-3).float().mean().item()

    assert moved(1e-9) == 0
    assert 0.02 < moved(0.01) < 0.3
    assert moved(1.0) > 0.99


def test_an_untouched_picture_stays_as_it_is():
    x = _pictures()
    out = augment(x, 1e-9, Draws(torch.Generator().manual_seed(0)))
    assert (out - x).abs().max() < 1e-6


@pytest.mark.parametrize("size", [16, 32])
def test_enlarging_and_reducing_alone_changes_nothing(size: int):
    impulse = torch.zeros(size * size, 1, size * size).reshape(-1, 1, size, size)
    impulse.view(size * size, -1).fill_diagonal_(1)
    x = impulse.expand(-1, 3, -1, -1)
    assert (_moved(x, torch.eye(3).expand(len(x), 3, 3)) - x).abs().max() < 1e-5


@pytest.mark.parametrize("turn", [[[-1.0, 0, 0], [0, 1, 0]], [[0.0, -1, 0], [1, 0, 0]]])
def test_mirrors_and_quarter_turns_keep_their_place(turn: list[list[float]]):
    ramp = torch.linspace(-1, 1, 32)
    x = (ramp[:, None] * 0.3 + ramp[None] * 0.7).expand(1, 3, 32, 32)
    matrix = torch.tensor([*turn, [0, 0, 1]])
    wanted = x.flip(3) if turn[0][0] else x.rot90(1, (2, 3))
    found = _moved(x, matrix[None])
    assert (found - wanted)[..., 4:-4, 4:-4].abs().max() < 0.02


def test_shifts_go_in_both_directions_at_once():
    x = torch.zeros(400, 3, 16, 16)
    x[:, :, 8, 8] = 1
    draws = Draws(torch.Generator().manual_seed(0))
    matrix = _geometry(_Coins(draws, 400, torch.tensor(0.02)), 16)
    moved = matrix[:, :2, 2].abs() > 1e-6
    straight = (matrix[:, :2, :2] - torch.eye(2)).abs().amax((1, 2)) < 1e-6
    both = moved.all(1)[straight].sum()
    assert both > 3
    assert moved.any(1)[straight].sum() - both <= both / 2  # whole pixels may round to none


def test_augment_gives_gradients():
    x = _pictures(4).requires_grad_(True)
    augment(x, 0.8, Draws(torch.Generator().manual_seed(0))).square().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
