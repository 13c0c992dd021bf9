"""LPIPS: published numbers, and the algebra that lets one embedding replace many passes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from development import WEIGHTS
from limbeck.errors import UsageError
from limbeck.kit.images import to_float
from limbeck.kit.rng import generator
from limbeck.percept import LPIPS, at_least, list_weights

EXAMPLES = Path(__file__).parents[1] / "fixtures" / "lpips"
VGG16 = WEIGHTS / "lpips_vgg16_fp16.safetensors"


def example(name: str) -> Tensor:
    with Image.open(EXAMPLES / f"ex_{name}.png") as picture:
        values = np.asarray(picture.convert("RGB")).copy()
    return to_float(torch.from_numpy(values).permute(2, 0, 1)[None])


def noise(count: int, height: int, width: int | None = None) -> Tensor:
    shape = (count, 3, height, width or height)
    return torch.rand(shape, generator=generator("lpips", height)) * 2 - 1


@pytest.fixture(scope="module")
def alex() -> LPIPS:
    return LPIPS.load("alex")


def vgg() -> LPIPS:
    if VGG16.is_file():
        return LPIPS.load("vgg16", VGG16)
    if any(row.name == "lpips-vgg16" and row.present for row in list_weights()):
        return LPIPS.load("vgg16")
    pytest.skip("LPIPS-VGG16 is not here: limbeck weights get lpips-vgg16")


@pytest.mark.parity
def test_alex_gives_the_published_distances(alex: LPIPS) -> None:
    ref, p0, p1 = example("ref"), example("p0"), example("p1")
    got = alex.distance(torch.cat([ref, ref]), torch.cat([p0, p1])).tolist()
    assert got == pytest.approx([0.7219, 0.1376], abs=1e-4)


@pytest.mark.parity
def test_vgg_gives_the_published_distances() -> None:
    net = vgg()
    ref, p0, p1 = example("ref"), example("p0"), example("p1")
    got = net.distance(torch.cat([ref, ref]), torch.cat([p0, p1])).tolist()
    assert got == pytest.approx([0.5686, 0.4217], abs=1e-4)
    between = (net.embed(ref) - net.embed(p0)).square().sum(1)
    assert between.item() == pytest.approx(got[0], rel=1e-5)
    assert net.pooled(ref).shape == (1, 1472)


@pytest.mark.parity
@pytest.mark.parametrize("size", [(32, 32), (64, 64), (96, 96), (64, 80), (131, 67)])
def test_distance_is_the_squared_distance_of_embeddings(alex: LPIPS, size: tuple[int, int]) -> None:
    pictures = noise(6, *size)
    a, b = pictures[:3], (pictures[3:] * 0.3 + pictures[:3] * 0.7)
    direct = alex.distance(a, b)
    embedded = (alex.embed(a) - alex.embed(b)).square().sum(1)
    assert torch.allclose(embedded, direct, rtol=1e-5, atol=0)
    assert (direct > 0.01).all()
    assert torch.allclose(alex.distance(b, a), direct, rtol=1e-5, atol=0)


def test_the_original_formula_gives_the_same(alex: LPIPS) -> None:
    a, b = example("ref"), example("p0")
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    total = torch.zeros(1)
    maps = zip(alex.trunk((a - shift) / scale), alex.trunk((b - shift) / scale), strict=True)
    for index, (f, g) in enumerate(maps):
        f = f / (f.square().sum(1, keepdim=True).sqrt() + 1e-10)
        g = g / (g.square().sum(1, keepdim=True).sqrt() + 1e-10)
        weight = alex.get_buffer(f"lin{index}")
        total += ((f - g).square() * weight).sum(1).mean((1, 2))
    assert alex.distance(a, b).item() == pytest.approx(total.item(), rel=1e-5)


def test_layers_join_into_the_embedding(alex: LPIPS) -> None:
    x = noise(2, 64)
    layers = alex.embed_layers(x)
    assert [part.shape[1] for part in layers] == [14400, 9408, 3456, 2304, 2304]
    assert torch.equal(torch.cat(layers, 1), alex.embed(x))


def test_a_picture_embeds_alike_in_any_batch(alex: LPIPS) -> None:
    x = noise(8, 64)
    whole = alex.embed(x)
    for row in range(8):
        assert torch.allclose(alex.embed(x[row : row + 1])[0], whole[row], atol=1e-6)


def test_pooled_is_the_mean_of_raw_activations(alex: LPIPS) -> None:
    x = noise(2, 64)
    pooled = alex.pooled(x)
    assert pooled.shape == (2, 1152)
    shift, scale = alex.shift, alex.scale
    first = alex.trunk((x - shift) / scale)[0]
    assert torch.allclose(pooled[:, :64], first.flatten(2).mean(2), atol=1e-5)
    assert (pooled >= 0).all()


def test_gradients_reach_the_picture_and_stay_finite(alex: LPIPS) -> None:
    for start in (noise(2, 64), torch.zeros(2, 3, 64, 64), torch.ones(2, 3, 64, 64)):
        x = start.clone().requires_grad_()
        alex.distance(x, noise(2, 64).flip(0)).sum().backward()
        assert x.grad is not None
        assert torch.isfinite(x.grad).all()
        assert x.grad.abs().sum() > 0
    assert all(p.grad is None and not p.requires_grad for p in alex.parameters())


def test_a_dead_pixel_has_no_direction_and_a_finite_gradient() -> None:
    net = LPIPS.load("alex")
    for parameter in net.trunk.parameters():
        parameter.zero_()
    x = noise(1, 64).requires_grad_()
    e = net.embed(x)
    assert (e == 0).all()
    e.sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_what_is_not_a_picture_is_refused(alex: LPIPS) -> None:
    with pytest.raises(UsageError, match="32 px"):
        alex.embed(torch.zeros(1, 3, 31, 64))
    with pytest.raises(UsageError, match="uint8"):
        alex.embed(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    with pytest.raises(UsageError, match="float"):
        alex.embed(torch.zeros(3, 64, 64))
    with pytest.raises(UsageError, match="alex or vgg16"):
        LPIPS.load("squeeze")  # type: ignore[arg-type]


def test_at_least_enlarges_only_what_is_small() -> None:
    large = noise(1, 64, 96)
    assert at_least(large, 64) is large
    assert at_least(noise(1, 32), 64).shape == (1, 3, 64, 64)
    assert at_least(noise(1, 32, 48), 64).shape == (1, 3, 64, 96)
    flat = torch.full((1, 3, 16, 16), 0.25)
    assert torch.equal(at_least(flat), torch.full((1, 3, 64, 64), 0.25))


def test_loading_leaves_global_randomness_alone() -> None:
    before = torch.random.get_rng_state()
    LPIPS.load("alex")
    assert torch.equal(torch.random.get_rng_state(), before)
