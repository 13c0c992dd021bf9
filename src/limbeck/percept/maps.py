"""Feature maps at four scales from a frozen trunk, for a projected discriminator.

Sauer et al. 2021 (arXiv 2111.01007) take EfficientNet-Lite0's activations at strides 4, 8, 16 and
32. The trunk is in evaluation mode, so every batch norm is a part of the convolution before it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limbeck.percept.efficientnet import EfficientNetLite0, Inverted, Norm, SameConv
from limbeck.percept.plain_layers import fill
from limbeck.percept.weights import read_weights

_EPS = 1e-3  # of EfficientNet's batch norm
_TAPS = (2, 4, 10, 15)  # blocks after which a map is taken: strides 4, 8, 16, 32


class Folded(nn.Module):
    """A convolution and the fixed batch norm behind it as one with bias, then ReLU6 if wanted."""

    weight: Tensor
    bias: Tensor

    def __init__(self, conv: SameConv, norm: Norm, act: bool) -> None:
        super().__init__()
        scale = norm.weight / (norm.running_var + _EPS).sqrt()
        weight = conv.weight * scale[:, None, None, None]
        self.register_buffer("weight", weight.detach())
        self.register_buffer("bias", (norm.bias - norm.running_mean * scale).detach())
        self.kernel, self.stride, self.groups, self.act = conv.kernel, conv.stride, conv.groups, act

    def forward(self, x: Tensor) -> Tensor:
        """[N, I, H, W] -> [N, O, ceil(H / stride), ceil(W / stride)], "same" padding."""
        padding = self.kernel // 2
        if self.stride > 1:  # the odd pixel goes to the right and bottom
            pads = []
            for length in (x.shape[-1], x.shape[-2]):
                total = max((-(-length // 2) - 1) * 2 + self.kernel - length, 0)
                pads += [total // 2, total - total // 2]
            x, padding = F.pad(x, pads), 0
        y = F.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)
        return F.relu6(y) if self.act else y


class _Block(nn.Module):
    """An inverted residual with its norms folded in."""

    def __init__(self, block: Inverted) -> None:
        super().__init__()
        wide = block.expand_conv is not None and block.bn0 is not None
        self.expand = Folded(block.expand_conv, block.bn0, True) if wide else None  # type: ignore[arg-type]
        self.depthwise = Folded(block.depthwise_conv, block.bn1, True)
        self.project = Folded(block.project_conv, block.bn2, False)
        self.residual = block.residual

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        return y + x if self.residual else y


class FeatureMaps(nn.Module):
    """Images -> four maps of EfficientNet-Lite0; frozen, differentiable in the images.

    Args:
        side: pixels that images are brought to first, a multiple of 32.
        dtype: in which it computes; float32 or bfloat16.
        device: where it lives.

    Attributes:
        channels: of the maps, finest first.
    """

    channels = (24, 40, 112, 320)

    def __init__(
        self, side: int, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> None:
        """Read the weights that ship with limbeck.

        Raises:
            WeightsError: they are missing or damaged.
        """
        super().__init__()
        net = EfficientNetLite0(classes=0)
        fill(net, read_weights("efficientnet-lite0-trunk"))
        self.side, self.dtype = side, dtype
        self.stem = Folded(net.conv_stem, net.bn0, True)
        blocks = [block for block in net.blocks if isinstance(block, Inverted)]
        self.blocks = nn.ModuleList(_Block(block) for block in blocks[: _TAPS[-1] + 1])
        self.to(device, dtype)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.eval().requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Where it lives."""
        return self.stem.weight.device

    @property
    def sides(self) -> tuple[int, ...]:
        """Of the maps, pixels, finest first."""
        return tuple(-(-self.side // stride) for stride in (4, 8, 16, 32))

    def forward(self, x: Tensor) -> list[Tensor]:
        """float [N, 3, H, W] in [-1, 1] -> [N, C, h, w] in `dtype`, at strides 4, 8, 16, 32."""
        if x.shape[-1] != self.side or x.shape[-2] != self.side:
            x = F.interpolate(x, size=(self.side, self.side), mode="bilinear", align_corners=False)
        x = (x * (127.5 / 128) + 0.5 / 128).to(self.dtype, memory_format=torch.channels_last)
        x = self.stem(x)
        maps: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in _TAPS:
                maps.append(x)
        return maps
