"""Modulated convolution against its plain twin; the activation against reference numbers."""

from pathlib import Path

import pytest
import torch
from plain_ops import modulated_conv2d_reference
from safetensors.torch import load_file
from torch import Tensor

from limbeck.ops import (
    demodulation,
    lrelu,
    make_filter,
    modulated_1x1,
    modulated_conv2d,
    squared_norms,
)

REFERENCE = Path(__file__).parents[1] / "fixtures" / "reference" / "stylegan2_reference.safetensors"


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def close(a: Tensor, b: Tensor, tolerance: float = 1e-12) -> bool:
    assert a.shape == b.shape
    return bool((a - b).abs().max() <= tolerance * b.abs().max())


@pytest.mark.parametrize("up", [1, 2])
@pytest.mark.parametrize("demodulate", [True, False])
def test_modulated_convolution_equals_its_plain_twin(up: int, demodulate: bool) -> None:
    x, w, s = draw(3, 4, 5, 6), draw(7, 4, 3, 3, seed=1), draw(3, 4, seed=2)
    f = make_filter().double()
    fast = modulated_conv2d(x, w, s, demodulate=demodulate, up=up, f=f)
    assert close(fast, modulated_conv2d_reference(x, w, s, demodulate=demodulate, up=up, f=f))


def test_rgb_convolution_equals_the_plain_twin() -> None:
    x, w, s = draw(2, 4, 5, 6), draw(3, 4, 1, 1, seed=1), draw(2, 4, seed=2)
    assert close(modulated_1x1(x, w, s), modulated_conv2d_reference(x, w, s, demodulate=False))


def test_demodulated_weights_have_unit_norm() -> None:
    w, s = draw(7, 4, 3, 3, seed=1), draw(3, 4, seed=2)
    scaled = (
        w[None]
        * s[:, None, :, None, None]
        * demodulation(squared_norms(w), s)[:, :, None, None, None]
    )
    assert close(scaled.square().sum((2, 3, 4)), torch.ones(3, 7, dtype=torch.float64), 1e-6)


@pytest.mark.parametrize("up", [1, 2])
def test_derivatives_of_modulated_convolution(up: int) -> None:
    f = make_filter().double()
    x, w, s = draw(2, 2, 3, 3), draw(2, 2, 3, 3, seed=1), draw(2, 2, seed=2)
    inputs = tuple(t.requires_grad_(True) for t in (x, w, s))

    def op(x: Tensor, w: Tensor, s: Tensor) -> Tensor:
        return modulated_conv2d(x, w, s, up=up, f=f)

    assert torch.autograd.gradcheck(op, inputs)
    assert torch.autograd.gradgradcheck(op, inputs)


def test_to_twice_the_size_needs_a_filter() -> None:
    with pytest.raises(ValueError, match="filter"):
        modulated_conv2d(draw(1, 2, 4, 4), draw(2, 2, 3, 3), draw(1, 2), up=2)


@pytest.mark.parity
def test_biased_activation_computes_the_reference_numbers() -> None:
    r = load_file(REFERENCE)
    biased = r["ops/x"] + r["ops/b"][:, None, None]
    assert close(lrelu(biased) * 2**0.5, r["ops/bias_act_lrelu"], 1e-6)
