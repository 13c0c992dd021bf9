"""A discriminator on projected features (Sauer et al. 2021, arXiv 2111.01007).

Somebody else's frozen trunk turns an image into four maps. Fixed random convolutions mix channels
(CCM: 1x1) and scales (CSM: 3x3 of a map plus the enlarged coarser one), so that no head can look at
a few convenient channels alone (section 3.2). One small discriminator a scale, spectrally
normalised (Miyato et al. 2018, arXiv 1802.05957), judges patches; only these heads are trained.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limbeck.config import NetConfig
from limbeck.nets.discriminator import group_spread
from limbeck.nets.layers import Layer, empty, initialise
from limbeck.nets.mapping import one_hot

CHANNELS = {"efficientnet-lite0": (24, 40, 112, 320)}
"""Channels of each trunk's maps, finest first."""
_MIXED = (32, 48, 96, 128)
_STRIDES = (4, 8, 16, 32)
_PATCH = 4  # heads on features stride down to this side, on pixels to twice it
_FIRST_ROUNDS = 20  # of power iteration, on fresh weights
_SPREAD_GAIN = 4.0  # brings the spread over a group to the size of a head's activations


class SpectralConv(Layer):
    """Convolution by W / sigma(W), sigma the largest singular value of W as a matrix of O rows.

    `u` and `v` follow the singular vectors by one round of power iteration a step (`settle`); a
    forward pass leaves them alone, so passes of a batch and phases of a step agree on sigma.

    Args:
        inputs, outputs, kernel, stride, groups: of the convolution; its padding is kernel // 2.
    """

    u: Tensor
    v: Tensor

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.weight = empty(outputs, inputs // groups, kernel, kernel)
        self.bias = empty(outputs)
        self.register_buffer("u", torch.empty(outputs))
        self.register_buffer("v", torch.empty(inputs // groups * kernel * kernel))
        self.stride, self.padding, self.groups = stride, (kernel - 1) // 2, groups

    def reset(self, rng: torch.Generator) -> None:
        """Normal weight of standard deviation 1 / sqrt(3 fan-in), zero bias."""
        self.weight.normal_(generator=rng).div_(math.sqrt(3 * self.weight[0].numel()))
        self.bias.zero_()
        self.u.copy_(F.normalize(torch.randn(len(self.u), generator=rng), dim=0))
        for _ in range(_FIRST_ROUNDS):
            self.settle()

    @torch.no_grad()
    def settle(self) -> None:
        """One round of power iteration."""
        matrix = self.weight.flatten(1)
        self.v.copy_(F.normalize(matrix.T @ self.u, dim=0))
        self.u.copy_(F.normalize(matrix @ self.v, dim=0))

    def forward(self, x: Tensor, learn: bool) -> Tensor:
        """[N, I, H, W] -> [N, O, H', W'] in x's dtype; without `learn` no gradient goes to W."""
        weight = self.weight if learn else self.weight.detach()
        bias = self.bias if learn else self.bias.detach()
        sigma = torch.dot(self.u, weight.flatten(1) @ self.v)
        y = F.conv2d(
            x, self.ready_weight(weight, x.dtype), None, self.stride, self.padding, 1, self.groups
        )
        return y * (1 / sigma).to(y.dtype) + bias.to(y.dtype)[None, :, None, None]


class Head(nn.Module):
    """One scale: strided 4x4 convolutions down to a few pixels, the spread over a group, logits.

    Args:
        inputs, side: of the maps; 3 channels are an image, which a 3x3 convolution meets first.
        net: `d_head_width`, `d_separable` and `mbstd_group` count.
    """

    def __init__(self, inputs: int, side: int, net: NetConfig) -> None:
        super().__init__()
        self.group, width = net.mbstd_group, net.d_head_width
        picture = inputs == 3
        stages: list[nn.Module] = []
        if picture:
            stages.append(SpectralConv(inputs, max(width // 2, 1), 3))
            inputs = max(width // 2, 1)
        outputs = width
        for _ in range(int(math.log2(max(side / (2 * _PATCH if picture else _PATCH), 1)))):
            if net.d_separable and not picture:
                depthwise = SpectralConv(inputs, inputs, 4, stride=2, groups=inputs)
                stages.append(nn.Sequential(depthwise, SpectralConv(inputs, outputs, 1)))
            else:
                stages.append(SpectralConv(inputs, outputs, 4, stride=2))
            inputs, outputs = outputs, 2 * width
        if not stages:
            stages.append(SpectralConv(inputs, outputs, 1 if net.d_separable else 3))
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        self.last = SpectralConv(inputs + 1, 1, 3)
        self.classes = SpectralConv(inputs, net.num_classes, 1) if net.num_classes else None

    def _inside(self, x: Tensor, learn: bool) -> Tensor:
        for stage in self.stages:
            for layer in stage if isinstance(stage, nn.Sequential) else (stage,):
                x = layer(x, learn)
            x = F.leaky_relu(x, 0.2)
        return x

    def spread(self, x: Tensor) -> Tensor:
        """Mean over a batch's groups of what the minibatch statistic sees, float32 []."""
        return group_spread(self._inside(x, False).float(), self.group).mean()

    def forward(
        self, x: Tensor, mine: Tensor | None, splits: int, learn: bool, spread: Tensor | None
    ) -> Tensor:
        """[N, I, H, W], one-hot classes [N, K] where there are any -> float32 [N, 1, h, w]."""
        x = self._inside(x, learn)
        n, _, h, w = x.shape
        by_class: Tensor | None = None
        if self.classes is not None and mine is not None:
            of_all: Tensor = self.classes(x, learn)
            by_class = (of_all * mine[:, :, None, None]).sum(1, keepdim=True).float()
        y = group_spread(x.float(), self.group, splits) if spread is None else spread
        y = (y * _SPREAD_GAIN).to(x.dtype).expand(n, 1, h, w)
        x = torch.cat([x, y], 1).contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.last(x, learn)
        return logits.float() if by_class is None else logits.float() + by_class


class Mixing(Layer):
    """CCM and CSM: fixed, from a seed, brought to unit spread on photos once (`calibrate`)."""

    calibrated: Tensor

    def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
        super().__init__()
        for i, (a, b) in enumerate(zip(inputs, outputs, strict=True)):
            finer = outputs[max(i - 1, 0)]
            self.register_buffer(f"channels{i}", torch.empty(b, a, 1, 1))
            self.register_buffer(f"scale{i}", torch.empty(b, b, 3, 3))
            self.register_buffer(f"shift{i}", torch.empty(b))
            self.register_buffer(f"up{i}", torch.empty(finer, b, 1, 1))
        self.register_buffer("calibrated", torch.empty(1))
        self.levels = len(inputs)

    def _weight(self, name: str) -> Tensor:
        return self.get_buffer(name)

    def reset(self, rng: torch.Generator) -> None:
        """Kaiming-normal kernels, zero shifts."""
        for buffer in self.buffers():
            if buffer.ndim == 4:
                buffer.normal_(generator=rng).div_(math.sqrt(buffer[0].numel()))
            else:
                buffer.zero_()

    @torch.no_grad()
    def calibrate(self, maps: list[Tensor]) -> None:
        """Once: give every channel that comes in unit spread, what goes out mean 0 and spread 1.

        Args:
            maps: of photos, float [N, C, h, w], finest first.
        """
        if self.calibrated.item():
            return
        self.calibrated.fill_(1)
        maps = [m.float() for m in maps]
        for i, m in enumerate(maps):
            self._weight(f"channels{i}").div_(m.std((0, 2, 3))[None, :, None, None] + 1e-3)
        for i in reversed(range(self.levels)):  # from coarse to fine: a map feeds the finer one
            out = self(maps, finest=i)[0]
            mean, std = out.mean((0, 2, 3)), out.std((0, 2, 3)) + 1e-3
            self._weight(f"scale{i}").div_(std[:, None, None, None])
            self._weight(f"shift{i}").copy_(-mean / std)

    def forward(self, maps: list[Tensor], finest: int = 0) -> list[Tensor]:
        """Maps of a trunk -> mixed maps of the same sides, from level `finest` on."""
        made: list[Tensor] = []
        below: Tensor | None = None
        for i in reversed(range(finest, self.levels)):
            dtype = maps[i].dtype
            x = F.conv2d(maps[i], self._weight(f"channels{i}").to(dtype))
            if below is not None:
                size = x.shape[-2:]
                x = x + F.interpolate(below, size=size, mode="bilinear", align_corners=False)
            kernel, shift = self._weight(f"scale{i}").to(dtype), self._weight(f"shift{i}").to(dtype)
            made.append(F.conv2d(x, kernel, shift, padding=1))
            if i > finest:
                below = F.conv2d(made[-1], self._weight(f"up{i}").to(dtype))
        return made[::-1]


class ProjectedDiscriminator(nn.Module):
    """Heads on a frozen trunk's mixed maps.

    Args:
        net: `d_features`, `d_feature_side`, `d_pixels`, `size` and what heads ask for count.
        seed: source of the first parameters and of the mixing.
    """

    def __init__(self, net: NetConfig, seed: int = 0) -> None:
        super().__init__()
        self.mixing = Mixing(CHANNELS[net.d_features], _MIXED)
        sides = [-(-net.d_feature_side // stride) for stride in _STRIDES]
        self.pixels, self.num_classes = net.d_pixels, net.num_classes
        views = [*zip(_MIXED, sides, strict=True), *([(3, net.size)] if net.d_pixels else [])]
        self.heads = nn.ModuleList(Head(channels, side, net) for channels, side in views)
        initialise(self, seed, "D")

    def settle(self) -> None:
        """Follow the weights with the singular vectors; once after each of D's steps."""
        for module in self.modules():
            if isinstance(module, SpectralConv):
                module.settle()

    def look(self, picture: Tensor, maps: list[Tensor]) -> list[Tensor]:
        """What the heads look at: the trunk's `maps` of an image, mixed; and the image itself.

        Args:
            picture: float32 [N, 3, S, S] in [-1, 1].
            maps: [N, C, h, w], finest first.
        """
        mixed: list[Tensor] = self.mixing(maps)
        if not self.pixels:
            return mixed
        return [*mixed, picture.to(maps[0].dtype, memory_format=torch.channels_last)]

    def spread(self, maps: list[Tensor]) -> list[Tensor]:
        """What each head's minibatch statistic sees on average over a batch, float32 [] each."""
        return [head.spread(m) for head, m in zip(self._heads(), maps, strict=True)]

    def _heads(self) -> list[Head]:
        return [head for head in self.heads if isinstance(head, Head)]

    def forward(
        self,
        maps: list[Tensor],
        c: Tensor | None = None,
        splits: int = 1,
        learn: bool = True,
        spread: list[Tensor] | None = None,
    ) -> list[Tensor]:
        """What `look` gave -> patch logits, float32 [N, 1, h, w] each; higher is more real.

        Args:
            maps: one a head.
            c: class labels int64 [N] of class-conditional networks, else ignored: the inner
                product of a patch with its class's direction joins its logit (Miyato and Koyama
                2018, arXiv 1802.05637).
            splits: 2 for real and fake stacked: the spread over a group is taken in each half.
            learn: without it gradients go to the maps alone.
            spread: [] a head, in place of the minibatch statistic: each image by itself.

        Raises:
            UsageError: labels are missing or out of range.
            ValueError: a batch that does not divide into groups.
        """
        mine = one_hot(c, self.num_classes, maps[0]) if self.num_classes else None
        given = [None] * len(maps) if spread is None else spread
        parts = zip(self._heads(), maps, given, strict=True)
        return [head(m, mine, splits, learn, value) for head, m, value in parts]
