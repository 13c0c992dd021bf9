"""EfficientNet-Lite0 (Tan and Le, arXiv 1905.11946; Lite: ReLU6, no squeeze-and-excite)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limbeck.percept.plain_layers import Conv

SIDE = 224
_EPS = 1e-3
# repeats, kernel, first stride, expansion, outputs
_STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip


class SameConv(Conv):
    """Convolution with TensorFlow's 'same' padding: the odd pixel goes to the right and bottom."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:
        """float [N, I, H, W] -> [N, O, ceil(H / stride), ceil(W / stride)]."""
        pads = []
        for length in (x.shape[-1], x.shape[-2]):
            total = max((-(-length // self.stride) - 1) * self.stride + self.kernel - length, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(x, pads) if any(pads) else x)


class Norm(nn.Module):
    """Batch norm with fixed statistics."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """float [N, C, H, W] -> the same shape."""
        made: Tensor = F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=_EPS
        )
        return made


class Inverted(nn.Module):
    """Inverted residual: 1x1 expand (unless the factor is 1), depthwise, 1x1 project."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, factor: int) -> None:
        super().__init__()
        wide = inputs * factor
        self.expand_conv = SameConv(inputs, wide, 1) if factor > 1 else None
        self.bn0 = Norm(wide) if factor > 1 else None
        self.depthwise_conv = SameConv(wide, wide, kernel, stride=stride, groups=wide)
        self.bn1 = Norm(wide)
        self.project_conv = SameConv(wide, outputs, 1)
        self.bn2 = Norm(outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """float [N, I, H, W] -> [N, O, H / stride, W / stride]."""
        y: Tensor = x
        if self.expand_conv is not None and self.bn0 is not None:
            y = F.relu6(self.bn0(self.expand_conv(y)))
        y = F.relu6(self.bn1(self.depthwise_conv(y)))
        y = self.bn2(self.project_conv(y))
        return y.add(x) if self.residual else y


class Linear(nn.Module):
    """x [N, I] -> x W^T + b [N, O]; zero until loaded."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply and add."""
        return F.linear(x, self.weight, self.bias)


class EfficientNetLite0(nn.Module):
    """ImageNet classifier of 4.7 M parameters whose pooled head is a 1280-number feature.

    Args:
        classes: of the classifier; 0 leaves it out.
    """

    dim = 1280

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv_stem = SameConv(3, 32, 3, stride=2)
        self.bn0 = Norm(32)
        blocks: list[nn.Module] = []
        inputs = 32
        for repeats, kernel, first, factor, outputs in _STAGES:
            for index in range(repeats):
                stride = 1 if index else first
                blocks.append(Inverted(inputs, outputs, kernel, stride, factor))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.conv_head = SameConv(inputs, self.dim, 1)
        self.bn1 = Norm(self.dim)
        self.fc = Linear(self.dim, classes) if classes else None

    def forward(self, x: Tensor) -> Tensor:
        """(pixel - 127) / 128, float [N, 3, 224, 224] -> pooled head, f32 [N, 1280], in [0, 6]."""
        x = F.relu6(self.bn0(self.conv_stem(x)))
        x = F.relu6(self.bn1(self.conv_head(self.blocks(x))))
        return x.mean((2, 3))

    def logits(self, x: Tensor) -> Tensor:
        """As `forward`, then the classifier: f32 [N, 1000] over ImageNet's classes."""
        assert self.fc is not None, "made without its classifier"
        scores: Tensor = self.fc(self(x))
        return scores
