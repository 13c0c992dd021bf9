"""StyleGAN3's generators T and R for inference (Karras et al. 2021, arXiv 2106.12423).

Every layer treats its maps as samples of a continuous, band-limited image: nonlinearities act on a
finer grid between low-pass filters (section 3), so that a picture moves with its input (T), and
turns with it (R: radial filters, 1x1 convolutions). There is no noise.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limbeck.kit.rng import Draws
from limbeck.nets.generator import BaseGenerator
from limbeck.nets.layers import LRELU_GAIN, FullyConnected, Layer, empty, within
from limbeck.nets.stylegan3_config import LayerShape, StyleGAN3Config
from limbeck.nets.synthesis import Noise
from limbeck.ops import (
    Resizing,
    demodulation,
    filtered_lrelu,
    lowpass_filter,
    modulated_1x1,
    squared_norms,
)

_AT_ONCE = 2**28  # numbers of a layer, for all images drawn at once: 1 GB


class _Pose(FullyConnected):
    """w -> (cos, sin, x, y), where the input is turned and moved to; at first always (1,0,0,0)."""

    def __init__(self, w_dim: int) -> None:
        super().__init__(w_dim, 4, zero=True)

    def reset(self, rng: torch.Generator) -> None:
        """No turn, no move."""
        super().reset(rng)
        self.bias[0] = 1


class FourierInput(Layer):
    """The first maps: C waves of fixed frequency and phase, turned and moved by w (section 3.2).

    Buffers: `freqs` [C, 2] in cycles per unit, `phases` [C] in turns, `transform` [3, 3], what the
    user turns and moves the picture by. Frequencies lie about evenly in a disc of radius f_c.
    """

    freqs: Tensor
    phases: Tensor
    transform: Tensor

    def __init__(self, config: StyleGAN3Config) -> None:
        super().__init__()
        shape = config.layers[0]
        self.size, self.rate, self.cutoff = shape.in_size, shape.in_rate, shape.in_cutoff
        channels = shape.inputs
        self.affine = _Pose(config.w_dim)
        self.weight = empty(channels, channels)
        self.register_buffer("transform", torch.empty(3, 3))
        self.register_buffer("freqs", torch.empty(channels, 2))
        self.register_buffer("phases", torch.empty(channels))

    def reset(self, rng: torch.Generator) -> None:
        """Normal weight, random waves, no transform."""
        self.weight.normal_(generator=rng)
        angle = torch.rand(len(self.phases), generator=rng) * (2 * math.pi)
        radius = torch.rand(len(self.phases), generator=rng).sqrt() * self.cutoff
        self.freqs.copy_(radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1))
        self.phases.uniform_(-0.5, 0.5, generator=rng)
        self.transform.copy_(torch.eye(3))

    def _placed(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Frequencies [N, C, 2] and phases [N, C] after the pose of w and the user's transform."""
        pose = self.affine(w)
        pose = pose / pose[:, :2].norm(dim=1, keepdim=True)
        cos, sin, x, y = pose.unbind(1)
        turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
        linear = turn @ self.transform[:2, :2]
        offset = self.transform[:2, 2] - torch.stack([x, y], 1)
        moved = (turn @ offset[:, :, None])[:, :, 0]
        return self.freqs @ linear, self.phases + moved @ self.freqs.t()

    def forward(self, w: Tensor) -> Tensor:
        """[N, w_dim] -> float32 [N, C, size, size], channels_last."""
        freqs, phases = self._placed(w)
        over = freqs.norm(dim=2) - self.cutoff  # waves that the grid can no longer hold fade out
        loudness = (1 - over / (self.rate / 2 - self.cutoff)).clamp(0, 1)
        at = (torch.arange(self.size, device=w.device) + (0.5 - self.size / 2)) / self.rate
        along = at[None, :, None] * freqs[:, None, :, 0]
        upright = at[None, :, None] * freqs[:, None, :, 1] + phases[:, None]
        waves = torch.sin((along[:, None] + upright[:, :, None]) * (2 * math.pi))
        mix = self.weight.t() / math.sqrt(len(self.weight))
        maps: Tensor = (waves * loudness[:, None, None]) @ mix
        return maps.permute(0, 3, 1, 2)


def _unit(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """x scaled to mean square 1 over `axes`."""
    return x * x.square().mean(axes, keepdim=True).rsqrt()


class _Synthesising(Layer):
    """What all layers have: a style, a convolution, and the size that their input had in training.

    Dividing by the root of `magnitude_ema` brings maps to unit size (section 3.2, flexible layers).
    """

    magnitude_ema: Tensor
    keeps_ready = False

    def __init__(self, shape: LayerShape, kernel: int, w_dim: int) -> None:
        super().__init__()
        self.half_on_gpu = shape.half
        self.affine = FullyConnected(w_dim, shape.inputs, bias_init=1.0)
        self.weight = empty(shape.outputs, shape.inputs, kernel, kernel)
        self.bias = empty(shape.outputs)
        self.register_buffer("magnitude_ema", torch.empty(()))

    def reset(self, rng: torch.Generator) -> None:
        """Normal weight, zero bias, unit magnitude."""
        self.weight.normal_(generator=rng)
        self.bias.zero_()
        self.magnitude_ema.fill_(1)


class FilteredLayer(_Synthesising):
    """Modulated convolution, bias, filtered leaky ReLU: one layer, to another rate or the same."""

    up_filter: Tensor
    down_filter: Tensor

    def __init__(self, shape: LayerShape, config: StyleGAN3Config) -> None:
        super().__init__(shape, config.conv_kernel, config.w_dim)
        self.clamp = config.conv_clamp
        fine = max(shape.in_rate, shape.out_rate) * config.lrelu_upsampling
        up, down = fine // shape.in_rate, fine // shape.out_rate
        taps = [config.filter_size * factor if factor > 1 else 1 for factor in (up, down)]
        wanted = (shape.out_size - 1) * down + 1  # of the finer grid, filters included below
        padding = wanted + sum(taps) - 2 - (shape.in_size + config.conv_kernel - 1) * up
        before = (padding + up) // 2  # the middle stays the middle although zeros follow samples
        self.resizing = Resizing(up, down, before, padding - before)
        # A filter of one tap is none, and then the public layout holds none.
        lowpass = lowpass_filter(taps[0], shape.in_cutoff, shape.in_half_width, fine)
        self.register_buffer("up_filter", lowpass, persistent=taps[0] > 1)
        lowpass = lowpass_filter(
            taps[1], shape.out_cutoff, shape.out_half_width, fine, radial=shape.radial
        )
        self.register_buffer("down_filter", lowpass, persistent=taps[1] > 1)

    def _convolved(self, x: Tensor, w: Tensor) -> Tensor:
        """Equations 1 to 3 of StyleGAN2 on weights and styles of unit size, and the bias."""
        weight = _unit(self.weight, (1, 2, 3)) / math.sqrt(self.weight[0].numel())
        styles = _unit(self.affine(w), (1,))
        d = demodulation(squared_norms(weight), styles).to(x.dtype)[:, :, None, None]
        scaled = x * (styles * self.magnitude_ema.rsqrt()).to(x.dtype)[:, :, None, None]
        kernel = weight.to(x.dtype, memory_format=torch.channels_last)
        y = F.conv2d(scaled, kernel, padding=kernel.shape[2] - 1)
        return torch.addcmul(self.bias.to(x.dtype).view(1, -1, 1, 1), y, d)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """[N, I, in_size, in_size], w [N, w_dim] float32 -> [N, O, out_size, out_size]."""
        return filtered_lrelu(
            self._convolved(x, w), self.up_filter, self.down_filter, self.resizing,
            LRELU_GAIN, self.clamp,
        )  # fmt: skip


class RGBLayer(_Synthesising):
    """Modulated 1x1 convolution to three channels, without demodulation or nonlinearity."""

    def __init__(self, shape: LayerShape, config: StyleGAN3Config) -> None:
        super().__init__(shape, 1, config.w_dim)
        self.clamp = config.conv_clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """[N, I, S, S], w [N, w_dim] float32 -> [N, 3, S, S] in x's dtype."""
        gain = self.magnitude_ema.rsqrt() / math.sqrt(self.weight.shape[1])
        y = modulated_1x1(x, self.weight, self.affine(w) * gain)
        y = y + self.bias.to(y.dtype)[None, :, None, None]
        return within(y, self.clamp)


class StyleGAN3Synthesis(nn.Module):
    """ws [N, num_ws, w_dim] -> image; layers `input`, `L0_...` to `L{N}_{size}_3`."""

    def __init__(self, config: StyleGAN3Config) -> None:
        super().__init__()
        self.num_ws, self.output_scale = config.num_ws, config.output_scale
        self.peak = config.peak
        self.compute_dtype = torch.float32
        self.input = FourierInput(config)
        self.names = [shape.name for shape in config.layers]
        for shape in config.layers:
            kind = RGBLayer if shape.rgb else FilteredLayer
            self.add_module(shape.name, kind(shape, config))

    def dtype_of(self, layer: nn.Module, device: torch.device) -> torch.dtype:
        """In which a layer computes: float16 where the published networks do, on a GPU."""
        half = isinstance(layer, _Synthesising) and layer.half_on_gpu and device.type == "cuda"
        return torch.float16 if half else self.compute_dtype

    def forward(self, ws: Tensor, noise: Noise = "const", rng: Draws | None = None) -> Tensor:
        """Images, float32 [N, 3, S, S], about [-1, 1]; of large grids few at a time.

        Args:
            ws: float32 [N, num_ws, w_dim].
            noise: without effect: these networks have none.
            rng: without effect.
        """
        most = max(_AT_ONCE // self.peak, 1)
        if torch.compiler.is_compiling() or len(ws) <= most:
            return self._drawn(ws)
        return torch.cat([self._drawn(some) for some in torch.split(ws, most)])

    def _drawn(self, ws: Tensor) -> Tensor:
        first, *each = ws.float().unbind(1)
        x: Tensor = self.input(first)
        for name, w in zip(self.names, each, strict=True):
            layer = self.get_submodule(name)
            x = layer(x.to(self.dtype_of(layer, x.device)), w)
        return x.float() * self.output_scale


class StyleGAN3Generator(BaseGenerator):
    """StyleGAN3's generator in the public parameter layout; used like `Generator`.

    It is for inference: `magnitude_ema` stays what it is.

    Args:
        net: sizes and architecture.
        seed: source of the first parameters.
    """

    synthesis: StyleGAN3Synthesis

    def __init__(self, net: StyleGAN3Config, seed: int = 0) -> None:
        super().__init__(net, StyleGAN3Synthesis(net), net.num_ws, seed)
