"""Figures of snapshots and the advice drawn from them."""

import torch

from limbeck.training.snapshot_quality import advice, figures


def _rows(kids: list[float], spreads: list[float]) -> list[dict[str, float]]:
    return [
        {"images": 1000 * (i + 1), "kid": k, "spread": s}
        for i, (k, s) in enumerate(zip(kids, spreads, strict=True))
    ]


def test_advice_names_when_it_went_wrong_and_the_best_snapshot():
    fine = advice(_rows([0.4, 0.3, 0.2, 0.21], [0.5, 0.8, 0.9, 0.9]), 0.3)
    assert fine == {}
    collapsed = advice(_rows([0.4, 0.2, 0.6, 0.9], [0.6, 0.9, 0.2, 0.1]), 0.3)
    assert "likely collapse since kimg 3" in collapsed["alike"]
    assert "best snapshot kimg 2" in collapsed["alike"]
    worse = advice(_rows([0.4, 0.2, 0.4, 0.5, 0.6], [0.9] * 5), 0.3)
    assert "worse since kimg 2" in worse["worse"]
    assert "worse" not in advice(_rows([0.4, 0.2, 0.4, 0.21, 0.6], [0.9] * 5), 0.3)
    assert "augment" in advice(_rows([0.4], [0.9]), 0.95)
    assert advice([], 0.95) == {}


def test_a_feature_that_no_photo_shows_does_not_outweigh_the_rest():
    rng = torch.Generator().manual_seed(0)
    photos, samples = torch.randn(2, 64, 16, generator=rng).unbind(0)
    plain = figures(photos, samples)
    dead = torch.zeros(64, 1)
    once = dead.clone()
    once[0] = 0.1
    told = figures(torch.cat([photos, dead], 1), torch.cat([samples, once], 1))
    assert abs(told["kid"] - plain["kid"]) < 0.5
    assert abs(told["spread"] - plain["spread"]) < 0.5
