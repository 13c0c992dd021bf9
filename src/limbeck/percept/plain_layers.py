"""Layers of the pretrained trunks: plain torch, no initialisation (weights are always loaded)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Size = int | tuple[int, int]


def pair(size: Size) -> tuple[int, int]:
    """3 -> (3, 3); (1, 7) stays."""
    return (size, size) if isinstance(size, int) else size


class Conv(nn.Module):
    """Convolution [N, I, H, W] -> [N, O, H', W'] with zero weights until they are loaded.

    `nn.Conv2d` would draw its initial weights from the global generator.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: Size,
        *,
        stride: int = 1,
        padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs // groups, *pair(kernel)))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.stride, self.padding, self.groups = stride, pair(padding), groups

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, 1, self.groups)


def fill(net: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Load `tensors` strictly, as fp32, and freeze `net` in evaluation mode."""
    net.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    net.eval().requires_grad_(False)
