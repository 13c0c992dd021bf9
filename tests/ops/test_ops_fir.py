"""FIR resampling: reference numbers, the definition, the adjoint law, derivatives of any order."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_ops import upfirdn_reference
from safetensors.torch import load_file
from torch import Tensor

from limbeck.ops import (
    Plan,
    fir,
    make_filter,
    resample,
    upsample2,
)

REFERENCE = Path(__file__).parents[1] / "fixtures" / "reference" / "stylegan2_reference.safetensors"
HALVE = Plan(1, 2, (1, 1, 1, 1))
PLANS = [
    Plan(),
    Plan(1, 1, (2, 2, 2, 2)),
    Plan(1, 1, (1, 1, 1, 1), False, 4.0),
    Plan(2, 1, (2, 1, 2, 1), False, 4.0),
    Plan(2, 1, (1, 2, 2, 1), True),
    Plan(2, 1, (4, 3, 1, 5)),
    HALVE,
    Plan(1, 2, (-1, 0, 1, -1), True),
    Plan(2, 3, (3, 2, 0, 4), True, 0.5),
    Plan(3, 2, (-1, 2, 1, 0)),
]


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def relative(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parity
def test_resampling_computes_the_reference_numbers() -> None:
    r = load_file(REFERENCE)
    x, f = r["ops/x"], r["ops/f"]
    assert relative(upsample2(x, f), r["ops/upsample2"]) < 1e-6
    assert relative(resample(x, f, HALVE), r["ops/downsample2"]) < 1e-6
    assert relative(resample(x, f, Plan(1, 1, (2, 1, 2, 1))), r["ops/filter2"]) < 1e-6
    padded = resample(x, f, Plan(2, 1, (2, 1, 2, 1), gain=4.0))
    assert relative(padded, r["ops/upfirdn_2_1_pad"]) < 1e-6
    cropped = resample(x, f, Plan(1, 2, (-1, 0, 1, -1), correlate=True))
    assert relative(cropped, r["ops/upfirdn_1_2_neg"]) < 1e-6
    assert torch.equal(make_filter(), f)


@pytest.mark.parametrize("plan", PLANS, ids=str)
@pytest.mark.parametrize("sides", [(4, 4), (3, 5)], ids=str)
def test_resampling_follows_its_definition(plan: Plan, sides: tuple[int, int]) -> None:
    x = torch.randn(2, 3, 7, 9, generator=rng())
    f = torch.randn(*sides, generator=rng(1))  # no symmetry that hides a turned filter
    assert relative(resample(x, f, plan), upfirdn_reference(x, f, plan)) < 2e-6


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_bf16_takes_the_other_way_to_the_same_result(plan: Plan) -> None:
    x = torch.randn(2, 3, 7, 9, generator=rng()).bfloat16()
    f = make_filter()
    y = resample(x, f, plan)
    assert y.dtype == torch.bfloat16
    assert relative(y.float(), upfirdn_reference(x.float(), f, plan)) < 1e-2


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 3), st.tuples(*[st.integers(-1, 4)] * 4), st.booleans(),
    st.integers(4, 8), st.integers(4, 8), st.integers(1, 4), st.integers(1, 4),
)  # fmt: skip
def test_adjoint_law(
    up: int, down: int, pad: tuple[int, int, int, int], turn: bool, h: int, w: int, fh: int, fw: int
) -> None:
    """<A x, y> = <x, A^T y> for every plan that has an output."""
    plan = Plan(up, down, pad, turn, 1.5)
    out_h, out_w = plan.output(h, w, fh, fw)
    if min(out_h, out_w) < 1:
        return
    x = torch.randn(1, 2, h, w, generator=rng(), dtype=torch.float64)
    y = torch.randn(1, 2, out_h, out_w, generator=rng(1), dtype=torch.float64)
    f = torch.randn(fh, fw, generator=rng(2), dtype=torch.float64)
    forward, back = resample(x, f, plan), resample(y, f, plan.adjoint(h, w, fh, fw))
    assert back.shape == x.shape
    left, right = float((forward * y).sum()), float((x * back).sum())
    assert left == pytest.approx(right, abs=1e-9)


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_derivatives_of_first_and_second_order(plan: Plan) -> None:
    x = torch.randn(1, 1, 6, 5, generator=rng(), dtype=torch.float64, requires_grad=True)
    f = torch.randn(4, 4, generator=rng(1), dtype=torch.float64)

    def squared(x: Tensor) -> Tensor:  # not linear, so the second derivative is not zero
        return resample(x, f, plan).square()

    assert torch.autograd.gradcheck(squared, (x,))
    assert torch.autograd.gradgradcheck(squared, (x,))


def test_a_constant_picture_keeps_its_value() -> None:
    x, f = torch.full((1, 1, 16, 16), 0.7), make_filter()
    for y in (upsample2(x, f), resample(x, f, HALVE)):
        middle = y[:, :, 3:-3, 3:-3]
        assert torch.allclose(middle, torch.full_like(middle, 0.7), atol=1e-6)


def test_channels_last_stays_channels_last() -> None:
    x = torch.randn(2, 8, 8, 8, generator=rng()).contiguous(memory_format=torch.channels_last)
    for dtype in (torch.float32, torch.bfloat16):
        f = make_filter()
        for y in (upsample2(x.to(dtype), f), resample(x.to(dtype), f, HALVE)):
            assert y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("correlate", [False, True])
@pytest.mark.parametrize("shape", [(4, 4), (2, 3), (6, 2)])
def test_a_filter_of_odd_sides_computes_the_same(
    padding: int, correlate: bool, shape: tuple[int, int]
) -> None:
    """What CUDA takes in place of even sides."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 9, 11, generator=rng)
    f = torch.randn(shape, generator=rng)
    plan = Plan(1, 1, (padding,) * 4, correlate)
    torch.testing.assert_close(fir._framed(x, f, plan), fir._depthwise(x, f, plan))
