"""The Inception of FID: the network of 2015-12-05 (Szegedy et al., arXiv 1512.00567; Heusel 2017).

Layer names are those of the TensorFlow graph. It differs from torchvision's Inception v3: batch
norm has no gamma and eps 1e-3; average pools of the blocks do not count the padding; the pool of
the last block, `mixed_10`, is a max pool.
"""

from collections import OrderedDict
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limbeck.percept.plain_layers import Conv, Size, pair

SIDE = 299
_EPS = 1e-3


class ConvNorm(Conv):
    """Convolution without bias, batch norm without gamma, ReLU."""

    beta: Tensor
    mean: Tensor
    var: Tensor

    def __init__(
        self, inputs: int, outputs: int, kernel: Size, *, stride: int = 1, padding: Size = 0
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
        for name in ("beta", "mean", "var"):
            self.register_buffer(name, torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """float [N, I, H, W] -> [N, O, H', W'] >= 0."""
        x = F.batch_norm(super().forward(x), self.mean, self.var, None, self.beta, eps=_EPS)
        return F.relu(x)


def _same(inputs: int, outputs: int, kernel: Size) -> ConvNorm:
    height, width = pair(kernel)
    return ConvNorm(inputs, outputs, kernel, padding=(height // 2, width // 2))


def _tower(inputs: int, *steps: tuple[int, Size], last_stride: int = 1) -> nn.Sequential:
    """Convolutions `conv`, `conv_1`, ... given as (outputs, kernel); a strided last is unpadded."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for index, (outputs, kernel) in enumerate(steps):
        strided = index == len(steps) - 1 and last_stride > 1
        layers[f"conv_{index}" if index else "conv"] = (
            ConvNorm(inputs, outputs, kernel, stride=last_stride)
            if strided
            else _same(inputs, outputs, kernel)
        )
        inputs = outputs
    return nn.Sequential(layers)


def _average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class Mixed(nn.Module):
    """Blocks that keep the grid: 1x1 | tower | tower_1 | average pool, 1x1."""

    def __init__(self, conv: ConvNorm, *towers: nn.Sequential) -> None:
        super().__init__()
        self.conv = conv
        self.tower, self.tower_1, self.tower_2 = towers

    def forward(self, x: Tensor) -> Tensor:
        """float [N, I, H, W] -> [N, O, H, W]."""
        parts = [self.conv(x), self.tower(x), self.tower_1(x), self.tower_2(_average(x))]
        return torch.cat(parts, 1)


def _mixed_35(inputs: int, pooled: int) -> Mixed:
    return Mixed(
        _same(inputs, 64, 1),
        _tower(inputs, (48, 1), (64, 5)),
        _tower(inputs, (64, 1), (96, 3), (96, 3)),
        _tower(inputs, (pooled, 1)),
    )


def _mixed_17(c: int) -> Mixed:
    wide, tall = (1, 7), (7, 1)
    return Mixed(
        _same(768, 192, 1),
        _tower(768, (c, 1), (c, wide), (192, tall)),
        _tower(768, (c, 1), (c, tall), (c, wide), (c, tall), (192, wide)),
        _tower(768, (192, 1)),
    )


class Reduce35(nn.Module):
    """`mixed_3`: 288 channels at 35 px -> 768 at 17 px."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = ConvNorm(288, 384, 3, stride=2)
        self.tower = _tower(288, (64, 1), (96, 3), (96, 3), last_stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """float [N, 288, H, W] -> [N, 768, H', W']."""
        return torch.cat([self.conv(x), self.tower(x), F.max_pool2d(x, 3, 2)], 1)


class Reduce17(nn.Module):
    """`mixed_8`: 768 channels at 17 px -> 1280 at 8 px."""

    def __init__(self) -> None:
        super().__init__()
        self.tower = _tower(768, (192, 1), (320, 3), last_stride=2)
        self.tower_1 = _tower(768, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3), last_stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """float [N, 768, H, W] -> [N, 1280, H', W']."""
        return torch.cat([self.tower(x), self.tower_1(x), F.max_pool2d(x, 3, 2)], 1)


class Forked(nn.Module):
    """`mixed_9` (average pool) and `mixed_10` (max pool): towers that end in a 1x3 and a 3x1."""

    def __init__(self, inputs: int, pool: Literal["average", "max"]) -> None:
        super().__init__()
        self.pool = pool
        self.conv = _same(inputs, 320, 1)
        self.tower_conv = _same(inputs, 384, 1)
        self.tower_mixed_conv = _same(384, 384, (1, 3))
        self.tower_mixed_conv_1 = _same(384, 384, (3, 1))
        self.tower_1_conv = _same(inputs, 448, 1)
        self.tower_1_conv_1 = _same(448, 384, 3)
        self.tower_1_mixed_conv = _same(384, 384, (1, 3))
        self.tower_1_mixed_conv_1 = _same(384, 384, (3, 1))
        self.tower_2_conv = _same(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """float [N, I, 8, 8] -> [N, 2048, 8, 8]."""
        a = self.tower_conv(x)
        b = self.tower_1_conv_1(self.tower_1_conv(x))
        pooled = _average(x) if self.pool == "average" else F.max_pool2d(x, 3, 1, 1)
        parts = [
            self.conv(x),
            self.tower_mixed_conv(a), self.tower_mixed_conv_1(a),
            self.tower_1_mixed_conv(b), self.tower_1_mixed_conv_1(b),
            self.tower_2_conv(pooled),
        ]  # fmt: skip
        return torch.cat(parts, 1)


class Inception(nn.Module):
    """FID's feature extractor; zero until loaded."""

    dim = 2048

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.ModuleDict(
            {
                "conv": ConvNorm(3, 32, 3, stride=2),
                "conv_1": ConvNorm(32, 32, 3),
                "conv_2": _same(32, 64, 3),
                "conv_3": ConvNorm(64, 80, 1),
                "conv_4": ConvNorm(80, 192, 3),
            }
        )
        self.blocks = nn.ModuleDict(
            {
                "mixed": _mixed_35(192, 32), "mixed_1": _mixed_35(256, 64),
                "mixed_2": _mixed_35(288, 64), "mixed_3": Reduce35(),
                "mixed_4": _mixed_17(128), "mixed_5": _mixed_17(160), "mixed_6": _mixed_17(160),
                "mixed_7": _mixed_17(192), "mixed_8": Reduce17(),
                "mixed_9": Forked(1280, "average"), "mixed_10": Forked(2048, "max"),
            }
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(pixel - 128) / 128, float [N, 3, 299, 299] -> pool3, f32 [N, 2048], >= 0."""
        for name, conv in self.stem.items():
            x = conv(x)
            if name in ("conv_2", "conv_4"):
                x = F.max_pool2d(x, 3, 2)
        for block in self.blocks.values():
            x = block(x)
        return x.mean((2, 3))


def _taps(source: int, side: int, like: Tensor) -> Tensor:
    """Matrix [side, source] of bilinear weights with sample k at k * source / side."""
    at = torch.arange(side, device=like.device, dtype=torch.float64) * (source / side)
    low = at.floor().long()
    high = (low + 1).clamp(max=source - 1)
    weight = at - low
    rows = torch.arange(side, device=like.device)
    taps = torch.zeros(side, source, dtype=torch.float64, device=like.device)
    taps.index_put_((rows, low), 1 - weight, accumulate=True)
    taps.index_put_((rows, high), weight, accumulate=True)
    return taps.to(like.dtype)


def resize_tf1(x: Tensor, side: int = SIDE) -> Tensor:
    """float NCHW -> [N, C, side, side] as TensorFlow 1 does, on which published FIDs stand.

    Bilinear, no half-pixel offset, no antialiasing, whatever the factor.
    """
    height, width = x.shape[-2:]
    if (height, width) == (side, side):
        return x
    return _taps(height, side, x) @ x @ _taps(width, side, x).T
