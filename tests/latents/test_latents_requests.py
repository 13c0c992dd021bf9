"""What may be asked of a generator."""

from typing import Any

import numpy as np
import pytest
import torch

from limbeck import preset
from limbeck.errors import UsageError
from limbeck.kit.images import to_uint8
from limbeck.latents import (
    ModeCentres,
    check_psi,
    check_seeds,
    draw_w,
    embed_w,
    images_of_seeds,
    images_of_w,
    seeds_to_z,
)
from limbeck.nets import Networks
from limbeck.percept import LPIPS

NET = preset("smoke").net


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks.create(NET, 0).eval()


@pytest.fixture(scope="module")
def modes(networks: Networks) -> ModeCentres:
    centres = draw_w(networks.G_ema.mapping, NET, 4, seed=1)
    embeddings = embed_w(networks.G_ema, LPIPS.load("alex"), centres)
    return ModeCentres(centres, embeddings, torch.ones(4, dtype=torch.int64))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (5, [5]),
        ([], []),
        (range(3), [0, 1, 2]),
        ((2**63 - 1, 0), [2**63 - 1, 0]),
        (np.int64(4), [4]),
        (np.arange(3), [0, 1, 2]),
        ([np.uint8(7)], [7]),
        (torch.arange(2), [0, 1]),
        (torch.tensor(9), [9]),
    ],
)
def test_seeds_become_plain_integers(given: Any, wanted: list[int]) -> None:
    seeds = check_seeds(given)
    assert seeds == wanted
    assert all(type(seed) is int for seed in seeds)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1.7], r"seed 1\.7 is no whole number"),
        ([1.0], "no whole number"),
        (1.5, "no whole number"),
        ([0, float("nan")], "seed nan at place 1"),
        ([-1], "seed -1 is out of range"),
        (-1, "out of range"),
        ([2**63], "out of range"),
        (True, "seed True is no whole number"),
        ([0, False], "seed False at place 1"),
        (["a"], "seed 'a' is no whole number"),
        ("0-7", "seeds '0-7' of type str"),
        (b"1", "of type bytes"),
        (None, "seeds None of type NoneType"),
        ({1, 2}, "of type set"),
        ({1: 2}, "of type dict"),
        (torch.zeros(2), r"seed 0\.0 at place 0"),
        (torch.zeros(2, dtype=torch.bool), "seed False at place 0"),
        (np.zeros((2, 2), dtype=int), r"seed \[0, 0\] at place 0"),
        ([[1]], r"seed \[1\] is no whole number"),
    ],
)
def test_what_is_no_seed_is_named(given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        check_seeds(given)
    assert "from 0 to 2**63 - 1" in caught.value.do


def test_an_arrays_seeds_draw_what_a_lists_do(networks: Networks) -> None:
    def draw(seeds: Any) -> torch.Tensor:
        drawn = images_of_seeds(
            networks, seeds, psi=1.0, truncation="none", modes=None, embedder=None
        )  # fmt: skip
        return torch.stack([one.image for one in drawn])

    wanted = draw([0, 1, 2])
    assert torch.equal(draw(np.arange(3)), wanted)
    assert torch.equal(draw(torch.arange(3)), wanted)
    assert torch.equal(draw([np.int32(0), np.int32(1), np.int32(2)]), wanted)


def test_psi_is_a_finite_number() -> None:
    assert [check_psi(psi) for psi in (0, 0.5, np.float32(0.5), -1, 2)] == [0, 0.5, 0.5, -1, 2]
    for bad in (float("nan"), float("inf"), -float("inf"), True, "1", None):
        with pytest.raises(UsageError, match="is no finite number"):
            check_psi(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(("psi", "word"), [(1.5, "exaggerates"), (-0.5, "opposite"), (1.0, "")])
def test_psi_outside_0_to_1_is_drawn_with_a_warning(
    networks: Networks, psi: float, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("limbeck.logs.warn", told.append)
    g = networks.G_ema
    (one,) = images_of_seeds(
        networks, [3], psi=psi, truncation="global", modes=None, embedder=None
    )  # fmt: skip
    w_avg = g.mapping.w_avg
    w = w_avg + psi * (g.mapping.w(seeds_to_z([3], NET.z_dim)) - w_avg)
    wanted = to_uint8(g.synthesis(g.broadcast(w)))[0]
    assert int((one.image.int() - wanted.int()).abs().max()) <= 1
    assert [word in text for text in told] == ([True] if word else [])


def test_labels_and_modes_are_whole_numbers(networks: Networks, modes: ModeCentres) -> None:
    net = NET.model_copy(update={"num_classes": 3})
    of_classes = Networks.create(net, 0).eval()
    nothing: dict[str, Any] = {"psi": 1.0, "modes": None, "embedder": None}
    for labels in ([1.5], [True], ["a"], [None]):
        with pytest.raises(UsageError, match="give a number from 0 to 2"):
            images_of_seeds(of_classes, [0], truncation="none", labels=labels, **nothing)  # type: ignore[arg-type]
    assert list(
        images_of_seeds(of_classes, [0], truncation="none", labels=np.array([2]), **nothing)
    )  # type: ignore[arg-type]
    for index in (1.5, True, "a", float("nan")):
        with pytest.raises(UsageError, match="is no whole number"):
            images_of_seeds(
                networks, [0], psi=1.0, truncation="index", modes=modes, embedder=None,
                mode_index=index,  # type: ignore[arg-type]
            )  # fmt: skip


def test_latents_are_drawn_as_they_are(networks: Networks) -> None:
    g = networks.G_ema
    w = draw_w(g.mapping, NET, 5, seed=2)
    wanted = to_uint8(g.synthesis(g.broadcast(w)))
    assert torch.equal(torch.stack(list(images_of_w(networks, w))), wanted)
    layers = g.broadcast(w).clone()
    assert torch.equal(torch.stack(list(images_of_w(networks, layers))), wanted)
    mixed = layers.clone()
    mixed[:, 2:] = w.roll(1, 0)[:, None]
    drawn = torch.stack(list(images_of_w(networks, mixed)))
    assert torch.equal(drawn, to_uint8(g.synthesis(mixed)))
    assert not torch.equal(drawn, wanted)
    assert torch.equal(torch.stack(list(images_of_w(networks, w.double().numpy()))), wanted)
    few = torch.stack(list(images_of_w(networks, w, batch=2)))
    assert int((few.int() - wanted.int()).abs().max()) <= 1
    assert list(images_of_w(networks, w[:0])) == []


@pytest.mark.parametrize("truncation", ["global", "index", "multimodal-l2", "multimodal-lpips"])
def test_latents_are_pulled_as_seeds_are(
    networks: Networks, modes: ModeCentres, truncation: Any
) -> None:
    how: dict[str, Any] = {
        "psi": 0.4, "truncation": truncation, "modes": modes, "embedder": LPIPS.load("alex"),
        "mode_index": 2 if truncation == "index" else None,
    }  # fmt: skip
    wanted = torch.stack([one.image for one in images_of_seeds(networks, range(6), **how)])
    w = networks.G_ema.mapping.w(seeds_to_z(range(6), NET.z_dim))
    assert torch.equal(torch.stack(list(images_of_w(networks, w, **how))), wanted)
    layers = networks.G_ema.broadcast(w).clone()
    drawn = torch.stack(list(images_of_w(networks, layers, **how)))
    assert int((drawn.int() - wanted.int()).abs().max()) <= 1


@pytest.mark.parametrize(
    ("w", "message"),
    [
        (torch.zeros(2, 5), r"float32 \[2, 5\] do not fit"),
        (torch.zeros(2, 3, NET.w_dim), "do not fit"),
        (torch.zeros(NET.w_dim), r"w\[None\]"),
        (torch.zeros(2, NET.w_dim, dtype=torch.int64), "int64"),
        (torch.full((1, NET.w_dim), torch.nan), "not finite"),
    ],
)
def test_latents_that_do_not_fit_are_named(
    networks: Networks, w: torch.Tensor, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        images_of_w(networks, w)
