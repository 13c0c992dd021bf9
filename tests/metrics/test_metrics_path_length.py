"""The perceptual path length: against its definition, and what it refuses."""

from typing import Literal

import pytest
import torch

from limbeck.errors import UsageError
from limbeck.kit.rng import derive_seed, generator
from limbeck.latents import draw_w
from limbeck.metrics import path_length
from limbeck.nets import Networks
from limbeck.percept import LPIPS
from limbeck.presets import preset


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks.create(preset("smoke").net, 3).eval()


@pytest.mark.parametrize("where", ["full", "end"])
def test_it_is_the_mean_squared_step_over_the_squared_epsilon(
    networks: Networks, where: Literal["full", "end"]
) -> None:
    lpips = LPIPS.load("alex")
    found = path_length(networks, lpips, features="lpips-alex", pairs=100, where=where, seed=4)
    G = networks.G_ema
    w = draw_w(G.mapping, networks.config, 200, derive_seed(4, "path length"))
    t = torch.rand(100, generator=generator(4, "path length, t"))[:, None]
    if where == "end":
        t = torch.zeros(100, 1)

    def phi(at: torch.Tensor) -> torch.Tensor:
        image = G.synthesis(G.broadcast(torch.lerp(w[:100], w[100:], at)), noise="const")
        wide = torch.nn.functional.interpolate(image, size=(64, 64), mode="bilinear")
        return lpips.embed(wide)

    with torch.no_grad():
        steps = (phi(t + 1e-4) - phi(t)).square().sum(1).double() * 1e8
    middle = steps.sort().values[1:-1]
    assert found.value == pytest.approx(float(middle.mean()), rel=1e-3)
    assert found.error == pytest.approx(float(middle.std()) / 98**0.5, rel=1e-3)
    assert (found.pairs, found.where, found.features) == (100, where, "lpips-alex")


def test_it_belongs_to_its_seed(networks: Networks) -> None:
    lpips = LPIPS.load("alex")
    values = [
        path_length(networks, lpips, features="lpips-alex", pairs=100, seed=seed, batch=batch).value
        for seed, batch in ((0, 32), (0, 7), (1, 32))
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-2)
    assert values[0] != pytest.approx(values[2], rel=1e-2)


def test_too_few_pairs_are_refused(networks: Networks) -> None:
    with pytest.raises(UsageError, match="100 pairs"):
        path_length(networks, LPIPS.load("alex"), features="lpips-alex", pairs=99)
