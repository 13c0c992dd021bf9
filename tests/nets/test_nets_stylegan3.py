"""StyleGAN3 generators: the public numbers, equivariance, and use in place of a StyleGAN2."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from public_networks import foreign
from pydantic import ValidationError
from torch import Tensor

from limbeck.kit.rng import generator
from limbeck.nets import (
    Encoder,
    StyleGAN3Config,
    StyleGAN3Generator,
    new_encoder,
    new_generator,
    prepare,
    trunk_shapes,
)
from limbeck.nets.stylegan3 import FilteredLayer, RGBLayer

R = {"conv_kernel": 1, "use_radial_filters": True}
SMALL = {
    "size": 64, "z_dim": 64, "w_dim": 64, "channel_base": 1024, "channel_max": 32, "num_layers": 8,
}  # fmt: skip
TINY = {
    "size": 32, "z_dim": 16, "w_dim": 16, "channel_base": 256, "channel_max": 16, "num_layers": 6,
    "margin_size": 4,
}  # fmt: skip


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=generator("test", seed))


def tiny(**changes: Any) -> StyleGAN3Generator:
    return StyleGAN3Generator(StyleGAN3Config(**{**TINY, **changes}), 1).requires_grad_(False)


@pytest.mark.parity
@pytest.mark.parametrize("name", ["sg3t_32", "sg3r_32"])
def test_filters_and_names_follow_from_the_configuration(name: str) -> None:
    file = foreign(name)
    config = file.generator().config
    assert isinstance(config, StyleGAN3Config)
    own = StyleGAN3Generator(config).state_dict()
    stored = file.tensors["G_ema"]
    assert own.keys() == stored.keys()
    filters = [key for key in stored if key.endswith("_filter")]
    assert len(filters) == 12
    for key in filters:
        torch.testing.assert_close(own[key], stored[key], atol=1e-6, rtol=0)
    assert any(stored[key].ndim == 2 for key in filters) == config.use_radial_filters


def test_layers_of_the_published_networks() -> None:
    found = [shape.name for shape in StyleGAN3Config(size=256).layers]
    assert " ".join(found) == (
        "L0_36_512 L1_36_512 L2_36_512 L3_52_512 L4_52_512 L5_84_512 L6_84_512 L7_148_512 "
        "L8_148_512 L9_148_362 L10_276_256 L11_276_181 L12_276_128 L13_256_128 L14_256_3"
    )
    wide = StyleGAN3Config(size=1024, channel_base=65536, channel_max=1024, **R)
    assert [shape.name for shape in wide.layers][5:11] == [
        "L5_148_1024", "L6_148_1024", "L7_276_645", "L8_276_406", "L9_532_256", "L10_1044_161",
    ]  # fmt: skip
    assert [shape.half for shape in wide.layers] == [shape.out_rate > 64 for shape in wide.layers]


def psnr(a: Tensor, b: Tensor, edge: int, span: Tensor) -> float:
    """Over the inside of images, in dB of their span."""
    inside = slice(edge, -edge)
    error = (a - b)[..., inside, inside].square().mean()
    return float(10 * torch.log10(span**2 / error))


@pytest.mark.parametrize("kind", ["T", "R"])
@torch.no_grad()
def test_pictures_move_and_turn_with_their_input(kind: str) -> None:
    extra = R if kind == "R" else {}
    G = StyleGAN3Generator(StyleGAN3Config(**{**SMALL, **extra}), 3)
    z = normal(2, 64)
    still = G(z)
    span = still.max() - still.min()
    transform = G.synthesis.input.transform
    transform[:2, 2] = torch.tensor([-7 / 64, 3 / 64])  # right by 7 pixels, up by 3
    assert psnr(G(z), still.roll((-3, 7), (2, 3)), 12, span) > 65
    transform[:2, 2] = 0
    turned = {}
    for degrees in (90, 30):
        a = math.radians(degrees)
        matrix = torch.tensor([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])
        transform[:2, :2] = matrix
        grid = F.affine_grid(
            F.pad(matrix, (0, 1)).expand(2, 2, 3), still.shape, align_corners=False
        )
        wanted = F.grid_sample(still, grid, "bicubic", align_corners=False)
        turned[degrees] = psnr(G(z), wanted, 20, span)
    if kind == "R":
        assert turned[90] > 80
        assert turned[30] > 60  # bicubic interpolation is not exact either
    else:
        assert max(turned.values()) < 40


@torch.no_grad()
def test_the_pose_of_w_is_a_transform_too() -> None:
    G, z = tiny(), normal(2, 16)
    pose, transform = G.synthesis.input.affine.bias, G.synthesis.input.transform
    still = G(z)
    pose.copy_(torch.tensor([1.5, 0, 0.1, -0.05]))  # its length means nothing
    moved = G(z)
    pose.copy_(torch.tensor([1.0, 0, 0, 0]))
    transform[:2, 2] = torch.tensor([-0.1 / 1.5, 0.05 / 1.5])
    torch.testing.assert_close(G(z), moved, atol=1e-6, rtol=1e-5)
    transform[:2, 2] = 0
    pose.copy_(torch.tensor([0.0, 2.0, 0, 0]))
    quarter = G(z)
    pose.copy_(torch.tensor([1.0, 0, 0, 0]))
    transform[:2, :2] = torch.tensor([[0.0, -1], [1, 0]])
    torch.testing.assert_close(G(z), quarter, atol=1e-6, rtol=1e-5)
    assert float((quarter - still).abs().max()) > 0.01


@torch.no_grad()
def test_waves_that_the_grid_cannot_hold_fade_out() -> None:
    first = tiny().synthesis.input
    w = normal(1, 16)
    first.transform[:2, :2] *= 4.5  # frequencies up to 9 on a grid that holds 8
    first.freqs[:, 1] = 0
    first.freqs[:, 0] = 2
    assert float(first(w).abs().max()) == 0
    first.transform[:2, :2] /= 4.5
    assert float(first(w).abs().max()) > 0.1


@torch.no_grad()
def test_what_a_layer_saw_in_training_scales_its_input() -> None:
    G = tiny()
    w = normal(2, 16)
    for layer in G.synthesis.children():
        if isinstance(layer, FilteredLayer | RGBLayer):
            side = 12
            x = normal(2, layer.weight.shape[1], side, side)
            whole = layer(x, w)
            layer.magnitude_ema.fill_(4)
            torch.testing.assert_close(layer(2 * x, w), whole, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_styles_and_weights_have_no_size() -> None:
    layer = next(m for m in tiny().synthesis.children() if isinstance(m, FilteredLayer))
    x, w = normal(1, 16, 24, 24), normal(1, 16)
    before = layer(x, w)
    layer.weight *= 100
    layer.affine.weight *= 3
    layer.affine.bias *= 3
    torch.testing.assert_close(layer(x, w), before, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_clamp_limits_activations_and_the_picture() -> None:
    z = normal(2, 16)
    free, usual = tiny(conv_clamp=None), tiny()
    torch.testing.assert_close(free(z), usual(z), atol=0, rtol=0)
    limited = tiny(conv_clamp=0.05)(z)
    assert float(limited.abs().max()) <= 0.05 * 0.25 + 1e-7
    assert float(usual(z).abs().max()) > 0.05


@torch.no_grad()
def test_float16_only_on_a_gpu_and_only_where_published(monkeypatch: pytest.MonkeyPatch) -> None:
    G = tiny(num_fp16_res=1)  # of rates 16 and 32 only the second
    layers = dict(G.synthesis.named_children())
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    halves = [n for n in G.synthesis.names if G.synthesis.dtype_of(layers[n], gpu) == torch.half]
    assert halves == ["L2_40_16", "L3_40_13", "L4_40_8", "L5_32_8", "L6_32_3"]
    assert all(G.synthesis.dtype_of(layer, cpu) == torch.float32 for layer in layers.values())
    z = normal(2, 16)
    full = G(z)
    as_if = type(G.synthesis).dtype_of
    monkeypatch.setattr(
        type(G.synthesis), "dtype_of", lambda self, layer, device: as_if(self, layer, gpu)
    )
    half = G(z)
    assert half.dtype == torch.float32
    difference = float((half - full).abs().max())
    assert 0 < difference < 5e-3


@torch.no_grad()
def test_used_like_a_stylegan2() -> None:
    G = tiny(num_classes=3)
    z, c = normal(5, 16), torch.tensor([0, 2, 1, 1, 0])
    ws = G.mapping(z, c)
    assert ws.shape == (5, G.num_ws, 16)
    assert G.num_ws == 8
    whole = G.synthesis(ws, noise="random")
    assert whole.shape == (5, 3, 32, 32)
    torch.testing.assert_close(G(z, c), whole)
    alone = torch.cat([G(z[i : i + 1], c[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(alone, whole, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(G.synthesis(G.broadcast(G.mapping.w(z, c))), whole)
    prepare(G, torch.float32)
    torch.testing.assert_close(G(z, c), whole)


def test_gradients_reach_w() -> None:
    G = tiny()
    ws = G.broadcast(normal(1, 16)).clone().requires_grad_()
    G.synthesis(ws).square().sum().backward()
    assert ws.grad is not None
    assert bool((ws.grad.abs().sum(2) > 0)[0, 1:].all())  # the first turns and moves: weight 0


def test_first_parameters_depend_on_the_seed_alone() -> None:
    config = StyleGAN3Config(**TINY)
    a, b, c = (StyleGAN3Generator(config, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["synthesis.input.freqs"], c["synthesis.input.freqs"])
    assert float(a["synthesis.input.freqs"].norm(dim=1).max()) <= config.first_cutoff
    assert all(bool(torch.isfinite(value).all()) for value in a.values())


def test_no_finer_grid_no_filter_in_the_layout() -> None:
    names = tiny(lrelu_upsampling=1).state_dict().keys()
    assert "synthesis.L0_24_16.up_filter" not in names
    assert "synthesis.L2_40_16.up_filter" in names
    assert tiny(lrelu_upsampling=1)(normal(1, 16)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 48}, "power of two"),
        ({"conv_kernel": 2}, "odd"),
        ({"lrelu_upsampling": 3}, "power of two"),
        ({"num_critical": 6}, "below num_layers, 6"),
        ({"first_cutoff": 5.0}, "below first_stopband"),
        ({"first_cutoff": 16.0, "first_stopband": 17.0}, "below 16, half of size"),
        ({"size": 1024, "margin_size": 256, "lrelu_upsampling": 8}, "grids of 12288"),
        ({"num_classes": 2, "class_names": ("a",)}, "1 entries for 2 classes"),
        ({"num_layers": 1000}, "less than or equal to 64"),
        ({"kind": "stylegan4"}, "stylegan3"),
    ],
)
def test_odd_shapes_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        StyleGAN3Config(**{**TINY, **changes})


def test_an_encoder_beside_it() -> None:
    config = StyleGAN3Config(**TINY, **R)
    E = new_encoder(config, 1)
    assert isinstance(E, Encoder)
    assert E(torch.zeros(1, 3, 32, 32)).shape == (1, 16)
    assert trunk_shapes(config).channel_max == 16
    assert trunk_shapes(StyleGAN3Config(channel_base=65536, channel_max=1024)).channel_max == 512
    assert isinstance(new_generator(config), StyleGAN3Generator)
