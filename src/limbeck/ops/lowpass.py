"""Low-pass filters by Kaiser's window (Karras et al. 2021, arXiv 2106.12423, appendix C).

The ideal low-pass filter, sinc in one dimension and jinc for a disc in two, is infinite. A Kaiser
window cuts it to a few taps; the window's shape beta follows from the width of the transition band
and the number of taps (Kaiser 1974).
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Taps = NDArray[np.float64]


def kaiser_beta(taps: int, width: float) -> float:
    """Shape of the window whose transition band is `width` of the sampling rate wide.

    Kaiser's estimate of the attenuation, A = 2.285 (n - 1) 2 pi width + 7.95 dB, and his formula
    for beta of A.
    """
    attenuation = 2.285 * (taps - 1) * 2 * math.pi * width + 7.95
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return float(0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21))
    return 0.0


def _jinc(radius: Taps, cutoff: float) -> Taps:
    """The low-pass filter of a disc: J1(2 pi f_c r) / r, without its constant factor."""
    from scipy.special import j1

    found: Taps = j1(2 * math.pi * cutoff * radius) / radius
    return found


def lowpass_filter(
    taps: int, cutoff: float, half_width: float, rate: float, *, radial: bool = False
) -> Tensor:
    """Filter of unit gain for constants, on samples that lie `rate` to the unit of length.

    Args:
        taps: its length n, even where it is `radial`; 1 = none is wanted.
        cutoff: f_c, where it halves, in cycles per unit.
        half_width: f_h of the transition band from f_c - f_h to f_c + f_h.
        rate: s, samples per unit.
        radial: jinc on a square of n x n taps for sinc on a line.

    Returns:
        float32 [n], or [n, n] where it is radial and n is not 1.

    Raises:
        ValueError: no taps, or an odd number of radial ones (whose middle would divide by zero).
    """
    if taps < 1 or (radial and taps > 1 and taps % 2):
        raise ValueError(f"a filter of {taps} taps{' around a point' if radial else ''}")
    if taps == 1:
        return torch.ones(1)
    window = np.kaiser(taps, kaiser_beta(taps, 2 * half_width / rate))
    x = (np.arange(taps) - (taps - 1) / 2) / rate
    if radial:
        filter_ = _jinc(np.hypot(*np.meshgrid(x, x)), cutoff) * np.outer(window, window)
    else:
        filter_ = np.sinc(2 * cutoff * x) * window
    return torch.tensor(filter_ / filter_.sum(), dtype=torch.float32)
