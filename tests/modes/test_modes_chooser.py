"""A map w -> centre learns what there is to learn."""

import pytest
import torch
from torch import Tensor

from limbeck import preset
from limbeck.kit.distances import squared_distances
from limbeck.latents import draw_w, embed_w
from limbeck.modes import learn_map, lpips_to_centres
from limbeck.modes.learned_map import SOFTNESS, soft_labels
from limbeck.nets import Networks
from limbeck.percept import LPIPS


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_linear_partition_is_recovered() -> None:
    """The images' distances are those of a stretched and turned W: the border is linear."""
    w, centres = numbers(2000, 8), numbers(5, 8, seed=1)
    turn = numbers(8, 8, seed=2) @ torch.diag(torch.tensor([5.0, 3, 2, 1, 1, 0.2, 0.1, 0.1]))
    distances = squared_distances(w @ turn, centres @ turn)
    found, quality = learn_map(w * 3 + 7, distances, centres * 3 + 7, seed=0)
    assert (quality.fitted, quality.held_out) == (1500, 250)
    assert quality.agreement > 0.9
    assert quality.agreement_l2 < 0.75, "nearest in W does it, or this test shows nothing"
    assert quality.regret < 0.2 * quality.regret_l2
    fresh = numbers(1000, 8, seed=3)
    right = squared_distances(fresh @ turn, centres @ turn).argmin(1)
    assert float((found.choose(fresh * 3 + 7) == right).float().mean()) > 0.9


def test_figures_are_what_they_say() -> None:
    w, centres = numbers(64, 4), numbers(3, 4, seed=1)
    distances = numbers(64, 3, seed=2).abs() + 1  # nothing to learn
    found, quality = learn_map(w, distances, centres, seed=0)
    unseen, d = w[56:], distances[56:]
    nearest, chosen = d.argmin(1), found.choose(unseen)
    wrong = chosen != nearest
    assert quality.agreement == pytest.approx(float((~wrong).float().mean()))
    extra = d.gather(1, chosen[:, None])[:, 0] - d.min(1).values
    assert quality.regret == pytest.approx(float(extra[wrong].mean()))
    assert quality.distance == pytest.approx(float(d.min(1).values.mean()))
    in_w = squared_distances(unseen, centres).argmin(1)
    assert quality.agreement_l2 == pytest.approx(float((in_w == nearest).float().mean()))


def test_same_seed_same_map_and_global_randomness_is_left_alone() -> None:
    w, distances, centres = numbers(64, 4), numbers(64, 3, seed=2).abs(), numbers(3, 4, seed=1)
    before = torch.get_rng_state()
    first, second = (learn_map(w, distances, centres, seed=1)[0].tensors() for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = learn_map(w, distances, centres, seed=2)[0].tensors()
    assert not torch.equal(first["map.weight0"], other["map.weight0"])


def test_one_centre_and_constant_numbers_of_w_are_no_trouble() -> None:
    w = torch.cat([numbers(32, 3), torch.full((32, 1), 5.0)], 1)
    found, quality = learn_map(w, torch.ones(32, 1), numbers(1, 4), seed=0)
    assert (quality.agreement, quality.regret) == (1, 0)
    assert found.choose(w).tolist() == [0] * 32


def test_labels_are_soft_by_the_gap_between_the_nearest_two() -> None:
    distances = torch.tensor([[0.0, 0.2, 9.0], [1.0, 1.2, 9.0], [5.0, 0.0, 0.2]])
    wanted = torch.softmax(-distances / (SOFTNESS * 0.2), 1)
    assert torch.allclose(soft_labels(distances), wanted)
    ties = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    assert soft_labels(ties).tolist() == [[1, 0], [1, 0]]


def test_known_embeddings_are_not_drawn_again() -> None:
    net = preset("smoke").net
    G, lpips = Networks.create(net, 0, encoder=False).eval().G_ema, LPIPS.load("alex")
    w = draw_w(G.mapping, net, 6, seed=0)
    seen = embed_w(G, lpips, w)
    wanted = squared_distances(seen, seen[:2])
    assert torch.allclose(lpips_to_centres(G, lpips, w, seen[:2]), wanted, atol=1e-5)
    marked = seen[:4] * 0
    mixed = lpips_to_centres(G, lpips, w, seen[:2], head=marked)
    assert torch.allclose(mixed[4:], wanted[4:], atol=1e-5)
    assert torch.allclose(mixed[:4], squared_distances(marked, seen[:2]), atol=1e-5)
    whole = lpips_to_centres(G, lpips, w, seen[:2], head=seen)
    assert torch.allclose(whole, wanted, atol=1e-5)
