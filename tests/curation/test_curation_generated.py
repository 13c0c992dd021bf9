"""What the generator draws as the norm: distances from it, and whether it is near enough."""

import numpy as np
import pytest
import torch

from limbeck.config import NetConfig
from limbeck.curation.densities import fit_components, gaussian_distance
from limbeck.curation.generated import (
    FEATURE,
    LITE0,
    LITE0_SIDE,
    RESIDUAL,
    generated_spaces,
    nearness,
    norm_distances,
)
from limbeck.kit.images import to_float, to_uint8
from limbeck.kit.rng import derive_seed
from limbeck.latents import draw_latents
from limbeck.metrics import auroc
from limbeck.nets import Networks
from limbeck.percept import LPIPS, Features, at_least

NET = NetConfig(
    size=32, channel_base=128, channel_max=16, z_dim=16, w_dim=16, mapping_layers=2
)  # fmt: skip


def _cloud(count: int, far: float = 0.0, seed: int = 0) -> np.ndarray:
    """Float32 [count, 120], thirty directions and a little noise; `far` along none of them."""
    shapes = np.random.default_rng(99).normal(size=(31, 120))
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 30)) @ shapes[:30] + 0.3 * rng.normal(size=(count, 120))
    return (x + far * shapes[30]).astype(np.float32)


@pytest.fixture(scope="module")
def trunks() -> tuple[LPIPS, Features]:
    return LPIPS.load("alex"), Features("efficientnet-lite0", "cpu", LITE0_SIDE)


def test_photos_unlike_the_images_are_far():
    photos = np.concatenate([_cloud(150, seed=1), _cloud(50, far=3.0, seed=2)])
    odd = np.arange(200) >= 150
    found = norm_distances({"gen_x": photos}, {"gen_x": _cloud(400)})
    assert set(found) == {"gen_x_gauss", "gen_x_ppca"}
    for name, values in found.items():
        assert values.shape == (200,)
        assert (values >= 0).all()
        assert auroc(values, odd) > 0.95, name


def test_odd_photos_bend_nothing():
    """The fit never sees a photo, so a crowd of odd ones leaves the others where they were."""
    plain, odd = _cloud(100, seed=1), _cloud(900, far=3.0, seed=2)
    alone = norm_distances({"gen_x": plain}, {"gen_x": _cloud(400)})
    among = norm_distances({"gen_x": np.concatenate([plain, odd])}, {"gen_x": _cloud(400)})
    for name, values in alone.items():
        np.testing.assert_allclose(among[name][:100], values)


def test_nearness_is_a_half_for_like_images_and_nothing_for_others():
    images = {"gen_x": _cloud(600)}
    assert abs(nearness({"gen_x": _cloud(600, seed=1)}, images) - 0.5) < 0.1
    assert nearness({"gen_x": _cloud(600, far=5.0, seed=1)}, images) == 0
    odd = {"gen_x": _cloud(600, seed=1), RESIDUAL: _cloud(600, far=5.0)}
    assert nearness(odd, {**images, RESIDUAL: _cloud(600)}) > 0.4  # what E leaves says nothing of G


def test_features_are_those_of_the_images_themselves(trunks: tuple[LPIPS, Features]):
    networks = Networks.create(NET, 0).eval()
    g, encoder, (lpips, lite0) = networks.G_ema, networks.E_ema, trunks
    assert encoder is not None
    found = generated_spaces(networks, lpips, lite0, 6, seed=3, batch=4)
    w, _ = draw_latents(g.mapping, NET, 6, derive_seed(3, "norm"))
    with torch.no_grad():
        pictures = to_uint8(g.synthesis(g.broadcast(w), noise="const"))
        again = g.synthesis(g.broadcast(encoder(to_float(pictures))), noise="const")
        pooled, left = lpips.pooled(at_least(to_float(pictures))), lpips.pooled(at_least(again))
    np.testing.assert_allclose(found[FEATURE], pooled.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[RESIDUAL], (pooled - left).numpy(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose((found[LITE0] ** 2).sum(1), 1, rtol=1e-4)


def test_generated_images_are_seeded_and_need_no_encoder(trunks: tuple[LPIPS, Features]):
    networks = Networks.create(NET, 0, encoder=False).eval()
    twice = [generated_spaces(networks, *trunks, 10, seed=3, batch=4) for _ in range(2)]
    assert set(twice[0]) == {FEATURE, LITE0}
    for name, values in twice[0].items():
        assert len(values) == 10
        np.testing.assert_array_equal(values, twice[1][name])
    other = generated_spaces(networks, *trunks, 10, seed=4, batch=4)
    assert not np.array_equal(other[FEATURE], twice[0][FEATURE])


def test_the_fit_is_the_one_of_the_other_densities():
    images, photos = _cloud(400), _cloud(20, seed=1)
    expected = gaussian_distance(photos, fit_components(images, 128))
    found = norm_distances({"gen_x": photos}, {"gen_x": images})["gen_x_gauss"]
    np.testing.assert_array_equal(found, expected)
