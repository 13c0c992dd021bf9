"""StyleGAN2 training as a textbook writes it: the baseline of `limbeck bench`.

The same mathematics and the same parameters as `limbeck.nets`, in the plain form that public code
takes where its compiled kernels are missing: styles before a convolution, demodulation after it,
NCHW, float32, zero insertion, padding and a grouped convolution for FIR, real and fake through D
one after the other, Adam and averages tensor by tensor. Written from the papers (StyleGAN,
StyleGAN2); tests hold its images, logits and gradients to those of limbeck.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.config import Config
from limbeck.nets import Discriminator, Generator, Networks

SQRT2 = math.sqrt(2)


def fir(
    x: Tensor, f: Tensor, pad: tuple[int, int], up: int = 1, down: int = 1, gain: float = 1.0
) -> Tensor:
    """Zeros between pixels, `pad` (before, after) on both axes, filter, every down-th pixel."""
    n, c, h, w = x.shape
    if up > 1:
        x = x.reshape(n, c, h, 1, w, 1)
        x = F.pad(x, [0, up - 1, 0, 0, 0, up - 1]).reshape(n, c, h * up, w * up)
    x = F.pad(x, [pad[0], pad[1], pad[0], pad[1]])
    x = F.conv2d(x, (f * gain).flip(0, 1)[None, None].repeat(c, 1, 1, 1), groups=c)
    return x[:, :, ::down, ::down]


def linear(x: Tensor, layer: Any, gain: float, bias_gain: float, activate: bool) -> Tensor:
    """Fully connected with equalised learning rate."""
    y = x @ (layer.weight * gain).t() + layer.bias * bias_gain
    return F.leaky_relu(y, 0.2) * SQRT2 if activate else y


def modulated(
    x: Tensor, weight: Tensor, styles: Tensor, f: Tensor, up: int, demodulate: bool
) -> Tensor:
    """StyleGAN2, equations 1 to 3: styles scale what comes in, demodulation what goes out.

    The form that public code trains with; its other one, a weight and a group an image, is slower.
    """
    x = x * styles[:, :, None, None]
    if up == 2:
        y = fir(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), f, (1, 1), gain=4.0)
    else:
        y = F.conv2d(x, weight, padding=weight.shape[2] // 2)
    if not demodulate:
        return y
    each = weight[None] * styles[:, None, :, None, None]
    return y * (each.square().sum((2, 3, 4)) + 1e-8).rsqrt()[:, :, None, None]


def mapping(G: Generator, z: Tensor) -> Tensor:
    """z [N, z_dim] -> w [N, w_dim]."""
    x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
    for i in range(G.mapping.num_layers):
        layer: Any = G.mapping.get_submodule(f"fc{i}")
        x = linear(x, layer, 0.01 / math.sqrt(layer.weight.shape[1]), 0.01, True)
    return x


def synthesis(
    G: Generator, ws: Tensor, noise: bool = True, rng: torch.Generator | None = None
) -> Tensor:
    """ws [N, num_ws, w_dim] -> images [N, 3, S, S] (skip), with fresh noise or none."""

    def style(layer: Any, w: Tensor) -> Tensor:
        return linear(w, layer.affine, 1 / math.sqrt(w.shape[1]), 1.0, False)

    def conv(x: Tensor, layer: Any, w: Tensor, up: int) -> Tensor:
        y = modulated(x, layer.weight, style(layer, w), layer.resample_filter, up, True)
        if noise:
            pattern = torch.randn(len(y), 1, *y.shape[2:], device=y.device, generator=rng)
            y = y + pattern * layer.noise_strength
        return F.leaky_relu(y + layer.bias[None, :, None, None], 0.2) * SQRT2

    x: Tensor | None = None
    picture: Tensor | None = None
    at = 0
    for size in G.synthesis.sizes:
        block: Any = G.synthesis.block(size)
        if x is None:
            x = block.const[None].repeat(len(ws), 1, 1, 1)
            x, at = conv(x, block.conv1, ws[:, 0], 1), 1
        else:
            x = conv(x, block.conv0, ws[:, at], 2)
            x, at = conv(x, block.conv1, ws[:, at + 1], 1), at + 2
        layer = block.torgb
        if layer is None:
            continue
        styles = style(layer, ws[:, at]) / math.sqrt(layer.weight.shape[1])
        y = modulated(x, layer.weight, styles, block.resample_filter, 1, False)
        y = y + layer.bias[None, :, None, None]
        if picture is not None:
            y = y + fir(picture, block.resample_filter, (2, 1), up=2, gain=4.0)
        picture = y
    assert picture is not None, "the last block has an image"
    return picture


def discriminator(D: Discriminator, x: Tensor) -> Tensor:
    """Images [N, 3, S, S] -> logits [N, 1] (architecture resnet)."""

    def conv(x: Tensor, layer: Any, down: int, activate: bool, gain: float) -> Tensor:
        k = layer.weight.shape[2]
        weight = layer.weight / math.sqrt(layer.weight[0].numel())
        if down == 2:
            pad = (2, 2) if k == 3 else (1, 1)
            x = fir(x, layer.resample_filter, pad, down=1 if k == 3 else 2)
            y = F.conv2d(x, weight, stride=2 if k == 3 else 1)
        else:
            y = F.conv2d(x, weight, padding=k // 2)
        if layer.bias is not None:
            y = y + layer.bias[None, :, None, None]
        return (F.leaky_relu(y, 0.2) * SQRT2 if activate else y) * gain

    for size in D.sizes:
        block: Any = D.get_submodule(f"b{size}")
        if block.fromrgb is not None:
            x = conv(x, block.fromrgb, 1, True, 1.0)
        y = conv(x, block.skip, 2, False, math.sqrt(0.5))
        x = conv(conv(x, block.conv0, 1, True, 1.0), block.conv1, 2, True, math.sqrt(0.5))
        x = x + y
    n, c, h, w = x.shape
    group = min(D.b4.group or n, n)
    y = x.reshape(group, -1, c, h, w)
    y = ((y - y.mean(0)).square().mean(0) + 1e-8).sqrt().mean((1, 2, 3))
    x = torch.cat([x, y.reshape(-1, 1, 1, 1).repeat(group, 1, h, w)], 1)
    x = conv(x, D.b4.conv, 1, True, 1.0).flatten(1)
    x = linear(x, D.b4.fc, 1 / math.sqrt(x.shape[1]), 1.0, True)
    return linear(x, D.b4.out, 1 / math.sqrt(x.shape[1]), 1.0, False)


class Textbook:
    """Trains G and D by the book; each method is one phase with its optimiser's step.

    Args:
        config: shapes and settings (skip, resnet, no classes).
        device: where it runs.
        rng: source of latents and noise on that device; None = torch's own.
    """

    def __init__(
        self, config: Config, device: torch.device, rng: torch.Generator | None = None
    ) -> None:
        self._rng = rng
        plain = {"net.d_architecture": "resnet"}  # StyleGAN2's, whatever limbeck trains against
        if config.net.d_architecture == "projected":
            config = config.replace(**plain, **{"train.augment": "none"})
        self.nets = Networks.create(config.net, config.seed, encoder=False).to(device)
        self.config = config
        assert isinstance(self.nets.D, Discriminator)
        self._critic = self.nets.D
        self.pl_mean = torch.zeros((), device=device)
        self.device = device
        train = config.train
        self.adams = {}
        for name, every in (("G", train.pl_every), ("D", train.r1_every)):
            c = every / (every + 1)
            parameters = getattr(self.nets, name).parameters()
            self.adams[name] = torch.optim.Adam(parameters, train.lr * c, (0.0, 0.99**c), eps=1e-8)

    def _pictures(self, count: int) -> tuple[Tensor, Tensor]:
        G, train = self.nets.G, self.config.train
        first = mapping(G, torch.randn(count, G.z_dim, device=self.device, generator=self._rng))
        ws = first[:, None].repeat(1, G.num_ws, 1)
        if train.style_mixing > 0:
            second = mapping(
                G, torch.randn(count, G.z_dim, device=self.device, generator=self._rng)
            )
            if float(torch.rand((), generator=self._rng, device=self.device)) < train.style_mixing:
                cut = int(torch.randint(1, G.num_ws, (), generator=self._rng, device=self.device))
                ws[:, cut:] = second[:, None]
        with torch.no_grad():
            G.mapping.w_avg.lerp_(first.mean(0), 1 - train.w_avg_beta)
        return synthesis(G, ws, train.noise == "random", self._rng), ws

    def _step(self, name: str, loss: Tensor) -> None:
        for other in ("G", "D"):
            getattr(self.nets, other).requires_grad_(other == name)
        torch.autograd.backward(loss)
        self.adams[name].step()
        self.adams[name].zero_grad(set_to_none=True)

    def _only(self, name: str) -> None:
        self.nets.G.requires_grad_(name == "G")
        self.nets.D.requires_grad_(name == "D")

    def g_main(self, real: Tensor) -> None:
        """Non-saturating loss of G."""
        self._only("G")
        fake, _ = self._pictures(len(real))
        self._step("G", F.softplus(-discriminator(self._critic, fake)).mean())

    def g_path(self, real: Tensor) -> None:
        """Path-length regularisation."""
        self._only("G")
        train = self.config.train
        fake, ws = self._pictures(max(len(real) // train.pl_batch_shrink, 1))
        noise = torch.randn(fake.shape, device=self.device, generator=self._rng)
        noise = noise / math.sqrt(fake.shape[2] * fake.shape[3])
        (g,) = torch.autograd.grad((fake * noise).sum(), ws, create_graph=True)
        lengths = g.square().sum(2).mean(1).sqrt()
        penalty = (lengths - self.pl_mean).square().mean()
        self.pl_mean = self.pl_mean.lerp(lengths.detach().mean(), train.pl_decay)
        self._step("G", penalty * train.pl_weight * train.pl_every)

    def d_main(self, real: Tensor) -> None:
        """Logistic loss of D, fake and real one after the other."""
        self._only("D")
        with torch.no_grad():
            fake, _ = self._pictures(len(real))
        torch.autograd.backward(F.softplus(discriminator(self._critic, fake)).mean())
        self._step("D", F.softplus(-discriminator(self._critic, real)).mean())

    def d_r1(self, real: Tensor) -> None:
        """R1 on photos."""
        self._only("D")
        real = real.detach().requires_grad_(True)
        (g,) = torch.autograd.grad(discriminator(self._critic, real).sum(), real, create_graph=True)
        penalty = g.square().sum((1, 2, 3)).mean()
        self._step("D", penalty * (self.config.gamma() / 2 * self.config.train.r1_every))

    @torch.no_grad()
    def average(self) -> None:
        """G_ema, tensor by tensor."""
        train = self.config.train
        beta = 0.5 ** (train.batch / max(train.ema_kimg * 1000, 1e-8))
        pairs = zip(self.nets.G_ema.parameters(), self.nets.G.parameters(), strict=True)
        for mean, live in pairs:
            mean.copy_(live.lerp(mean, beta))
        for kept, now in zip(self.nets.G_ema.buffers(), self.nets.G.buffers(), strict=True):
            kept.copy_(now)
