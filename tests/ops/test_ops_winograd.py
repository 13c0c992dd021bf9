"""Winograd's convolution: results and derivatives of the plain one; when it is taken."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.ops import conv2d_same, winograd, winograd3x3

SHAPES = [(3, 5, 7, 8, 12), (1, 4, 4, 2, 2), (2, 6, 3, 16, 4)]  # N, I, O, H, W


def given(n: int, i: int, o: int, h: int, w: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    rng = torch.Generator().manual_seed(n + i + o)
    x, weight, bias = (
        torch.randn(*shape, generator=rng, dtype=dtype)
        for shape in ((n, i, h, w), (o, i, 3, 3), (o,))
    )
    return x, weight, bias


def relative(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("piece", [1, 700, 5000, 2**21])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_plain_convolution(
    shape: tuple[int, ...], last: bool, piece: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(winograd, "PIECE", piece)
    n, i, o, h, w = shape
    x, weight, bias = given(n, i, o, h, w, torch.float32)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    assert relative(winograd3x3(x, weight), F.conv2d(x, weight, padding=1)) < 3e-6
    y = winograd3x3(x, weight, bias)
    assert relative(y, F.conv2d(x, weight, bias, padding=1)) < 3e-6
    assert y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("piece", [1, 2**21])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_the_plain_convolution_s(
    shape: tuple[int, ...], piece: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(winograd, "PIECE", piece)
    n, i, o, h, w = shape
    inputs = [t.requires_grad_(True) for t in given(n, i, o, h, w, torch.float32)]
    g = torch.randn(n, o, h, w, generator=torch.Generator().manual_seed(1))
    found = torch.autograd.grad(winograd3x3(*inputs), inputs, g)
    wanted = torch.autograd.grad(F.conv2d(*inputs, padding=1), inputs, g)
    for a, b in zip(found, wanted, strict=True):
        assert relative(a, b) < 1e-5


def test_derivatives_of_first_and_second_order():
    inputs = [t.requires_grad_(True) for t in given(2, 3, 2, 4, 6, torch.float64)]
    assert torch.autograd.gradcheck(winograd3x3, inputs)
    assert torch.autograd.gradgradcheck(winograd3x3, inputs)


def test_a_penalty_on_gradients_reaches_the_weight():
    """As R1 does: the gradient to x, squared, differentiated by the weight."""
    x, weight, _ = given(2, 4, 4, 8, 8, torch.float64)
    found = []
    for conv in (winograd3x3, lambda a, b: F.conv2d(a, b, padding=1)):
        a, b = x.clone().requires_grad_(True), weight.clone().requires_grad_(True)
        y = conv(F.leaky_relu(conv(a, b), 0.2), b)
        (gradient,) = torch.autograd.grad(y.square().sum(), a, create_graph=True)
        found.append(torch.autograd.grad(gradient.square().sum(), b)[0])
    assert relative(found[0], found[1]) < 1e-9


@pytest.mark.parametrize(
    ("channels", "side", "kernel", "dtype", "taken"),
    [
        (16, 8, 3, torch.float32, True),
        (15, 8, 3, torch.float32, False),
        (16, 4, 3, torch.float32, False),
        (16, 9, 3, torch.float32, False),
        (16, 8, 1, torch.float32, False),
        (16, 8, 3, torch.bfloat16, False),
    ],
)
def test_it_is_taken_where_it_pays(
    channels: int,
    side: int,
    kernel: int,
    dtype: torch.dtype,
    taken: bool,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(winograd, "least_channels", lambda: 16)
    calls: list[int] = []
    monkeypatch.setattr(
        winograd, "winograd3x3", lambda *a: calls.append(1) or F.conv2d(*a, padding=1)
    )
    x = torch.randn(1, channels, side, side, dtype=dtype)
    weight = torch.randn(16, channels, kernel, kernel, dtype=dtype)
    y = conv2d_same(x, weight)
    assert bool(calls) == taken
    assert torch.equal(y, F.conv2d(x, weight, padding=kernel // 2))
