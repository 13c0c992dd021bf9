"""The layout of stylegan2-pytorch (rosinality), there and back, drawn by other means than ours."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from limbeck.config import NetConfig
from limbeck.errors import DataError, UsageError
from limbeck.kit.rng import generator
from limbeck.nets import Discriminator, Generator
from limbeck.nets.public import (
    from_rosinality_discriminator,
    from_rosinality_generator,
    to_rosinality_discriminator,
    to_rosinality_generator,
)

NET = NetConfig(size=32, channel_base=256, channel_max=16, z_dim=12, w_dim=12, mapping_layers=3)
KNOWN = {
    "style.1.weight": (12, 12), "style.3.bias": (12,), "input.input": (1, 16, 4, 4),
    "conv1.conv.weight": (1, 16, 16, 3, 3), "conv1.conv.modulation.weight": (16, 12),
    "conv1.noise.weight": (1,), "conv1.activate.bias": (16,),
    "to_rgb1.conv.weight": (1, 3, 16, 1, 1), "to_rgb1.bias": (1, 3, 1, 1),
    "convs.0.conv.blur.kernel": (4, 4), "convs.5.conv.weight": (1, 8, 8, 3, 3),
    "to_rgbs.2.upsample.kernel": (4, 4), "to_rgbs.2.conv.modulation.bias": (8,),
    "noises.noise_0": (1, 1, 4, 4), "noises.noise_6": (1, 1, 32, 32),
}  # fmt: skip
KNOWN_OF_D = {
    "convs.0.0.weight": (8, 3, 1, 1), "convs.0.1.bias": (8,),
    "convs.1.conv1.0.weight": (8, 8, 3, 3), "convs.1.conv1.1.bias": (8,),
    "convs.1.conv2.0.kernel": (4, 4),
    "convs.1.conv2.1.weight": (16, 8, 3, 3), "convs.1.conv2.2.bias": (16,),
    "convs.3.skip.0.kernel": (4, 4), "convs.3.skip.1.weight": (16, 16, 1, 1),
    "final_conv.0.weight": (16, 17, 3, 3), "final_conv.1.bias": (16,),
    "final_linear.0.weight": (16, 256), "final_linear.1.bias": (1,),
}  # fmt: skip


def shaken(module: torch.nn.Module) -> dict[str, Tensor]:
    """Its state dict, with biases and noise strengths that are not zero."""
    rng = generator("shaken")
    with torch.no_grad():
        for name, value in module.named_parameters():
            if name.endswith(("bias", "noise_strength")):
                value.add_(0.3 * torch.randn(value.shape, generator=rng))
        for name, value in module.named_buffers():
            if name.endswith("w_avg"):
                value.copy_(torch.randn(value.shape, generator=rng))
    module.requires_grad_(False)
    return module.state_dict()


def blurred(x: Tensor, kernel: Tensor, before: int, after: int) -> Tensor:
    x = F.pad(x, (before, after, before, after))
    c = x.shape[1]
    return F.conv2d(x, kernel.flip(0, 1).expand(c, 1, *kernel.shape), groups=c)


def lrelu(x: Tensor, bias: Tensor) -> Tensor:
    bias = bias.reshape(1, -1, *[1] * (x.ndim - 2))
    return F.leaky_relu(x + bias, 0.2) * 2**0.5


def linear(s: dict[str, Tensor], name: str, x: Tensor, rate: float = 1.0) -> Tensor:
    weight = s[f"{name}.weight"]
    return F.linear(x, weight * (rate / math.sqrt(weight.shape[1])), s[f"{name}.bias"] * rate)


def modulated(s: dict[str, Tensor], name: str, x: Tensor, w: Tensor, kind: str) -> Tensor:
    """StyleGAN2's equations as they stand: a weight for each picture."""
    weight = s[f"{name}.weight"]
    inputs, k = weight.shape[2:4]
    style = linear(s, f"{name}.modulation", w).view(-1, 1, inputs, 1, 1)
    each = weight * style / math.sqrt(inputs * k * k)
    if kind != "rgb":
        each = each * (each.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    made = []
    for picture, kernel in zip(x, each, strict=True):
        if kind == "up":
            y = F.conv_transpose2d(picture[None], kernel.transpose(0, 1), stride=2)
            made.append(blurred(y, s[f"{name}.blur.kernel"], 1, 1))
        else:
            made.append(F.conv2d(picture[None], kernel, padding=k // 2))
    return torch.cat(made)


def drawn(s: dict[str, Tensor], z: Tensor, mean: Tensor, psi: float) -> Tensor:
    """The generator of a state dict in their layout, from the equations of StyleGAN2."""
    x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
    for i in range(1, 1 + sum(n.startswith("style") and n.endswith("weight") for n in s)):
        x = F.leaky_relu(linear(s, f"style.{i}", x, 0.01), 0.2) * 2**0.5
    w = mean + psi * (x - mean)

    def styled(x: Tensor, name: str, number: int, kind: str) -> Tensor:
        y = modulated(s, f"{name}.conv", x, w, kind)
        y = y + s[f"{name}.noise.weight"] * s[f"noises.noise_{number}"]
        return lrelu(y, s[f"{name}.activate.bias"])

    x = styled(s["input.input"].expand(len(z), -1, -1, -1), "conv1", 0, "same")
    picture = modulated(s, "to_rgb1.conv", x, w, "rgb") + s["to_rgb1.bias"]
    for j in range(sum(n.startswith("to_rgbs") and n.endswith("conv.weight") for n in s)):
        x = styled(x, f"convs.{2 * j}", 2 * j + 1, "up")
        x = styled(x, f"convs.{2 * j + 1}", 2 * j + 2, "same")
        finer = F.pad(torch.zeros_like(picture).repeat(1, 1, 2, 2), (0, 0))
        finer[:, :, ::2, ::2] = picture
        finer = blurred(finer, s[f"to_rgbs.{j}.upsample.kernel"], 2, 1)
        picture = finer + modulated(s, f"to_rgbs.{j}.conv", x, w, "rgb") + s[f"to_rgbs.{j}.bias"]
    return picture


def judged(s: dict[str, Tensor], x: Tensor) -> Tensor:
    """The discriminator of a state dict in their layout; the batch is one group of four."""

    def conv(x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        weight = s[f"{name}.weight"]
        return F.conv2d(x, weight / math.sqrt(weight[0].numel()), stride=stride, padding=padding)

    x = lrelu(conv(x, "convs.0.0"), s["convs.0.1.bias"])
    for i in range(1, 1 + sum(n.endswith("skip.1.weight") for n in s)):
        block = f"convs.{i}"
        y = lrelu(conv(x, f"{block}.conv1.0", padding=1), s[f"{block}.conv1.1.bias"])
        y = conv(blurred(y, s[f"{block}.conv2.0.kernel"], 2, 2), f"{block}.conv2.1", 2)
        y = lrelu(y, s[f"{block}.conv2.2.bias"])
        x = y + conv(blurred(x, s[f"{block}.skip.0.kernel"], 1, 1), f"{block}.skip.1", 2)
        x = x / 2**0.5
    spread = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()
    x = torch.cat([x, spread.expand(len(x), 1, 4, 4)], 1)
    x = lrelu(conv(x, "final_conv.0", padding=1), s["final_conv.1.bias"]).flatten(1)
    bare = linear(s, "final_linear.0", x)
    return linear(s, "final_linear.1", F.leaky_relu(bare, 0.2) * 2**0.5)


def test_generator_there_draws_the_same_and_comes_back_bitwise() -> None:
    G = Generator(NET, 1)
    state = shaken(G)
    theirs, mean = to_rosinality_generator(NET, state)
    assert {n: tuple(theirs[n].shape) for n in KNOWN} == KNOWN
    assert len(theirs) == 71
    z = torch.randn(3, 12, generator=generator("z"))
    torch.testing.assert_close(drawn(theirs, z, mean, 0.6), G(z, psi=0.6), atol=2e-5, rtol=1e-5)
    back = from_rosinality_generator(theirs, mean)
    assert back.config == NET
    assert back.tensors.keys() == state.keys()
    assert all(torch.equal(back.tensors[name], state[name]) for name in state)


def test_discriminator_there_judges_the_same_and_comes_back_bitwise() -> None:
    D = Discriminator(NET, 1)
    state = shaken(D)
    theirs = to_rosinality_discriminator(NET, state)
    assert {n: tuple(theirs[n].shape) for n in KNOWN_OF_D} == KNOWN_OF_D
    x = torch.randn(4, 3, 32, 32, generator=generator("x"))
    torch.testing.assert_close(judged(theirs, x), D(x), atol=1e-5, rtol=1e-5)
    back = from_rosinality_discriminator(theirs)
    assert isinstance(back.config, NetConfig)
    assert all(torch.equal(back.tensors[name], state[name]) for name in state)
    assert back.tensors.keys() == state.keys()
    found = back.discriminator()
    torch.testing.assert_close(found(x), D(x))


def test_another_learning_rate_of_the_mapping_goes_into_its_weights() -> None:
    net = NET.model_copy(update={"mapping_lr": 0.1})
    G = Generator(net, 1)
    theirs, mean = to_rosinality_generator(net, shaken(G))
    z = torch.randn(2, 12, generator=generator("z"))
    torch.testing.assert_close(drawn(theirs, z, mean, 0.7), G(z, psi=0.7), atol=2e-5, rtol=1e-4)
    back = from_rosinality_generator(theirs, mean)
    assert isinstance(back.config, NetConfig)
    assert back.config.mapping_lr == 0.01
    torch.testing.assert_close(back.generator()(z), G(z), atol=1e-5, rtol=1e-4)


def test_without_a_mean_latent_it_is_taken_from_the_mapping() -> None:
    G = Generator(NET, 1)
    theirs, _ = to_rosinality_generator(NET, shaken(G))
    old = {n: v.reshape(1, -1, 1, 1) if "activate" in n else v for n, v in theirs.items()}
    back = from_rosinality_generator({**old, "latent_avg": torch.zeros(12)})  # inside means nothing
    z = torch.randn(40_000, 12, generator=generator("many"))
    mean, spread = G.mapping.w(z).mean(0), G.mapping.w(z).std(0)
    assert float(((back.tensors["mapping.w_avg"] - mean) / spread).abs().max()) < 0.04
    assert "no latent_avg" in back.notes[0]


def test_channels_follow_from_the_widths() -> None:
    for base, most in ((512, 16), (64, 16), (100, 512)):
        net = NetConfig(
            size=32, channel_base=base, channel_max=most, z_dim=4, w_dim=4, mapping_layers=1
        )
        theirs, mean = to_rosinality_generator(net, Generator(net).state_dict())
        found = from_rosinality_generator(theirs, mean).config
        assert isinstance(found, NetConfig)
        sides = (4, 8, 16, 32)
        assert [found.channels(s) for s in sides] == [net.channels(s) for s in sides]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("conv1.noise.weight", None, "conv1.noise.weight is missing"),
        ("style.1.weight", None, "style.1.weight is missing"),
        ("more", torch.zeros(1), "unknown tensors more"),
        ("input.input", torch.zeros(2, 16, 4, 4), "input.input has shape .2, 16, 4, 4."),
        ("convs.0.conv.blur.kernel", torch.ones(4, 4), "is not the filter"),
        ("convs.3.conv.weight", torch.zeros(1, 12, 16, 3, 3), "do not halve"),
        ("convs.0.conv.weight", torch.full((1, 16, 16, 3, 3), torch.nan), "not finite"),
        ("convs.0.conv.weight", torch.zeros(1, 16, 4, 3, 3), "instead of"),
    ],
)
def test_state_dicts_that_do_not_fit_are_refused(key: str, value: Any, message: str) -> None:
    theirs, mean = to_rosinality_generator(NET, Generator(NET).state_dict())
    changed = {name: tensor for name, tensor in theirs.items() if name != key}
    if value is not None:
        changed[key] = value
    with pytest.raises(DataError, match=message):
        from_rosinality_generator(changed, mean)


def test_nothing_that_is_no_checkpoint_is_taken() -> None:
    with pytest.raises(DataError, match=r"style\.1\.weight is missing"):
        from_rosinality_generator({})
    with pytest.raises(DataError, match=r"convs\.0\.0\.weight is missing"):
        from_rosinality_discriminator({})


def test_what_their_networks_do_not_know_is_not_exported() -> None:
    classes = NET.model_copy(update={"num_classes": 2})
    with pytest.raises(UsageError, match="no generators with classes"):
        to_rosinality_generator(classes, {})
    with pytest.raises(UsageError, match="no discriminators with classes"):
        to_rosinality_discriminator(classes, {})
    bare = NET.model_copy(update={"g_architecture": "orig", "d_architecture": "projected"})
    with pytest.raises(UsageError, match="architecture 'orig'"):
        to_rosinality_generator(bare, {})
    with pytest.raises(UsageError, match="architecture 'projected'"):
        to_rosinality_discriminator(bare, {})
