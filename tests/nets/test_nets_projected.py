"""The projected discriminator: spectral norm, mixing, heads, and the trunk they look at."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from limbeck.config import NetConfig
from limbeck.kit.rng import generator
from limbeck.nets import Networks, ProjectedDiscriminator, load_networks
from limbeck.nets.projected import CHANNELS, Mixing, SpectralConv
from limbeck.percept import EfficientNetLite0, FeatureMaps
from limbeck.percept.plain_layers import fill
from limbeck.percept.weights import read_weights

NET = NetConfig(
    size=32, channel_base=256, channel_max=16, z_dim=8, w_dim=8, mapping_layers=2,
    d_architecture="projected", d_head_width=8,
)  # fmt: skip


def pictures(count: int, side: int = 32) -> Tensor:
    coarse = torch.rand(count, 3, 5, 5, generator=generator("pictures")) * 2 - 1
    return F.interpolate(coarse, size=(side, side), mode="bicubic").clamp(-1, 1)


@pytest.fixture(scope="module")
def maps() -> FeatureMaps:
    return FeatureMaps(96)


def conv() -> SpectralConv:
    made = SpectralConv(6, 5, 4, stride=2)
    with torch.no_grad():
        made.reset(generator("conv"))
        made.bias.normal_(generator=generator("bias"))
    return made


def test_a_spectral_convolution_is_torch_s() -> None:
    ours = conv()
    theirs = nn.Conv2d(6, 5, 4, 2, 1)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight)
        theirs.bias.copy_(ours.bias)  # type: ignore[union-attr]
    theirs = spectral_norm(theirs).eval()
    theirs.parametrizations.weight[0]._u.copy_(ours.u)  # type: ignore[index, union-attr]
    theirs.parametrizations.weight[0]._v.copy_(ours.v)  # type: ignore[index, union-attr]
    x = torch.randn(3, 6, 8, 8, generator=generator("x"))
    found, wanted = ours(x, True), theirs(x)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    found.square().sum().backward()
    wanted.square().sum().backward()
    original = theirs.parametrizations.weight.original  # type: ignore[union-attr]
    torch.testing.assert_close(ours.weight.grad, original.grad, rtol=1e-4, atol=1e-4)


def test_its_norm_is_the_largest_singular_value() -> None:
    layer = conv()
    for _ in range(200):
        layer.settle()
    sigma = torch.dot(layer.u, layer.weight.flatten(1) @ layer.v)
    assert float(sigma.detach()) == pytest.approx(
        float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)), rel=1e-4
    )


def test_without_learning_gradients_go_to_the_input_alone() -> None:
    layer = conv()
    x = torch.randn(2, 6, 8, 8, generator=generator("x")).requires_grad_(True)
    layer(x, False).sum().backward()
    assert layer.weight.grad is None
    assert layer.bias.grad is None
    assert x.grad is not None


def test_mixing_has_mean_0_and_spread_1_on_its_photos_and_moves_once(maps: FeatureMaps) -> None:
    mixing = ProjectedDiscriminator(NET).mixing
    seen = maps(pictures(16))
    mixing.calibrate(seen)
    before = {name: value.clone() for name, value in mixing.named_buffers()}
    for mixed in mixing(seen):
        assert mixed.mean((0, 2, 3)).abs().max() < 1e-3
        assert (mixed.std((0, 2, 3)) - 1).abs().max() < 0.01
    mixing.calibrate(maps(pictures(4)))
    assert all(torch.equal(value, before[name]) for name, value in mixing.named_buffers())


def test_mixing_is_channels_then_scales_by_the_definition() -> None:
    mixing = Mixing((3, 4), (2, 2))
    with torch.no_grad():
        mixing.reset(generator("mixing"))
        mixing.get_buffer("shift0").fill_(0.5)
    fine = torch.randn(1, 3, 8, 8, generator=generator("fine"))
    coarse = torch.randn(1, 4, 4, 4, generator=generator("coarse"))
    low = F.conv2d(
        F.conv2d(coarse, mixing.get_buffer("channels1")), mixing.get_buffer("scale1"), padding=1
    )
    up = F.interpolate(F.conv2d(low, mixing.get_buffer("up1")), scale_factor=2, mode="bilinear")
    high = F.conv2d(
        F.conv2d(fine, mixing.get_buffer("channels0")) + up, mixing.get_buffer("scale0"), padding=1
    )
    found = mixing([fine, coarse])
    torch.testing.assert_close(found[1], low)
    torch.testing.assert_close(found[0], high + 0.5)


def test_heads_judge_patches_and_halves_apart(maps: FeatureMaps) -> None:
    D = ProjectedDiscriminator(NET)
    mixed = D.mixing(maps(pictures(8)))
    logits = D(mixed, splits=2)
    assert [tuple(x.shape) for x in logits] == [
        (8, 1, 6, 6),
        (8, 1, 6, 6),
        (8, 1, 6, 6),
        (8, 1, 3, 3),
    ]
    halves = [D([m[part] for m in mixed]) for part in (slice(0, 4), slice(4, 8))]
    for whole, first, second in zip(logits, *halves, strict=True):
        torch.testing.assert_close(whole, torch.cat([first, second]), rtol=1e-4, atol=1e-5)


def test_maps_are_the_trunk_s_activations(maps: FeatureMaps) -> None:
    net = EfficientNetLite0(classes=0)
    fill(net, read_weights("efficientnet-lite0-trunk"))
    x = pictures(2, 96)
    y = F.relu6(net.bn0(net.conv_stem(((x + 1) * 127.5 - 127) / 128)))
    wanted = []
    for index, block in enumerate(net.blocks):
        y = block(y)
        if index in (2, 4, 10, 15):
            wanted.append(y)
    found = maps(x)
    assert (
        [m.shape[1] for m in found] == list(CHANNELS["efficientnet-lite0"]) == list(maps.channels)
    )
    assert [m.shape[2] for m in found] == list(maps.sides)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_maps_give_gradients_to_pictures_of_any_size(maps: FeatureMaps) -> None:
    x = pictures(2).requires_grad_(True)
    sum(m.square().mean() for m in maps(x)).backward()  # type: ignore[union-attr]
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in maps.parameters())


def test_networks_with_heads_come_back_from_disk(tmp_path: Path, maps: FeatureMaps) -> None:
    networks = Networks.create(NET, 3)
    networks.D.mixing.calibrate(maps(pictures(8)))  # type: ignore[union-attr, operator]
    networks.save(tmp_path / "nets")
    again = load_networks(tmp_path / "nets").state_dict()
    assert networks.state_dict().keys() == again.keys()
    assert all(torch.equal(v, again[k]) for k, v in networks.state_dict().items())


def test_a_head_on_pixels_and_separable_heads(maps: FeatureMaps) -> None:
    net = NET.model_copy(update={"d_pixels": True, "d_separable": True})
    D, x = ProjectedDiscriminator(net), pictures(4).requires_grad_(True)
    logits = D(D.look(x, maps(x.detach())), learn=False)
    assert [tuple(one.shape[1:]) for one in logits[-1:]] == [(1, 8, 8)]
    assert len(logits) == 5
    logits[-1].sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    plain = ProjectedDiscriminator(NET.model_copy(update={"d_pixels": True}))
    assert sum(p.numel() for p in D.parameters()) < sum(p.numel() for p in plain.parameters())
    depthwise = D.get_submodule("heads.0.stages.0.0")
    assert isinstance(depthwise, SpectralConv)
    assert tuple(depthwise.weight.shape) == (32, 1, 4, 4)
