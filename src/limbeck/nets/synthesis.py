"""The synthesis network ws -> image (StyleGAN2, sections 2.2 and 4: `skip` or `orig`)."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from limbeck.config import NetConfig
from limbeck.kit.rng import Draws
from limbeck.nets.layers import LRELU_GAIN, FullyConnected, Layer, empty, within
from limbeck.ops import (
    demodulation,
    epilogue,
    make_filter,
    modulated_1x1,
    scaled_conv2d,
    upsample2,
)

Noise = Literal["const", "random", "none"]


class StyledConv(Layer):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU; to twice the size when up is 2."""

    noise_const: Tensor
    resample_filter: Tensor

    def __init__(
        self, inputs: int, outputs: int, w_dim: int, size: int, up: int, clamp: float | None
    ) -> None:
        super().__init__()
        self.clamp = clamp
        self.affine = FullyConnected(w_dim, inputs, bias_init=1.0)
        self.weight = empty(outputs, inputs, 3, 3)
        self.noise_strength = empty()
        self.bias = empty(outputs)
        self.register_buffer("resample_filter", make_filter())
        self.register_buffer("noise_const", torch.zeros(size, size))
        self.up = up
        self.modulated = True
        self.ready_transposed = up == 2  # what a transposed convolution reads

    def reset(self, rng: torch.Generator) -> None:
        """Normal weight and constant noise, zero noise strength and bias."""
        self.weight.normal_(generator=rng)
        self.noise_const.normal_(generator=rng)
        self.noise_strength.zero_()
        self.bias.zero_()

    def _noise(self, count: int, noise: Noise, rng: Draws | None) -> Tensor | None:
        """float32 [N or 1, 1, H, W], the activation's gain included; None without noise."""
        if noise == "none":
            return None
        if noise == "const":
            pattern = self.noise_const[None, None]
        else:
            size = self.noise_const.shape[0]
            assert rng is not None, "Synthesis.forward asks for it"
            pattern = rng.normal(count, 1, size, size).to(self.bias.device)
        return pattern * (self.noise_strength * LRELU_GAIN)

    def forward(self, x: Tensor, w: Tensor, noise: Noise, rng: Draws | None) -> Tensor:
        """[N, I, H, W] in the compute dtype, w [N, w_dim] float32 -> [N, O, H up, W up].

        Without gradients x is destroyed.
        """
        styles = self.affine(w)
        y = scaled_conv2d(
            x, self.ready_weight(self.weight, x.dtype), styles,
            up=self.up, f=self.resample_filter, overwrite=True,
        )  # fmt: skip
        d = demodulation(self.ready_norms(self.weight), styles) * LRELU_GAIN
        bias = self.bias * LRELU_GAIN
        pattern = self._noise(x.shape[0], noise, rng)
        y = epilogue(
            y, d.to(y.dtype)[:, :, None, None], bias.to(y.dtype)[None, :, None, None],
            None if pattern is None else pattern.to(y.dtype), fused=self.fused,
        )  # fmt: skip
        return within(y, self.clamp)


class ToRGB(Layer):
    """Modulated 1x1 convolution to three channels, without demodulation."""

    def __init__(self, inputs: int, w_dim: int, scale: float, clamp: float | None) -> None:
        super().__init__()
        self.scale, self.clamp = scale, clamp
        self.affine = FullyConnected(w_dim, inputs, bias_init=1.0)
        self.weight = empty(3, inputs, 1, 1)
        self.bias = empty(3)
        self.weight_gain = 1 / math.sqrt(inputs)

    def reset(self, rng: torch.Generator) -> None:
        """Normal weight of standard deviation `scale`, zero bias."""
        self.weight.normal_(generator=rng).mul_(self.scale)
        self.bias.zero_()

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """[N, I, H, W], w [N, w_dim] -> float32 [N, 3, H, W]."""
        y = modulated_1x1(x, self.weight, self.affine(w) * self.weight_gain)
        return within(y.float() + self.bias[None, :, None, None], self.clamp)


class Block(Layer):
    """One resolution of the synthesis: `conv0` (up), `conv1`, `torgb`; `const` at 4 px."""

    resample_filter: Tensor

    def __init__(self, net: NetConfig, size: int) -> None:
        super().__init__()
        outputs = net.channels(size)
        self.first = size == 4
        self.register_buffer("resample_filter", make_filter())
        if self.first:
            self.const = empty(outputs, 4, 4)
        else:
            inputs = net.channels(size // 2)
            self.conv0 = StyledConv(inputs, outputs, net.w_dim, size, 2, net.conv_clamp)
        self.conv1 = StyledConv(outputs, outputs, net.w_dim, size, 1, net.conv_clamp)
        rgb = net.g_architecture == "skip" or size == net.size
        self.torgb = ToRGB(outputs, net.w_dim, net.rgb_scale, net.conv_clamp) if rgb else None
        self.num_convs = 1 if self.first else 2

    def reset(self, rng: torch.Generator) -> None:
        """Normal `const`."""
        if self.first:
            self.const.normal_(generator=rng)

    def begin(self, count: int, dtype: torch.dtype) -> Tensor:
        """The learned constant as a new [count, C, 4, 4]."""
        x = self.const.to(dtype).unsqueeze(0).expand(count, -1, -1, -1)
        return x.clone(memory_format=torch.channels_last)

    def forward(
        self,
        x: Tensor,
        picture: Tensor | None,
        ws: tuple[Tensor, ...],
        noise: Noise,
        rng: Draws | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Features and image so far, and this block's w's (convolutions, then RGB) -> both."""
        if not self.first:
            x = self.conv0(x, ws[0], noise, rng)
        x = self.conv1(x, ws[self.num_convs - 1], noise, rng)
        if picture is not None:
            picture = upsample2(picture, self.resample_filter)
        if self.torgb is not None:
            rgb: Tensor = self.torgb(x, ws[self.num_convs])
            picture = rgb if picture is None else picture + rgb
        return x, picture


class Synthesis(nn.Module):
    """ws [N, num_ws, w_dim] -> image; blocks `b4`, `b8`, ... `b{size}`.

    `compute_dtype`: dtype of convolutions; styles and the sum of RGB images stay float32.
    """

    def __init__(self, net: NetConfig) -> None:
        super().__init__()
        self.compute_dtype = torch.float32
        self.sizes = [2**i for i in range(2, net.size.bit_length())]
        self.num_ws = 2 * len(self.sizes)
        for size in self.sizes:
            self.add_module(f"b{size}", Block(net, size))

    def block(self, size: int) -> Block:
        """The block that makes [size, size] features."""
        block = self.get_submodule(f"b{size}")
        assert isinstance(block, Block)
        return block

    def forward(self, ws: Tensor, noise: Noise = "const", rng: Draws | None = None) -> Tensor:
        """Images, float32 [N, 3, S, S], about [-1, 1].

        Args:
            ws: float32 [N, num_ws, w_dim]; a block's RGB shares its w with the next convolution.
            noise: "const" (the stored pattern), "random" or "none".
            rng: source of random noise; required when `noise` is "random".

        Raises:
            ValueError: random noise without a source.
        """
        if noise == "random" and rng is None:
            raise ValueError("noise='random' needs rng, a limbeck.kit.rng.Draws")
        each = ws.float().unbind(1)
        x = self.block(4).begin(ws.shape[0], self.compute_dtype)
        picture: Tensor | None = None
        at = 0
        for size in self.sizes:
            block = self.block(size)
            x, picture = block(x, picture, each[at : at + block.num_convs + 1], noise, rng)
            at += block.num_convs
        assert picture is not None, "the last block has an image"
        return picture
