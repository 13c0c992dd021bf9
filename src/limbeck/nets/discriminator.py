"""The discriminator: trunk, minibatch standard deviation, logit (StyleGAN2, section 4)."""

import math

import torch
from torch import Tensor, nn

from limbeck.config import NetConfig
from limbeck.nets.layers import Conv, FullyConnected, initialise
from limbeck.nets.mapping import ClassMapping
from limbeck.nets.trunk import Trunk


def group_spread(x: Tensor, group: int | None, splits: int = 1) -> Tensor:
    """The mean standard deviation over a group (Karras et al. 2018, section 3).

    A batch of N forms N / g groups whose members are n, n + N / g, n + 2 N / g, ...

    Args:
        x: [N, C, H, W], float32.
        group: g, at most the batch; None = the whole batch.
        splits: statistics are taken within each of so many equal parts of the batch.

    Returns:
        [N, 1, 1, 1], the same within a group.

    Raises:
        ValueError: the batch does not divide into such parts or groups.
    """
    n, c, h, w = x.shape
    part = n // splits
    size = part if group is None else min(group, part)
    if n % splits or part % max(size, 1) or not size:
        raise ValueError(
            f"minibatch-std: {n} images do not form {splits} part(s) in groups of {group}"
        )
    y = x.reshape(splits, size, part // size, c, h, w)
    y = y - y.mean(1, keepdim=True)
    y = (y.square().mean(1) + 1e-8).sqrt().mean((2, 3, 4))
    return y[:, None].expand(splits, size, part // size).reshape(n, 1, 1, 1)


def minibatch_std(
    x: Tensor, group: int | None, splits: int = 1, spread: Tensor | None = None
) -> Tensor:
    """Append `group_spread` as one map, or `spread` [] in its place: [N, C + 1, H, W].

    Raises:
        ValueError: as `group_spread`.
    """
    n, _, h, w = x.shape
    y = group_spread(x, group, splits) if spread is None else spread
    return torch.cat([x, y.expand(n, 1, h, w)], dim=1)


class Epilogue(nn.Module):
    """4 px features -> logits: minibatch-std, `conv`, `fc`, `out`."""

    def __init__(self, net: NetConfig, out_features: int) -> None:
        super().__init__()
        channels = net.channels(4)
        self.group = net.mbstd_group
        self.conv = Conv(channels + 1, channels, 3, clamp=net.conv_clamp)
        self.fc = FullyConnected(channels * 16, channels, activate=True)
        self.out = FullyConnected(channels, out_features)

    def forward(self, x: Tensor, splits: int, spread: Tensor | None) -> Tensor:
        """[N, C, 4, 4] -> float32 [N, out_features]."""
        dtype = x.dtype
        x = minibatch_std(x.float(), self.group, splits, spread)
        x = self.conv(x.to(dtype, memory_format=torch.channels_last))
        y: Tensor = self.out(self.fc(x.flatten(1)).float())
        return y


class Discriminator(Trunk):
    """StyleGAN2's discriminator in the public parameter layout.

    Args:
        net: sizes and architecture.
        seed: source of the first parameters.
    """

    def __init__(self, net: NetConfig, seed: int = 0) -> None:
        super().__init__(net)
        self.width = net.d_class_dim or net.channels(4)
        self.b4 = Epilogue(net, self.width if net.num_classes else 1)
        self.mapping: ClassMapping | None = None
        if net.num_classes:
            self.mapping = ClassMapping(
                self.width, net.num_classes, net.d_mapping_layers, net.d_mapping_lr
            )
        initialise(self, seed, "D")

    def spread(self, x: Tensor) -> Tensor:
        """Mean over a batch's groups of what the minibatch statistic sees, float32 []."""
        return group_spread(self.features(x)[-1].float(), self.b4.group).mean()

    def forward(
        self, x: Tensor, c: Tensor | None = None, splits: int = 1, spread: Tensor | None = None
    ) -> Tensor:
        """float32 [N, 3, S, S] in [-1, 1] -> logits float32 [N, 1]; higher is more real.

        Args:
            x: images.
            c: class labels [N] of class-conditional networks, else ignored.
            splits: 2 for real and fake stacked: minibatch-std is taken within each half.
            spread: [], in place of the minibatch statistic: each image is judged by itself.

        Raises:
            UsageError: labels are missing or out of range.
            ValueError: wrong image size, or a batch that does not divide into groups.
        """
        y: Tensor = self.b4(self.features(x)[-1], splits, spread)
        if self.mapping is None:
            return y
        direction: Tensor = self.mapping(c)
        return (y * direction).sum(1, keepdim=True) / math.sqrt(self.width)
