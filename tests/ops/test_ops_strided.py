"""Convolutions with stride 2 and their weight's gradient as matrix products: the plain results."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.ops import conv2d_down, conv2d_up, strided

SHAPES = [(2, 3, 5, 4, 6), (1, 4, 2, 1, 1), (3, 2, 2, 5, 3)]  # N, I, O, h, w of the smaller image


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strided, "_products_pay", lambda *_: True)


def down(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(x, weight, stride=2)


def up(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)


WAYS = pytest.mark.parametrize(("ours", "plain"), [(conv2d_down, down), (conv2d_up, up)])
Way = Callable[[Tensor, Tensor], Tensor]


def given(ours: Way, shape: tuple[int, ...], dtype: torch.dtype) -> list[Tensor]:
    n, i, o, h, w = shape
    rng = torch.Generator().manual_seed(sum(shape))
    size = (2 * h + 1, 2 * w + 1) if ours is conv2d_down else (h, w)
    x = torch.randn(n, i, *size, generator=rng, dtype=dtype)
    weight = torch.randn(o, i, 3, 3, generator=rng, dtype=dtype)
    return [x.requires_grad_(True), weight.requires_grad_(True)]


@WAYS
@pytest.mark.parametrize("shape", SHAPES)
def test_results_and_gradients_are_the_plain_ones(ours: Way, plain: Way, shape: tuple[int, ...]):
    inputs = given(ours, shape, torch.float64)
    y, wanted = ours(*inputs), plain(*inputs)
    torch.testing.assert_close(y, wanted)
    g = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    found = torch.autograd.grad(y, inputs, g)
    torch.testing.assert_close(found, torch.autograd.grad(wanted, inputs, g))


@WAYS
def test_derivatives_of_first_and_second_order(ours: Way, plain: Way):
    inputs = given(ours, (2, 2, 3, 2, 3), torch.float64)
    assert torch.autograd.gradcheck(ours, inputs)
    assert torch.autograd.gradgradcheck(ours, inputs)


def test_the_bias_is_added():
    x, weight = given(conv2d_down, SHAPES[0], torch.float64)
    bias = torch.arange(5.0, dtype=torch.float64)
    torch.testing.assert_close(conv2d_down(x, weight, bias), F.conv2d(x, weight, bias, stride=2))


@pytest.mark.parametrize(
    ("capability", "dtype", "channels", "side", "taken"),
    [
        ("AVX2", torch.float32, 64, 8, True),
        ("AVX512", torch.float32, 64, 8, False),
        ("AVX2", torch.bfloat16, 64, 8, False),
        ("AVX2", torch.float32, 63, 8, False),
        ("AVX2", torch.float32, 64, 7, False),
    ],
)
def test_products_are_taken_where_they_pay(
    capability: str,
    dtype: torch.dtype,
    channels: int,
    side: int,
    taken: bool,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.undo()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    x, weight = torch.zeros(1, dtype=dtype), torch.zeros(64, channels, 3, 3)
    assert strided._products_pay(x, weight, side) == taken
