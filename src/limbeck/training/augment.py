"""The augment pipeline of ADA (Karras et al. 2020, arXiv 2006.06676, appendix B).

Pixel blits, general geometric transformations and colour transformations, each applied to each
image with probability p, differentiable to first order. Geometry is one affine map read from a
image enlarged twice by the sym6 wavelet, then reduced by it, with mirrored borders. The wavelet
is orthonormal, so enlarging and reducing alone change nothing; images without geometry go past
both all the same.
"""

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.kit.rng import Draws

# The low-pass filter of the wavelet sym6 (Daubechies 1992): orthonormal to its even shifts.
_SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633,
    0.4910559419267466, 0.787641141030194, 0.3379294217276218, -0.07263752278646252,
    -0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip
_EDGE = len(_SYM6) // 2 - 1  # samples beyond the image that its filter reaches on either side
_OFF_CENTRE = sum(k * tap for k, tap in enumerate(_SYM6)) / sum(_SYM6) - (_EDGE + 0.5)


@cache
def constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """float32 [n]; made once, because a recorded CUDA graph cannot copy from the host."""
    return torch.tensor(values, device=device)


def adapt_p(p: float, mean_sign: float, target: float, images: int, ada_kimg: float) -> float:
    """New strength: p moves by images / (1000 ada_kimg) towards E[sign D(x)] = target (eq. 1)."""
    step = math.copysign(images / (ada_kimg * 1000), mean_sign - target)
    return min(max(p + step, 0.0), 1.0)


def _affine(rows: list[list[Tensor]]) -> Tensor:
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


class _Coins:
    """Random numbers of one call [N]; `gated` applies a value where the coin of p falls."""

    def __init__(self, draws: Draws, count: int, p: Tensor) -> None:
        self.draws, self.count, self.p, self.device = draws, count, p, p.device

    def uniform(self) -> Tensor:
        return self.draws.uniform(self.count).to(self.device)

    def normal(self) -> Tensor:
        return self.draws.normal(self.count).to(self.device)

    def gated(self, value: Tensor, neutral: float, p: Tensor | None = None) -> Tensor:
        """`value` where the coin of p falls, `neutral` elsewhere."""
        return torch.where(self.uniform() < (self.p if p is None else p), value, neutral)


def _geometry(draw: _Coins, size: int) -> Tensor:
    """Inverse affine maps [N, 3, 3] from output to input, in units of half the image."""
    one, zero = (
        torch.ones(draw.count, device=draw.device),
        torch.zeros(draw.count, device=draw.device),
    )

    def rotate(angle: Tensor) -> Tensor:
        c, s = angle.cos(), angle.sin()
        return _affine([[c, -s, zero], [s, c, zero], [zero, zero, one]])

    def scale(x: Tensor, y: Tensor) -> Tensor:
        return _affine([[x, zero, zero], [zero, y, zero], [zero, zero, one]])

    def shift(x: Tensor, y: Tensor) -> Tensor:
        return _affine([[one, zero, x], [zero, one, y], [zero, zero, one]])

    # Pixel blits: mirror, quarter turns, whole-pixel shifts of up to an eighth.
    matrix = scale(draw.gated(1 - 2 * (draw.uniform() < 0.5).float(), 1.0), one)
    matrix = matrix @ rotate(draw.gated((draw.uniform() * 4).floor(), 0.0) * (math.pi / 2))
    moved = draw.gated(one, 0.0)  # one coin for both directions
    across, down = (((draw.uniform() * 2 - 1) * size / 8).round() * moved for _ in "xy")
    matrix = matrix @ shift(across * 2 / size, down * 2 / size)
    # General geometry: isotropic scale, rotation, anisotropic scale, rotation, shift.
    factor = torch.exp2(draw.gated(draw.normal() * 0.2, 0.0))
    matrix = matrix @ scale(factor, factor)
    p_rot = 1 - (1 - draw.p).sqrt()
    matrix = matrix @ rotate(draw.gated((draw.uniform() * 2 - 1) * math.pi, 0.0, p_rot))
    factor = torch.exp2(draw.gated(draw.normal() * 0.2, 0.0))
    matrix = matrix @ scale(factor, 1 / factor)
    matrix = matrix @ rotate(draw.gated((draw.uniform() * 2 - 1) * math.pi, 0.0, p_rot))
    moved = draw.gated(one * 0.25, 0.0)
    return matrix @ shift(draw.normal() * moved, draw.normal() * moved)


def _colour(draw: _Coins) -> tuple[Tensor, Tensor]:
    """Affine maps of RGB: matrices [N, 3, 3] and offsets [N, 3]."""
    eye = torch.eye(3, device=draw.device)
    luma = torch.full((3, 3), 1 / 3, device=draw.device)  # v v^T of the grey axis
    brightness = draw.gated(draw.normal() * 0.2, 0.0)
    contrast = torch.exp2(draw.gated(draw.normal() * 0.5, 0.0))
    flip = draw.gated((draw.uniform() < 0.5).float(), 0.0)
    angle = draw.gated((draw.uniform() * 2 - 1) * math.pi, 0.0)
    saturation = torch.exp2(draw.gated(draw.normal(), 0.0))
    axis = 3**-0.5
    cross = axis * constant((0.0, -1, 1, 1, 0, -1, -1, 1, 0), draw.device).reshape(3, 3)
    c, s = angle.cos()[:, None, None], angle.sin()[:, None, None]
    hue = c * eye + s * cross + (1 - c) * luma  # Rodrigues about the grey axis
    matrix = contrast[:, None, None] * eye
    matrix = (eye - 2 * flip[:, None, None] * luma) @ matrix
    offset = (brightness * contrast * (1 - 2 * flip))[:, None].expand(-1, 3)
    matrix = hue @ matrix  # leaves the grey axis, and so `offset`, alone
    matrix = (luma + (eye - luma) * saturation[:, None, None]) @ matrix
    return matrix, offset


@cache
def _resampling(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """sym6 along one side, as matrices: with mirrored borders to twice the size, and back.

    As matrix products they cost a fifth of convolutions by twelve taps on a CPU.

    Returns:
        float32 [4 S, S], the middle half of which is the image; and [S, 2 S + 2 _EDGE].
    """
    taps = torch.tensor(_SYM6)[None, None, :, None]
    bordered = F.pad(torch.eye(size)[None, None], [0, 0, size // 2, size // 2], mode="reflect")
    up = F.conv_transpose2d(bordered, taps, stride=(2, 1), padding=(_EDGE, 0))[0, 0]
    down = F.conv2d(torch.eye(2 * size + 2 * _EDGE)[None, None], taps, stride=(2, 1))[0, 0]
    return up.to(device), down.to(device)


def _moved(pictures: Tensor, matrix: Tensor) -> Tensor:
    """Images [N, 3, S, S] read where the maps [N, 3, 3] from output to input say."""
    count, _, size, _ = pictures.shape
    up, down = _resampling(size, pictures.device)
    x = up @ pictures @ up.T
    # The image is the middle half of what is read; more samples all round feed the filter. It
    # leans to one side, so the image's centre is not the samples'.
    side = 2 * size + 2 * _EDGE
    lean = _OFF_CENTRE / size
    there, back = (torch.eye(3, device=x.device) for _ in range(2))
    there[:2, 2], back[:2, 2] = lean, -lean
    base = constant((side / (2 * size), side / (2 * size), 1.0), x.device)
    read = constant((0.5, 0.5, 1.0), x.device)[:, None]
    theta = (read * (there @ matrix @ back) * base)[:, :2]
    grid = F.affine_grid(theta, [count, 3, side, side], align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return down @ x @ down.T


def translate(pictures: Tensor, draws: Draws) -> Tensor:
    """Shift each of float32 [N, 3, S, S] by whole pixels, up to an eighth; mirrored borders.

    Of differentiable augmentation (Zhao et al. 2020, arXiv 2006.10738, section 3.1) the part that
    does not change colours. There black comes in, and generators learn to draw the dark frame.
    """
    size = pictures.shape[-1]
    most = size // 8
    whole = (draws.uniform(len(pictures), 2).to(pictures.device) * (2 * most + 1)).floor() - most
    theta = torch.zeros(len(pictures), 2, 3, device=pictures.device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1.0
    theta[:, :, 2] = whole * (2 / size)
    grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
    return F.grid_sample(
        pictures, grid, mode="nearest", padding_mode="reflection", align_corners=False
    )


def augment(pictures: Tensor, p: float | Tensor, draws: Draws) -> Tensor:
    """Augment float32 [N, 3, S, S] with strength p in [0, 1]; at the number 0 the input itself.

    Args:
        pictures: in [-1, 1]; gradients flow to them.
        p: probability of each transformation; a number, or a scalar tensor that may change.
        draws: the only source of randomness.
    """
    if not isinstance(p, Tensor):
        if p <= 0:
            return pictures
        p = torch.tensor(p, device=pictures.device)
    count, _, size, _ = pictures.shape
    draw = _Coins(draws, count, p)
    matrix = _geometry(draw, size)
    still = (matrix == torch.eye(3, device=pictures.device)).all(2).all(1)
    x = torch.where(still[:, None, None, None], pictures, _moved(pictures, matrix))
    colour, offset = _colour(draw)
    return torch.einsum("nij,njhw->nihw", colour, x) + offset[:, :, None, None]
