"""Photos to latents: starts, steps in W and W+, a tuned generator, going on after a stop."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from limbeck import preset
from limbeck.editing import (
    Glance,
    Inversion,
    changed,
    invert,
    inverting,
    with_difference,
    write_difference,
)
from limbeck.editing.inversion import Whitening, rate_at
from limbeck.errors import DataError, UsageError
from limbeck.kit.images import to_uint8
from limbeck.latents import ModeCentres, draw_w, embed_w
from limbeck.nets import Networks
from limbeck.percept import LPIPS

CONFIG = preset("smoke")
QUICK = Inversion(steps_w=8, steps_w_plus=12, batch=2)


@pytest.fixture(scope="module")
def networks() -> Networks:
    made = Networks.create(CONFIG.net, 0).eval()
    # as after some training: an untrained generator draws nearly the same image for any w
    with torch.no_grad():
        for name, parameter in made.G_ema.named_parameters():
            if name.endswith("affine.weight"):
                parameter.mul_(3)
    return made.prepare()


@pytest.fixture(scope="module")
def photos(networks: Networks) -> Tensor:
    G = networks.G_ema
    w = draw_w(G.mapping, CONFIG.net, 3, seed=7)
    return to_uint8(G.synthesis(G.broadcast(w)))


@pytest.fixture(scope="module")
def modes(networks: Networks) -> ModeCentres:
    centres = draw_w(networks.G_ema.mapping, CONFIG.net, 4, seed=1)
    embeddings = embed_w(networks.G_ema, LPIPS.load("alex"), centres)
    return ModeCentres(centres, embeddings, torch.tensor([4, 3, 2, 1]))


def test_whitened_latents_have_unit_spread(networks: Networks) -> None:
    whitening = Whitening.of(networks, 0)
    w = draw_w(networks.G_ema.mapping, CONFIG.net, 2000, seed=3)
    v = whitening.coordinates(w)
    assert v.mean(0).abs().max() < 0.2
    assert 0.9 < v.std(0).median() < 1.1
    assert torch.allclose(whitening.mean + v @ whitening.root.T, w, atol=1e-3)


def test_the_rate_rises_and_falls() -> None:
    rates = [rate_at(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[10] == rates[60] == 1
    assert 0 < rates[-1] < 0.01
    assert rate_at(0, 1) > 0


def test_each_stage_is_nearer_to_the_photos(
    networks: Networks, photos: Tensor, modes: ModeCentres
) -> None:
    settings = QUICK.model_copy(update={"steps_tune": 12})
    before = {k: v.clone() for k, v in networks.G_ema.state_dict().items()}
    found = invert(networks, photos, settings, encoder=networks.E_ema, modes=modes)
    assert list(found.stages) == ["start", "w", "w_plus", "tuned"]
    for one, two in zip(found.stages.values(), list(found.stages.values())[1:], strict=False):
        means = [sum(row.lpips for row in stage.figures) for stage in (one, two)]
        assert means[1] < means[0]
    start, w, w_plus, tuned = found.stages.values()
    assert torch.equal(w.ws, w.ws[:, :1].expand_as(w.ws)), "one w for all layers"
    assert not torch.equal(w_plus.ws, w_plus.ws[:, :1].expand_as(w_plus.ws))
    assert torch.equal(tuned.ws, w_plus.ws)
    assert start.images.shape == photos.shape
    after = networks.G_ema.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    again = invert(networks, photos, settings, encoder=networks.E_ema, modes=modes)
    assert torch.equal(again.final.ws, found.final.ws)
    assert torch.equal(again.final.images, tuned.images)


def test_without_encoder_and_modes_it_begins_at_the_nearest_of_drawn_ones(
    networks: Networks, photos: Tensor
) -> None:
    found = invert(networks, photos, Inversion(steps_w=0, steps_w_plus=0))
    w_avg = networks.G_ema.mapping.w_avg
    assert list(found.stages) == ["start"]
    assert (found.final.ws[:, 0] - w_avg).abs().amax(1).gt(0).any()


def test_what_was_tuned_is_kept_beside_the_model(
    networks: Networks, photos: Tensor, tmp_path: Path
) -> None:
    settings = Inversion(steps_w=2, steps_w_plus=0, steps_tune=3)
    found = invert(networks, photos[:1], settings, encoder=networks.E_ema)
    assert found.difference is not None
    assert not any("mapping" in name or "noise" in name for name in found.difference)
    file = tmp_path / "tuned.safetensors"
    write_difference(networks, found.difference, file)
    G = with_difference(networks, file)
    assert torch.equal(to_uint8(G.synthesis(found.final.ws)), found.final.images)
    plain = changed(networks, {})
    same = networks.G_ema.synthesis(found.final.ws)
    assert torch.equal(plain.synthesis(found.final.ws), same)
    with pytest.raises(DataError, match="no tuned form of this generator"):
        with_difference(Networks.create(CONFIG.net, 1), file)
    with pytest.raises(DataError, match="no such file"):
        with_difference(networks, tmp_path / "none.safetensors")


def test_a_stopped_inversion_goes_on_after_its_last_batch(
    networks: Networks, photos: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = invert(networks, photos, QUICK, encoder=networks.E_ema)
    real, calls = inverting.optimise, []

    def stopping(*args: Any, **named: Any) -> Tensor:
        calls.append(named["layerwise"])
        if len(calls) == 3:
            raise KeyboardInterrupt
        made: Tensor = real(*args, **named)
        return made

    monkeypatch.setattr(inverting, "optimise", stopping)
    with pytest.raises(KeyboardInterrupt):
        invert(networks, photos, QUICK, encoder=networks.E_ema, kept=tmp_path / "parts")
    again = invert(networks, photos, QUICK, encoder=networks.E_ema, kept=tmp_path / "parts")
    assert calls == [False, True, False, False, True], "the first batch is not done again"
    assert torch.equal(again.final.ws, whole.final.ws)
    for part in (tmp_path / "parts").iterdir():
        part.write_bytes(b"damaged")
    third = invert(networks, photos, QUICK, encoder=networks.E_ema, kept=tmp_path / "parts")
    assert torch.equal(third.final.ws, whole.final.ws)


def test_photos_of_another_form_are_refused(networks: Networks, photos: Tensor) -> None:
    for bad in (photos.float(), photos[:, :1], photos[:, :, :8, :8], photos[:0]):
        with pytest.raises(UsageError, match="generator of"):
            invert(networks, bad, QUICK)


def test_whoever_watches_sees_every_step_and_changes_nothing(
    networks: Networks, photos: Tensor
) -> None:
    seen: list[Glance] = []
    watched = invert(networks, photos[:2], QUICK, watch=seen.append)
    alone = invert(networks, photos[:2], QUICK)
    assert torch.equal(watched.final.ws, alone.final.ws)
    assert [one.step for one in seen] == list(range(21))
    assert {one.of for one in seen} == {20}
    stages = [one.stage for one in seen]
    assert stages == ["start"] + ["w"] * 8 + ["w_plus"] * 12
    assert torch.equal(seen[0].ws.cpu(), alone.stages["start"].ws)
    drawn = networks.G_ema.synthesis(seen[-1].ws, noise="const")
    assert torch.allclose(drawn, seen[-1].images, atol=1e-4)
    assert not any(one.ws.requires_grad or one.images.requires_grad for one in seen)


def test_an_error_of_whoever_watches_ends_it(networks: Networks, photos: Tensor) -> None:
    class Enough(Exception):
        pass

    def watch(glance: Glance) -> None:
        if glance.step == 3:
            raise Enough

    with pytest.raises(Enough):
        invert(networks, photos[:1], QUICK, watch=watch)
