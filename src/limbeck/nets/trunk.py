"""The trunk that discriminator and encoder share: image -> features (StyleGAN2, section 4)."""

import torch
from torch import Tensor, nn

from limbeck.config import NetConfig
from limbeck.nets.layers import Conv
from limbeck.ops import make_filter

_HALF = 0.5**0.5


class TrunkBlock(nn.Module):
    """One resolution: `fromrgb` (first block only), `conv0`, `conv1` (down), `skip` (resnet)."""

    def __init__(self, net: NetConfig, size: int) -> None:
        super().__init__()
        inputs, outputs = net.channels(size), net.channels(size // 2)
        # Part of the public layout; the convolutions carry their own, so nothing reads this one.
        self.register_buffer("resample_filter", make_filter())
        clamp = net.conv_clamp
        self.fromrgb = Conv(3, inputs, 1, clamp=clamp) if size == net.size else None
        residual = net.d_architecture != "orig"
        self.conv0 = Conv(inputs, inputs, 3, clamp=clamp)
        gain = _HALF if residual else 1.0
        self.conv1 = Conv(inputs, outputs, 3, down=2, gain=gain, clamp=clamp)
        self.skip = (
            Conv(inputs, outputs, 1, bias=False, activate=False, down=2, gain=_HALF)
            if residual
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3 or I, H, W] -> [N, O, H / 2, W / 2]."""
        if self.fromrgb is not None:
            x = self.fromrgb(x)
        y: Tensor = self.conv1(self.conv0(x))
        return y if self.skip is None else y + self.skip(x)


class Trunk(nn.Module):
    """Blocks `b{size}` ... `b8` in the compute dtype."""

    def __init__(self, net: NetConfig) -> None:
        super().__init__()
        self.compute_dtype = torch.float32
        self.net_size = net.size
        self.sizes = [2**i for i in range(net.size.bit_length() - 1, 2, -1)]
        for size in self.sizes:
            self.add_module(f"b{size}", TrunkBlock(net, size))

    def features(self, x: Tensor) -> list[Tensor]:
        """Feature maps after each block, largest first, the last one [N, C, 4, 4].

        Args:
            x: float32 [N, 3, S, S] in [-1, 1].

        Raises:
            ValueError: images of another size.
        """
        if x.shape[1:] != (3, self.net_size, self.net_size):
            raise ValueError(
                f"images are {tuple(x.shape)}, this network takes "
                f"[N, 3, {self.net_size}, {self.net_size}]"
            )
        x = x.to(self.compute_dtype, memory_format=torch.channels_last)
        maps: list[Tensor] = []
        for size in self.sizes:
            x = self.get_submodule(f"b{size}")(x)
            maps.append(x)
        return maps
