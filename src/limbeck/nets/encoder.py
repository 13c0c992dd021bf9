"""The encoder: the discriminator's trunk with a head into W (docs/method.md, 'Joint training')."""

import torch
from torch import Tensor, nn

from limbeck.config import NetConfig
from limbeck.nets.layers import Conv, FullyConnected, initialise
from limbeck.nets.trunk import Trunk


class _Neck(nn.Module):
    """4 px features -> one vector: `conv`, `fc`; no minibatch-std."""

    def __init__(self, channels: int, clamp: float | None) -> None:
        super().__init__()
        self.conv = Conv(channels, channels, 3, clamp=clamp)
        self.fc = FullyConnected(channels * 16, channels, activate=True)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, 4, 4] -> [N, C]."""
        y: Tensor = self.fc(self.conv(x).flatten(1))
        return y


class Encoder(Trunk):
    """Image -> one w in W: `w_avg` + head(trunk(x)); the head starts at zero, so E(x) = w_avg.

    Args:
        net: sizes and architecture.
        seed: source of the first parameters.
    """

    w_avg: Tensor

    def __init__(self, net: NetConfig, seed: int = 0) -> None:
        super().__init__(net)
        width = net.channels(4)
        self.b4 = _Neck(width, net.conv_clamp)
        self.head = FullyConnected(width, net.w_dim, zero=True)
        self.register_buffer("w_avg", torch.zeros(net.w_dim))
        initialise(self, seed, "E")

    def forward(self, x: Tensor) -> Tensor:
        """float32 [N, 3, S, S] in [-1, 1] -> w, float32 [N, w_dim].

        Raises:
            ValueError: wrong image size.
        """
        y: Tensor = self.head(self.b4(self.features(x)[-1]).float())
        return self.w_avg + y
