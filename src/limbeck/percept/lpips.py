"""LPIPS (Zhang et al. 2018, arXiv 1801.03924, v0.1 heads) as a squared Euclidean distance."""

from pathlib import Path
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limbeck.errors import UsageError
from limbeck.percept.plain_layers import fill
from limbeck.percept.trunks import VGG16, AlexNet
from limbeck.percept.weights import read_tensors, read_weights

SMALLEST = 32
_TINY = 1e-20  # inside the root: a dead pixel embeds as 0 and its gradient stays finite
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


def at_least(x: Tensor, side: int = 64) -> Tensor:
    """Bring float NCHW images whose shorter side is below `side` up to it, bilinearly.

    Larger ones pass untouched; the aspect is kept. AlexNet's score is always taken on at least
    64 px.
    """
    height, width = x.shape[-2:]
    short = min(height, width)
    if short >= side:
        return x
    size = (round(height * side / short), round(width * side / short))
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


class LPIPS(nn.Module):
    """LPIPS(a, b) = |phi(a) - phi(b)|^2, phi = `embed` (docs/method.md, 'Algebra').

    phi(x) joins, over the five layers l of a trunk, sqrt(v_l / (H_l W_l)) f_l(x): f_l are the
    activations scaled to unit length over channels, v_l >= 0 the learned weights. Images are
    float [-1, 1] NCHW RGB of at least 32 px; everything is computed in fp32. Frozen, but
    differentiable in the images.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, trunk: AlexNet | VGG16) -> None:
        """Wrap a trunk; `lin0` .. `lin4` [1, C, 1, 1] are zero until loaded."""
        super().__init__()
        self.trunk = trunk
        for index, channels in enumerate(trunk.channels):
            self.register_buffer(f"lin{index}", torch.zeros(1, channels, 1, 1))
        constants = {"shift": _SHIFT, "scale": _SCALE}
        for name, values in constants.items():
            tensor = torch.tensor(values).view(1, 3, 1, 1)
            self.register_buffer(name, tensor, persistent=False)

    @classmethod
    def load(cls, net: Literal["alex", "vgg16"] = "alex", file: Path | None = None) -> Self:
        """LPIPS with its pretrained weights, in evaluation mode, frozen, on the CPU.

        Args:
            net: `alex` ships with limbeck; `vgg16` must have been fetched.
            file: safetensors of the same form to use instead of the weights known by name.

        Raises:
            WeightsError: absent (the message names the command) or not what was pinned.
            UsageError: no such trunk.
        """
        if net not in ("alex", "vgg16"):
            raise UsageError(f"no LPIPS trunk {net!r}", "choose alex or vgg16")
        tensors = read_tensors(file) if file else read_weights(f"lpips-{net}")
        lpips = cls(AlexNet() if net == "alex" else VGG16())
        named = {f"trunk.{k}" if k.startswith("features.") else k: v for k, v in tensors.items()}
        fill(lpips, named)
        return lpips

    def embed(self, x: Tensor) -> Tensor:
        """Images [N, 3, H, W] -> phi, f32 [N, D] (alex: D = 31,872 at 64 px).

        Raises:
            UsageError: not float NCHW RGB of at least 32 px.
        """
        return torch.cat(self.embed_layers(x), 1)

    def embed_layers(self, x: Tensor) -> list[Tensor]:
        """The five parts of `embed`, f32 [N, D_l]; squared distances of a part add up to LPIPS."""
        return self._parts(self._maps(x))

    def look(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """`embed_layers` and `pooled` of the same images, the trunk run once."""
        maps = self._maps(x)
        return self._parts(maps), _pool(maps)

    def _parts(self, maps: list[Tensor]) -> list[Tensor]:
        parts: list[Tensor] = []
        for index, f in enumerate(maps):
            v = self.get_buffer(f"lin{index}") / (f.shape[-2] * f.shape[-1])
            unit = f * torch.rsqrt(f.square().sum(1, keepdim=True) + _TINY)
            parts.append((unit * v.sqrt()).flatten(1))
        return parts

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """LPIPS of images [N, 3, H, W] to images of the same shape -> f32 [N], >= 0."""
        pairs = zip(self.embed_layers(x), self.embed_layers(y), strict=True)
        return torch.stack([(a - b).square().sum(1) for a, b in pairs]).sum(0)

    def pooled(self, x: Tensor) -> Tensor:
        """Spatial means of the raw activations, f32 [N, 1152] (alex) or [N, 1472] (vgg16)."""
        return _pool(self._maps(x))

    def _maps(self, x: Tensor) -> list[Tensor]:
        if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point():
            raise UsageError(
                f"LPIPS got {x.dtype} {tuple(x.shape)}", "give float [-1, 1] images [N, 3, H, W]"
            )
        if min(x.shape[-2:]) < SMALLEST:
            raise UsageError(
                f"LPIPS needs {SMALLEST} px, got {x.shape[-2]} x {x.shape[-1]}",
                "bring the images up with percept.at_least(x, 64)",
            )
        maps: list[Tensor] = self.trunk((x.float() - self.shift) / self.scale)
        return maps


def _pool(maps: list[Tensor]) -> Tensor:
    return torch.cat([f.mean((2, 3)) for f in maps], 1)
