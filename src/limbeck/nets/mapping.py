"""The mapping network z, c -> w (StyleGAN, section 2), and its twin for D's class projection."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limbeck.errors import UsageError
from limbeck.nets.layers import FullyConnected, unit_second_moment
from limbeck.nets.stylegan3_config import AnyNet


def one_hot(c: Tensor | None, classes: int, like: Tensor) -> Tensor:
    """int64 [N] -> [N, classes] in the dtype and on the device of `like`.

    Raises:
        UsageError: labels are missing or out of range.
    """
    if c is None:
        raise UsageError(
            f"these networks know {classes} classes, and no label was given",
            "give a class label for each image",
        )
    recording = c.is_cuda and torch.cuda.is_current_stream_capturing()  # cannot ask for values
    if c.ndim != 1 or (not recording and bool((c < 0).any() | (c >= classes).any())):
        raise UsageError(
            f"class labels must be [N] integers from 0 to {classes - 1}", "check the labels"
        )
    return F.one_hot(c, classes).to(like)


class _Stack(nn.Module):
    """`fc0`, `fc1`, ...: fully connected layers with leaky ReLU, at a rate of their own."""

    def __init__(
        self, inputs: int, width: int, layers: int, classes: int, rate: float, embedded: int
    ) -> None:
        super().__init__()
        self.num_classes, self.num_layers = classes, layers
        if classes:
            self.embed = FullyConnected(classes, embedded)
        first = inputs + embedded if classes else inputs
        for i in range(layers):
            layer = FullyConnected(
                first if i == 0 else width, width, activate=True, lr_multiplier=rate
            )
            self.add_module(f"fc{i}", layer)

    def _layers(self, x: Tensor) -> Tensor:
        for i in range(self.num_layers):
            x = self.get_submodule(f"fc{i}")(x)
        return x

    def embedded(self, c: Tensor | None) -> Tensor:
        """Class [N] int64 -> what the layers get of it, [N, width].

        Raises:
            UsageError: labels are missing or out of range.
        """
        y: Tensor = self.embed(one_hot(c, self.num_classes, self.embed.weight))
        return unit_second_moment(y)


class Mapping(_Stack):
    """z (and class) -> w; always float32.

    Args:
        net: sizes.
        num_ws: how many layers of the synthesis take a w.
    """

    w_avg: Tensor

    def __init__(self, net: AnyNet, num_ws: int) -> None:
        super().__init__(
            net.z_dim, net.w_dim, net.mapping_layers, net.num_classes, net.mapping_lr,
            net.class_dim or net.w_dim,
        )  # fmt: skip
        self.num_ws = num_ws
        self.register_buffer("w_avg", torch.zeros(net.w_dim))

    def w(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """[N, z_dim] float32, [N] int64 or None -> w [N, w_dim], not truncated.

        Raises:
            UsageError: labels are missing or out of range.
        """
        return self.w_embedded(z, self.embedded(c) if self.num_classes else None)

    def w_embedded(self, z: Tensor, embedded: Tensor | None) -> Tensor:
        """The same of classes that are `embedded` already, [N, w_dim]; None without classes."""
        x = unit_second_moment(z.float())
        return self._layers(x if embedded is None else torch.cat([x, embedded], dim=1))

    def forward(self, z: Tensor, c: Tensor | None = None, psi: float = 1.0) -> Tensor:
        """ws [N, num_ws, w_dim], pulled to `w_avg`: w_avg + psi (w - w_avg) (StyleGAN, B)."""
        w = self.w(z, c)
        if psi != 1:
            w = self.w_avg.lerp(w, psi)
        return w.unsqueeze(1).expand(-1, self.num_ws, -1)


class ClassMapping(_Stack):
    """Class -> the direction on which D projects (Miyato & Koyama 2018), float32."""

    def __init__(self, width: int, classes: int, layers: int = 8, rate: float = 0.01) -> None:
        super().__init__(0, width, layers, classes, rate, width)

    def forward(self, c: Tensor | None) -> Tensor:
        """[N] int64 -> [N, width].

        Raises:
            UsageError: labels are missing or out of range.
        """
        return self._layers(self.embedded(c))
