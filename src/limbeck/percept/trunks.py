"""The two trunks of LPIPS: the convolutional parts of torchvision's AlexNet and VGG16."""

import torch.nn.functional as F
from torch import Tensor, nn

from limbeck.percept.plain_layers import Conv


class AlexNet(nn.Module):
    """AlexNet (Krizhevsky 2014, 'one weird trick'): five activations after their ReLU.

    Parameters are named `features.N.weight` as in torchvision; zero until loaded.
    """

    channels = (64, 192, 384, 256, 256)

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.ModuleDict(
            {
                "0": Conv(3, 64, 11, stride=4, padding=2),
                "3": Conv(64, 192, 5, padding=2),
                "6": Conv(192, 384, 3, padding=1),
                "8": Conv(384, 256, 3, padding=1),
                "10": Conv(256, 256, 3, padding=1),
            }
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Normalised float [N, 3, H, W], H and W >= 32 -> relu1 .. relu5 (strides 4, 8, 16 x 3)."""
        maps: list[Tensor] = []
        for name, conv in self.features.items():
            if name in ("3", "6"):
                x = F.max_pool2d(x, 3, 2)
            x = F.relu(conv(x))
            maps.append(x)
        return maps


class VGG16(nn.Module):
    """VGG16 (Simonyan and Zisserman 2014): relu1_2, 2_2, 3_3, 4_3, 5_3.

    Parameters are named `features.N.weight` as in torchvision; zero until loaded.
    """

    channels = (64, 128, 256, 512, 512)
    blocks = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.ModuleDict()
        inputs = 3
        for names, outputs in zip(self.blocks, self.channels, strict=True):
            for name in names:
                self.features[str(name)] = Conv(inputs, outputs, 3, padding=1)
                inputs = outputs

    def forward(self, x: Tensor) -> list[Tensor]:
        """Normalised float [N, 3, H, W], H and W >= 32 -> five maps (strides 1, 2, 4, 8, 16)."""
        maps: list[Tensor] = []
        for names in self.blocks:
            if maps:
                x = F.max_pool2d(x, 2, 2)
            for name in names:
                x = F.relu(self.features[str(name)](x))
            maps.append(x)
        return maps
