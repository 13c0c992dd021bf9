"""Shapes, sizes, classes, encoder, noise and minibatch-std of the networks."""

import pytest
import torch
from torch import Tensor

from limbeck.config import NetConfig
from limbeck.errors import UsageError
from limbeck.kit.rng import Draws
from limbeck.nets import Discriminator, Encoder, Generator, Networks, minibatch_std


def small(size: int = 16, classes: int = 0, group: int | None = 4) -> NetConfig:
    return NetConfig(
        size=size, channel_base=128, channel_max=16, z_dim=12, w_dim=10, mapping_layers=2,
        num_classes=classes, mbstd_group=group,
    )  # fmt: skip


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [8, 16, 32, 64, 128])
def test_small_sizes_run(size: int) -> None:
    net = small(size)
    G, D, E = Generator(net), Discriminator(net), Encoder(net)
    with torch.no_grad():
        pictures = G(draw(2, 12))
        assert pictures.shape == (2, 3, size, size)
        assert pictures.isfinite().all()
        assert G.num_ws == 2 * (size.bit_length() - 2)
        assert D(pictures).shape == (2, 1)
        assert E(pictures).shape == (2, 10)
        maps = D.features(pictures)
    assert [m.shape[2] for m in maps] == [size >> i for i in range(1, size.bit_length() - 2)]
    assert maps[-1].shape[2] == 4


@pytest.mark.parametrize("size", [256, 512, 1024])
def test_large_sizes_have_their_published_shapes(size: int) -> None:
    with torch.device("meta"):
        nets = Networks(NetConfig(size=size))
        pictures = nets.G.synthesis(torch.empty(2, nets.G.num_ws, 512), noise="const")
        logits = nets.D(pictures)
    assert pictures.shape == (2, 3, size, size)
    assert logits.shape == (2, 1)
    if size == 1024:  # StyleGAN2's parameter counts at 1024 px
        assert sum(p.numel() for p in nets.G.parameters()) == 30_370_060
        assert sum(p.numel() for p in nets.D.parameters()) == 29_012_513


def test_one_seed_one_network() -> None:
    a, b, c = (Generator(small(), seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not torch.equal(a["synthesis.b8.conv0.weight"], c["synthesis.b8.conv0.weight"])


def test_networks_draw_nothing_from_the_global_generator() -> None:
    before = torch.get_rng_state()
    Networks.create(small(classes=2), seed=0)
    assert torch.equal(before, torch.get_rng_state())


@torch.no_grad()
def test_encoder_begins_at_w_avg() -> None:
    E = Encoder(small())
    E.w_avg.copy_(draw(10))
    assert torch.equal(E(draw(3, 3, 16, 16)), draw(10).expand(3, 10))


def test_encoder_does_not_see_the_rest_of_the_batch() -> None:
    E = Encoder(small())
    with torch.no_grad():
        E.head.weight.copy_(draw(*E.head.weight.shape))
        x = draw(4, 3, 16, 16)
        assert torch.allclose(E(x)[:1], E(x[:1]), atol=1e-6)


@torch.no_grad()
def test_broadcast_and_truncation() -> None:
    G = Generator(small())
    G.mapping.w_avg.copy_(draw(10))
    w = G.mapping.w(draw(3, 12))
    assert torch.equal(G.mapping(draw(3, 12)), G.broadcast(w))
    assert torch.allclose(
        G.mapping(draw(3, 12), psi=0.0), G.broadcast(G.mapping.w_avg.expand(3, -1))
    )
    assert torch.allclose(
        G.mapping(draw(3, 12), psi=0.5), G.broadcast((w + G.mapping.w_avg) / 2), atol=1e-6
    )


def strengthen(G: Generator) -> None:
    with torch.no_grad():
        for name, parameter in G.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.5)


@torch.no_grad()
def test_noise_modes() -> None:
    G = Generator(small())
    z = draw(2, 12)
    assert torch.equal(G(z, noise="const"), G(z, noise="none")), "strength begins at zero"
    strengthen(G)
    assert not torch.equal(G(z, noise="const"), G(z, noise="none"))
    first, again, other = (
        G(z, noise="random", rng=Draws(torch.Generator().manual_seed(s))) for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with pytest.raises(ValueError, match="Draws"):
        G(z, noise="random")


def test_class_conditional_networks_learn_from_labels() -> None:
    net = small(classes=3)
    nets = Networks.create(net, seed=0)
    c = torch.tensor([0, 1, 2, 0])
    z = draw(1, 12).expand(4, -1)
    pictures = nets.G(z, c)
    assert not torch.allclose(pictures[0], pictures[1], atol=1e-3)
    assert torch.allclose(pictures[0], pictures[3], atol=1e-5)
    nets.D(pictures, c).sum().backward()
    for name in ("embed.weight", "fc0.weight", "fc1.bias"):
        gradient = nets.G.mapping.get_parameter(name).grad
        assert gradient is not None
        assert float(gradient.abs().sum()) > 0
    assert nets.D.mapping is not None
    gradient = nets.D.mapping.embed.weight.grad
    assert gradient is not None
    assert float(gradient.abs().sum()) > 0
    same = pictures[:1].detach().expand(4, -1, -1, -1)
    logits = nets.D(same, c, splits=4)
    assert not torch.allclose(logits[0], logits[1])
    assert torch.allclose(logits[0], logits[3])


def test_class_parameters_bear_their_public_names() -> None:
    net = small(classes=5)
    G, D = Generator(net).state_dict(), Discriminator(net).state_dict()
    assert G["mapping.embed.weight"].shape == (10, 5)
    assert G["mapping.fc0.weight"].shape == (10, 22)
    assert D["mapping.embed.weight"].shape == (16, 5)
    assert D["mapping.fc7.weight"].shape == (16, 16)
    assert D["b4.out.weight"].shape == (16, 16)


def test_missing_or_wrong_labels_are_refused() -> None:
    G = Generator(small(classes=3))
    with pytest.raises(UsageError, match="3 classes"):
        G(draw(2, 12))
    with pytest.raises(UsageError, match="0 to 2"):
        G(draw(2, 12), torch.tensor([0, 3]))


def test_minibatch_std_groups_are_strided() -> None:
    x = draw(8, 5, 4, 4)
    y = minibatch_std(x, 4)
    assert torch.equal(y[:, :5], x)
    for start in (0, 1):  # members n, n + 2, n + 4, n + 6
        spread = x[start::2].var(0, correction=0).add(1e-8).sqrt().mean()
        assert torch.allclose(y[start::2, 5], spread.expand(4, 4, 4), atol=1e-6)
    whole = minibatch_std(x, None)[:, 5]
    assert torch.allclose(whole, x.var(0, correction=0).add(1e-8).sqrt().mean().expand(8, 4, 4))


def test_minibatch_std_refuses_groups_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="minibatch-std"):
        minibatch_std(draw(6, 5, 4, 4), 4)
    with pytest.raises(ValueError, match="minibatch-std"):
        minibatch_std(draw(6, 5, 4, 4), 2, splits=4)


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="16"):
        Discriminator(small())(draw(2, 3, 8, 8))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_second_derivatives_reach_every_parameter(dtype: torch.dtype) -> None:
    """R1 and path length in the dtype of training: finite, and nowhere cut off."""
    nets = Networks.create(small(), seed=0)
    nets.set_compute_dtype(dtype)
    strengthen(nets.G)
    real = draw(4, 3, 16, 16).requires_grad_(True)
    (gradient,) = torch.autograd.grad(nets.D(real).sum(), real, create_graph=True)
    gradient.square().sum().backward()
    ws = nets.G.mapping(draw(4, 12))
    rng = torch.Generator().manual_seed(0)
    pictures = nets.G.synthesis(ws, noise="random", rng=Draws(rng))
    (gradient,) = torch.autograd.grad(
        (pictures * draw(*pictures.shape)).sum(), ws, create_graph=True
    )
    gradient.square().sum().backward()
    last = {"out.bias", "torgb.bias"}  # nothing of the image's slope depends on these
    for module in (nets.D, nets.G):
        for name, parameter in module.named_parameters():
            if any(name.endswith(end) for end in last):
                continue
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
