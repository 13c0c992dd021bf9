"""Latents by seed and at random."""

import pytest
import torch

from limbeck import preset
from limbeck.kit.rng import generator
from limbeck.latents import draw_w, drawing, embed_w, seeds_to_z
from limbeck.nets import Networks
from limbeck.percept import LPIPS, at_least

NET = preset("smoke").net


def test_a_row_depends_on_its_seed_alone() -> None:
    together, alone = seeds_to_z([3, 7, 3, 0], 16), seeds_to_z([7], 16)
    assert torch.equal(together[1], alone[0])
    assert torch.equal(together[0], together[2])
    assert not torch.equal(together[0], together[3])
    assert seeds_to_z([], 16).shape == (0, 16)
    many = seeds_to_z(range(2000), 16)
    assert abs(float(many.mean())) < 0.02
    assert abs(float(many.std()) - 1) < 0.02


def test_global_randomness_is_left_alone() -> None:
    before = torch.get_rng_state()
    seeds_to_z([1], 16)
    draw_w(Networks.create(NET, 0).G_ema.mapping, NET, 8, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_draw_w_is_a_function_of_the_seed_and_of_no_batch() -> None:
    mapping = Networks.create(NET, 0).G_ema.mapping
    first = draw_w(mapping, NET, 50, seed=4)
    assert torch.equal(first, draw_w(mapping, NET, 50, seed=4))
    assert torch.allclose(first, draw_w(mapping, NET, 50, seed=4, batch=7), atol=1e-6)
    assert not torch.equal(first, draw_w(mapping, NET, 50, seed=5))
    assert first.shape == (50, NET.w_dim)


@pytest.mark.parametrize(("count", "width"), [(1, 8), (65, 8), (100, 16), (97, 5), (64, 3)])
def test_numbers_drawn_in_parts_are_those_drawn_at_once(
    count: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "_DRAWN", 32)
    parts = list(drawing._normal(count, width, generator("z")))
    assert len(parts) == 1 or count > 32
    assert torch.equal(torch.cat(parts), torch.randn(count, width, generator=generator("z")))


def test_classes_are_drawn_too() -> None:
    net = NET.model_copy(update={"num_classes": 3})
    w = draw_w(Networks.create(net, 0).G_ema.mapping, net, 20, seed=0)
    assert w.shape == (20, net.w_dim)


def test_embedding_of_w_is_lpips_at_64_px() -> None:
    g, lpips = Networks.create(NET, 0).G_ema, LPIPS.load("alex")
    w = draw_w(g.mapping, NET, 3, seed=0)
    picture = g.synthesis(g.broadcast(w))
    assert picture.shape[-1] == 16
    wanted = lpips.embed(at_least(picture, 64))
    assert torch.allclose(embed_w(g, lpips, w), wanted, atol=1e-6)
