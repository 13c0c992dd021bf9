"""Calling a pipeline: what may be asked, what comes out, and where it lies."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from model_small import small_pipeline
from PIL import Image

from limbeck import logs
from limbeck.errors import UsageError
from limbeck.latents import draw_w
from limbeck.model import Pipeline
from limbeck.nets import Networks


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return small_pipeline()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lines said while the test runs."""
    lines: list[str] = []
    monkeypatch.setattr(logs, "say", lines.append)
    return lines


def test_one_seed_is_a_batch_of_one(pipeline: Pipeline, told: list[str]) -> None:
    many = pipeline([5, 9])
    for seed in (5, np.int64(5), torch.tensor(5), [5], np.array([5])):
        assert torch.equal(pipeline(seed), pipeline([5]))  # type: ignore[call-overload]
    assert pipeline(5).shape == (1, 3, 16, 16)
    assert int((pipeline(5)[0].int() - many[0].int()).abs().max()) <= 1
    assert torch.equal(pipeline(np.array([5, 9])), many)
    assert torch.equal(pipeline(torch.tensor([5, 9])), many)
    assert told == []


def test_without_seeds_a_random_one_is_drawn_and_told(pipeline: Pipeline, told: list[str]) -> None:
    first, second = pipeline(), pipeline()
    seeds = [int(line.split()[1].rstrip(":")) for line in told]
    assert len(set(seeds)) == 2
    for picture, seed in zip((first, second), seeds, strict=True):
        assert torch.equal(picture, pipeline(seed))
    told.clear()
    several = pipeline(n=3)
    found = re.search(r"range\((\d+), (\d+)\)", told[0])
    assert found is not None
    assert torch.equal(several, pipeline(range(int(found[1]), int(found[2]))))
    assert pipeline(n=0).shape == (0, 3, 16, 16)


def test_a_generator_draws_the_seeds(pipeline: Pipeline, told: list[str]) -> None:
    def source() -> torch.Generator:
        return torch.Generator().manual_seed(3)

    four = pipeline(n=4, generator=source())
    assert torch.equal(four, pipeline(n=4, generator=source()))
    assert len(torch.unique(four.flatten(1), dim=0)) == 4
    moving = source()
    one, other = pipeline(generator=moving), pipeline(generator=moving)
    assert one.shape == (1, 3, 16, 16)
    assert not torch.equal(one, other)
    assert told == []  # the generator says which


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seeds": [1.7]}, "seed 1.7 is no whole number"),
        ({"seeds": [-1]}, "out of range"),
        ({"seeds": ["a"]}, "seed 'a'"),
        ({"seeds": "0-7"}, "seeds '0-7' of type str"),
        ({"seeds": [True]}, "seed True"),
        ({"seeds": [float("nan")]}, "seed nan"),
        ({"seeds": 2**63}, "out of range"),
        ({"seeds": torch.tensor(0.5)}, "seed 0.5"),
        ({"seeds": [1], "n": 2}, "give either"),
        ({"seeds": [1], "generator": torch.Generator()}, "give either"),
        ({"n": 1.5}, "n 1.5 is no count"),
        ({"n": -1}, "n -1 is no count"),
        ({"generator": 3}, "generator of type int"),
        ({"seeds": 1, "psi": float("nan")}, "psi nan"),
        ({"seeds": 1, "psi": float("inf")}, "psi inf"),
        ({"seeds": 1, "output": "numpy"}, "choose one of pil, uint8, float"),
        ({"seeds": 1, "truncation": "some"}, "no truncation 'some'"),
        ({"seeds": torch.zeros(2, 5)}, "do not fit this generator"),
        ({"seeds": torch.zeros(16)}, r"w\[None\]"),
        ({"seeds": torch.zeros(2, 16) * torch.nan}, "not finite"),
        ({"seeds": torch.zeros(2, 16), "labels": [0, 1]}, "latents take no labels"),
        ({"seeds": torch.zeros(2, 16), "n": 2}, "latents take no labels, n"),
    ],
)
def test_what_cannot_be_drawn_is_named(
    pipeline: Pipeline, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        pipeline(**wrong)
    assert caught.value.do


def test_a_latent_draws_itself(pipeline: Pipeline) -> None:
    w = draw_w(pipeline.G_ema.mapping, pipeline.config, 3, seed=7)
    drawn = pipeline(w)
    assert torch.equal(drawn, pipeline.generate(w))
    assert torch.equal(pipeline(w.numpy()), drawn)
    assert torch.equal(pipeline(pipeline.G_ema.broadcast(w)), drawn)
    w_of_picture, again, _ = pipeline.invert(drawn[0])
    assert torch.equal(pipeline(w_of_picture)[0], again)
    assert torch.equal(pipeline(w, psi=1.0, truncation="global"), drawn)


def test_a_latent_is_truncated_where_that_is_asked(pipeline: Pipeline) -> None:
    w = draw_w(pipeline.G_ema.mapping, pipeline.config, 2, seed=7)
    w_avg = pipeline.G_ema.mapping.w_avg
    half = pipeline(w, psi=0.5, truncation="global")
    assert torch.equal(half, pipeline(torch.lerp(w_avg.expand_as(w), w, 0.5)))
    assert not torch.equal(half, pipeline(w))
    assert pipeline.modes is not None
    centre = pipeline(w, psi=0.0, truncation="index", mode_index=1)
    assert torch.equal(centre, pipeline(pipeline.modes.centres[[1, 1]]))
    assert torch.equal(pipeline(w, psi=0.3), pipeline(w, 0.3, "multimodal-lpips"))


def test_layers_have_strengths_of_their_own_and_noise_has_kinds() -> None:
    noisy = small_pipeline()
    with torch.no_grad():
        for name, value in noisy.G_ema.named_parameters():
            if name.endswith("noise_strength"):
                value.fill_(0.3)
    layers = noisy.G_ema.num_ws
    plain, whole = noisy([3], 0.3), noisy([3], 1.0)
    assert torch.equal(noisy([3], [0.3] * layers), plain)
    assert torch.equal(noisy([3], 0.3, cutoff=layers), plain)
    assert torch.equal(noisy([3], 0.3, cutoff=0), whole)
    assert torch.equal(noisy([3], 0.3, cutoff=2), noisy([3], [0.3] * 2 + [1.0] * (layers - 2)))
    assert not torch.equal(noisy([3], 0.3, cutoff=2), plain)
    kinds = [noisy([3], 0.3, noise=kind) for kind in ("const", "random", "none")]  # type: ignore[call-overload]
    assert torch.equal(kinds[0], plain)
    assert not torch.equal(kinds[0], kinds[1])
    assert not torch.equal(kinds[0], kinds[2])
    w = draw_w(noisy.G_ema.mapping, noisy.config, 1, seed=0)
    assert torch.equal(noisy(w, cutoff=0), noisy(w))
    assert not torch.equal(noisy(w, noise="none"), noisy(w))
    with pytest.raises(UsageError, match="layers"):
        noisy([3], [0.3] * (layers + 1))
    with pytest.raises(UsageError, match="number of layers"):
        noisy([3], cutoff=layers + 1)


def test_outputs_are_the_same_pictures(pipeline: Pipeline) -> None:
    eight, real = pipeline([1, 2]), pipeline([1, 2], output="float")
    pictures = pipeline([1, 2], output="pil")
    assert eight.dtype == torch.uint8
    assert (real.dtype, real.shape) == (torch.float32, (2, 3, 16, 16))
    assert float(real.abs().max()) <= 1
    assert torch.equal(((real + 1) * 127.5).round().to(torch.uint8), eight)
    assert not torch.equal(real, eight / 127.5 - 1)  # not rounded
    assert [picture.mode for picture in pictures] == ["RGB", "RGB"]
    for picture, tensor in zip(pictures, eight, strict=True):
        assert isinstance(picture, Image.Image)
        assert np.array_equal(np.asarray(picture), tensor.permute(1, 2, 0).numpy())
    assert pipeline([], output="pil") == []
    assert pipeline([], output="float").dtype == torch.float32


def test_progress_changes_no_picture(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shown: list[tuple[str, int]] = []
    track = logs.track

    def spy(items: Any, what: str, total: int) -> Any:
        shown.append((what, total))
        return track(items, what, total)

    monkeypatch.setattr(logs, "track", spy)
    quiet = pipeline(range(3), 0.5, "global")
    assert shown == []
    assert torch.equal(pipeline(range(3), 0.5, "global", progress=True), quiet)
    assert shown == [("pictures", 3)]
    pipeline(range(256), 0.5, "global", batch=64)
    assert shown[1:] == [("pictures", 256)]
    pipeline(range(256), 0.5, "global", batch=64, progress=False)
    assert len(shown) == 2
    assert capfd.readouterr().out == ""


def test_to_moves_everything_and_returns_itself(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, _ = pipeline([4]), pipeline._lpips
    moved: list[torch.device] = []
    pipeline.modes, kept = None, pipeline.modes
    try:
        assert pipeline.to("cpu") is pipeline
    finally:
        pipeline.modes = kept
    assert kept is not None
    monkeypatch.setattr(type(kept), "to", lambda self, where: moved.append(where) or self)
    assert pipeline.to(torch.device("cpu")) is pipeline
    assert moved == [torch.device("cpu")]
    assert pipeline.device == torch.device("cpu")
    monkeypatch.undo()
    assert torch.equal(pipeline([4]), wanted)
    for wrong in ("toaster", "meta", torch.device("meta"), None, 1.5):
        with pytest.raises(UsageError, match="device"):
            pipeline.to(wrong)  # type: ignore[arg-type]
    assert torch.equal(pipeline([4]), wanted)


def test_to_makes_prepared_weights_again(pipeline: Pipeline) -> None:
    made = Networks.create(pipeline.config, 1).eval().prepare()
    pipe = Pipeline(made, None)
    wanted = pipe([0], truncation="global")
    layer = made.G_ema.synthesis.block(4).conv1
    layer.ready = torch.zeros_like(layer.ready)  # as if it lay elsewhere
    assert torch.equal(pipe.to("cpu")([0], truncation="global"), wanted)


@pytest.mark.gpu
def test_to_the_gpu_and_back(pipeline: Pipeline, tmp_path: Any) -> None:
    pipeline.save_pretrained(tmp_path)
    pipe = Pipeline.from_pretrained(tmp_path, device="cpu")
    wanted, (w, again, distance) = pipe(range(4)), pipe.invert(pipe([1])[0])
    assert pipe.to("cuda").device.type == "cuda"
    assert pipe._lpips.shift.device.type == "cuda"
    assert pipe.modes is not None
    assert pipe.modes.centres.device.type == "cuda"
    drawn = pipe(range(4))
    assert drawn.device.type == "cpu"
    assert int((drawn.int() - wanted.int()).abs().max()) <= 1
    w_there, again_there, distance_there = pipe.invert(pipe([1])[0])
    assert torch.allclose(w_there, w, atol=1e-2)
    assert int((again_there.int() - again.int()).abs().max()) <= 2
    assert distance_there == pytest.approx(distance, abs=1e-2)
    moving = torch.Generator("cuda").manual_seed(1)
    assert pipe(n=2, generator=moving).shape == (2, 3, 16, 16)
    assert torch.equal(pipe.to("cpu")(range(4)), wanted)
