"""Shapes of a StyleGAN3 generator, and what follows from them for each layer.

Karras et al. 2021, arXiv 2106.12423: section 3.2 and appendix C. Lengths are those of the image,
whose side is one unit; frequencies are cycles per unit, sampling rates samples per unit.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, NonNegativeInt, field_validator, model_validator

from limbeck.config import NetConfig, is_network_size
from limbeck.records import Record

_MOST_SAMPLES = 4096  # side of the largest grid that a layer may have
_MOST_NUMBERS = 1_300_000  # of a layer, a pixel of the side; published ones have up to 1,090,000


@dataclass(frozen=True)
class LayerShape:
    """What one layer takes and gives.

    Attributes:
        index: 0 first; the last one makes RGB.
        inputs, outputs: channels.
        in_size, out_size: sides in samples, the margin included.
        in_rate, out_rate: s, sampling rates.
        in_cutoff, out_cutoff: f_c of the low-pass filters.
        in_half_width, out_half_width: f_h, half their transition bands.
        radial: whether its downsampling filter is.
        half: whether it computes in float16 on a GPU.
        rgb: whether it is the last one: 1x1, linear, not demodulated.
    """

    index: int
    inputs: int
    outputs: int
    in_size: int
    out_size: int
    in_rate: int
    out_rate: int
    in_cutoff: float
    out_cutoff: float
    in_half_width: float
    out_half_width: float
    radial: bool
    half: bool
    rgb: bool

    @property
    def name(self) -> str:
        """As in the public parameter layout, e.g. L3_52_512."""
        return f"L{self.index}_{self.out_size}_{self.outputs}"


class StyleGAN3Config(Record):
    """Shapes of a StyleGAN3 generator; the defaults are those of configuration T."""

    kind: Literal["stylegan3"] = "stylegan3"
    size: int = Field(256, description="image side in pixels, a power of two from 8 to 1024")
    channel_base: int = Field(32768, gt=0, le=2**20, description="channels: half of it over f_c ..")
    channel_max: int = Field(512, gt=0, le=4096, description="... but at most this many")
    z_dim: int = Field(512, gt=0, le=4096)
    w_dim: int = Field(512, gt=0, le=4096)
    mapping_layers: int = Field(2, ge=1, le=64)
    mapping_lr: float = Field(0.01, gt=0, le=1)
    num_classes: int = Field(0, ge=0, le=10**6, description="0 = unconditional")
    class_dim: int | None = Field(None, ge=1, le=4096, description="None = w_dim")
    class_photos: tuple[NonNegativeInt, ...] = Field((), max_length=10**6)
    class_names: tuple[str, ...] = Field((), max_length=10**6)
    num_layers: int = Field(14, ge=2, le=64, description="N, without the one that makes RGB")
    num_critical: int = Field(2, ge=1, le=64, description="last layers that keep all frequencies")
    first_cutoff: float = Field(2.0, gt=0, le=512, description="f_c of the Fourier features")
    first_stopband: float = Field(2**2.1, gt=0, le=1024, description="f_t of the Fourier features")
    last_stopband_rel: float = Field(2**0.3, ge=1, le=4, description="f_t of the last over its f_c")
    margin_size: int = Field(10, ge=0, le=256, description="samples around the image")
    output_scale: float = Field(0.25, gt=0, le=100, description="of the RGB image")
    conv_kernel: int = Field(3, ge=1, le=7, description="side of the convolutions; 1 for R")
    filter_size: int = Field(6, ge=1, le=32, description="taps of a filter per sample it skips")
    lrelu_upsampling: int = Field(2, ge=1, le=8, description="of the grid for nonlinearities")
    use_radial_filters: bool = Field(False, description="R: radial downsampling filters")
    conv_clamp: float | None = Field(256.0, gt=0, le=1e6, description="largest activation")
    magnitude_ema_beta: float = Field(0.999, ge=0, le=1, description="of trainings; not used here")
    num_fp16_res: int = Field(4, ge=0, le=16, description="octaves in float16 on a GPU")

    @field_validator("size")
    @classmethod
    def _power_of_two(cls, size: int) -> int:
        if not is_network_size(size):
            raise ValueError("must be a power of two from 8 to 1024")
        return size

    @field_validator("conv_kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError("must be odd")
        return kernel

    @field_validator("lrelu_upsampling")
    @classmethod
    def _whole_factor(cls, factor: int) -> int:
        if factor & (factor - 1):
            raise ValueError("must be a power of two")
        return factor

    @model_validator(mode="after")
    def _each_class(self) -> Self:
        for name in ("class_photos", "class_names"):
            if (found := len(getattr(self, name))) not in (0, self.num_classes):
                raise ValueError(f"{name} has {found} entries for {self.num_classes} classes")
        if self.class_photos and not sum(self.class_photos):
            raise ValueError("class_photos: every class is empty")
        return self

    @model_validator(mode="after")
    def _frequencies(self) -> Self:
        if self.num_critical >= self.num_layers:
            raise ValueError(f"num_critical must be below num_layers, {self.num_layers}")
        if self.first_stopband <= 0.25:
            raise ValueError("first_stopband must be above 0.25: a layer has a sample at least")
        if not self.first_cutoff < self.first_stopband:
            raise ValueError("first_cutoff must be below first_stopband")
        if not self.first_cutoff < self.size / 2:
            raise ValueError(f"first_cutoff must be below {self.size / 2:g}, half of size")
        shapes = self.layers
        finest = max(s.out_size * self.lrelu_upsampling for s in shapes)
        if finest > _MOST_SAMPLES:
            raise ValueError(f"margin_size and lrelu_upsampling ask for grids of {finest} samples")
        if self.peak > (most := _MOST_NUMBERS * self.size):
            raise ValueError(f"a layer has {self.peak:,} numbers an image, at most {most:,}")
        if len({s.out_rate for s in shapes[-2:]}) > 1:
            raise ValueError("the frequencies let no layer but the last reach the image's rate")
        return self

    @property
    def peak(self) -> int:
        """Numbers an image in the layer that has most, on its grid for nonlinearities."""
        grids = ((s.out_size * self.lrelu_upsampling) ** 2 for s in self.layers)
        return max(
            grid * max(s.inputs, s.outputs) for grid, s in zip(grids, self.layers, strict=True)
        )

    @property
    def num_ws(self) -> int:
        """How many w the synthesis takes: the input, N layers, RGB."""
        return self.num_layers + 2

    @cached_property
    def layers(self) -> tuple[LayerShape, ...]:
        """The N + 1 layers: cutoffs and stopbands grow geometrically (appendix C, equation 2)."""
        n, last = self.num_layers, self.size / 2
        steps = [min(i / (n - self.num_critical), 1.0) for i in range(n + 1)]
        grown = last / self.first_cutoff
        cutoffs = [self.first_cutoff * grown**step for step in steps]
        grown = last * self.last_stopband_rel / self.first_stopband
        stops = [self.first_stopband * grown**step for step in steps]
        rates = [2 ** math.ceil(math.log2(min(2 * stop, self.size))) for stop in stops]
        halves = [max(s / 2, t) - c for s, t, c in zip(rates, stops, cutoffs, strict=True)]
        sizes = [rate + 2 * self.margin_size for rate in rates]
        sizes[-2:] = [self.size, self.size]
        widths = [max(round(min(self.channel_base / 2 / c, self.channel_max)), 1) for c in cutoffs]
        widths[-1] = 3
        found = []
        for i in range(n + 1):
            before = max(i - 1, 0)
            shape = LayerShape(
                index=i, inputs=widths[before], outputs=widths[i],
                in_size=sizes[before], out_size=sizes[i],
                in_rate=rates[before], out_rate=rates[i],
                in_cutoff=cutoffs[before], out_cutoff=cutoffs[i],
                in_half_width=halves[before], out_half_width=halves[i],
                radial=self.use_radial_filters and i < n - self.num_critical,
                half=rates[i] * 2**self.num_fp16_res > self.size, rgb=i == n,
            )  # fmt: skip
            found.append(shape)
        return tuple(found)


AnyNet = NetConfig | StyleGAN3Config
"""Shapes of a generator of either kind."""
