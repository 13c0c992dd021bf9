"""Low-pass filters and the filtered nonlinearity, against scipy and against a plain form."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import firwin
from torch import Tensor

from limbeck.ops import Resizing, filtered_lrelu, lowpass_filter


@pytest.mark.parametrize(
    ("taps", "cutoff", "half_width", "rate"),
    [(12, 2.0, 6.0, 32), (24, 3.4, 4.6, 64), (12, 16.0, 3.7, 64), (8, 1.0, 0.02, 64)],
)
def test_filters_on_a_line_are_those_of_scipy(
    taps: int, cutoff: float, half_width: float, rate: float
) -> None:
    wanted = firwin(taps, cutoff, width=2 * half_width, fs=rate)
    np.testing.assert_allclose(lowpass_filter(taps, cutoff, half_width, rate), wanted, atol=1e-7)


def response(f: Tensor, frequency: float, angle: float, rate: float) -> float:
    """Gain of a filter [n, n] for a wave of so many cycles per unit in a direction."""
    x = (torch.arange(len(f)) - (len(f) - 1) / 2) / rate
    along = x[None, :] * math.cos(angle) + x[:, None] * math.sin(angle)
    return float((f * torch.cos(2 * math.pi * frequency * along)).sum())


def test_radial_filters_treat_all_directions_alike() -> None:
    radial = lowpass_filter(12, 8.0, 5.0, 64, radial=True)
    line = lowpass_filter(12, 8.0, 5.0, 64)
    square = line[:, None] * line[None, :]
    assert radial.sum() == pytest.approx(1, abs=1e-6)
    spread = []
    for f in (radial, square):
        gains = [response(f, 8.0, angle, 64) for angle in np.linspace(0, math.pi / 4, 7)]
        spread.append(max(gains) - min(gains))
    assert spread[0] < 0.05 < 0.08 < spread[1]  # the window is square in both
    assert response(radial, 16.0, 0.3, 64) < 0.02


def test_one_tap_is_no_filter() -> None:
    assert lowpass_filter(1, 2, 1, 16).tolist() == [1]
    with pytest.raises(ValueError, match="7 taps around a point"):
        lowpass_filter(7, 2, 1, 16, radial=True)


def plainly(x: Tensor, up: Tensor, down: Tensor, to: Resizing, gain: float, clamp: float) -> Tensor:
    """Zeros between, padding, both filters as matrices, one step after the other."""
    n, c, h, w = x.shape
    y = x.new_zeros(n, c, h * to.up, w * to.up)
    y[:, :, :: to.up, :: to.up] = x
    y = F.pad(y, (to.before, to.after, to.before, to.after))
    square = up[:, None] * up[None, :] * to.up**2
    y = F.conv2d(y, square.expand(c, 1, *square.shape), groups=c)
    y = (torch.where(y > 0, y, 0.2 * y) * gain).clamp(-clamp, clamp)
    square = down[:, None] * down[None, :] if down.ndim == 1 else down
    return F.conv2d(y, square.expand(c, 1, *square.shape), groups=c)[:, :, :: to.down, :: to.down]


CASES = {
    "same rate": (Resizing(2, 2, 9, 8), 12, 12, False),
    "to twice the rate": (Resizing(4, 2, 6, 3), 24, 12, False),
    "radial": (Resizing(2, 2, 11, 10), 12, 12, True),
    "samples fall off": (Resizing(2, 2, -3, -4), 12, 12, False),
    "wide padding": (Resizing(2, 2, 15, 14), 12, 12, False),
    "no finer grid": (Resizing(1, 1, 2, 1), 1, 1, False),
}


@pytest.mark.parametrize("case", CASES)
def test_fast_form_equals_the_plain_one_and_so_does_its_gradient(case: str) -> None:
    to, n, m, radial = CASES[case]
    rng = torch.Generator().manual_seed(1)
    up = lowpass_filter(n, 3.0, 4.0, 32)
    down = lowpass_filter(m, 4.0, 4.0, 32, radial=radial)
    x = torch.randn(2, 3, 18, 17, generator=rng).requires_grad_()
    wanted = plainly(x, up, down, to, 2**0.5, 0.8)
    found = filtered_lrelu(x, up, down, to, 2**0.5, 0.8)
    torch.testing.assert_close(found, wanted, atol=2e-6, rtol=1e-5)
    probe = torch.randn(wanted.shape, generator=rng)
    (a,) = torch.autograd.grad(found, x, probe)
    (b,) = torch.autograd.grad(wanted, x, probe)
    torch.testing.assert_close(a, b, atol=2e-6, rtol=1e-4)
    with torch.no_grad():  # in place
        kept = x.clone()
        torch.testing.assert_close(filtered_lrelu(x, up, down, to, 2**0.5, 0.8), found)
        torch.testing.assert_close(x, kept, atol=0, rtol=0)
