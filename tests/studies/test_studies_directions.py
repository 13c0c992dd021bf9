"""The study of directions on random networks."""

from pathlib import Path
from typing import Any

import pytest
import torch

from limbeck import preset
from limbeck.latents import ModeCentres, draw_w, embed_w
from limbeck.nets import Networks
from limbeck.percept import LPIPS
from studies.directions import PROPERTIES, direction_lines, study_directions


def test_properties_are_what_they_are_called() -> None:
    red = torch.tensor([0.5, -0.5, -0.5]).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    assert float(PROPERTIES["redness"](red)) == pytest.approx(1)
    assert float(PROPERTIES["brightness"](red)) == pytest.approx(-0.5 / 3, abs=1e-6)
    spot = torch.full((1, 3, 16, 16), -1.0)
    spot[:, :, 4:12, 4:12] = 1
    assert float(PROPERTIES["centre"](spot)) == pytest.approx(1.5)
    assert float(PROPERTIES["detail"](red)) == 0
    grass = torch.zeros(1, 3, 15, 15)
    grass[:, 1, 10:] = 1
    assert float(PROPERTIES["grass"](grass)) == pytest.approx(1)


@pytest.mark.slow
def test_every_method_has_a_row_and_the_same_call_goes_on(tmp_path: Path) -> None:
    net = preset("smoke").net
    networks = Networks.create(net, 0, encoder=False).eval()
    w = draw_w(networks.G_ema.mapping, net, 3, seed=1)
    modes = ModeCentres(w, embed_w(networks.G_ema, LPIPS.load("alex"), w), torch.tensor([3, 2, 1]))
    asked: dict[str, Any] = {"count": 1, "bases": 4, "labelled": 60, "ranges": ("coarse",)}
    found = study_directions(networks, modes, tmp_path, **asked)
    assert set(found["rows"]) == {
        "pca", "sefa", "stylespace", "labels", "pca within modes", "random vectors"
    }  # fmt: skip
    assert found["rows"]["pca within modes"]["directions"] == 3
    assert all(0 <= share <= 1 for share in found["rows"]["labels"]["follows"].values())
    assert len(direction_lines(found)) == 6
    assert study_directions(networks, modes, tmp_path, **asked) == found
